"""What is wrong with the project's files, as far as a look at them tells."""

import os
from collections.abc import Iterator

from ...project import Project
from ...project.find import FILE
from ...system.clock import parse_time
from ...system.errors import count_of
from ...system.typed import Values
from .symptoms import OLD, Symptom, age, trouble


def files(project: Project) -> Iterator[Symptom]:
    """Yield which of the project's files are broken, and which pipelines are not active."""
    if project.trouble is not None:
        details = project.trouble.details
        words = f"the project's files have {count_of(len(details), 'problem')}" if details else project.trouble.message
        why = "no event can be accepted" + (f": {': '.join(details[0])}" if details else "")
        yield trouble(
            *("files", "problem", "project_broken", project.root, words),
            why=why,
            by_hand="" if details else project.trouble.hint if _has_file(project) else "put it back",
            command="ingestlayer validate",
        )
    for row in project.broken:
        place, problem = row["problems"][0]
        words = f"pipelines/{row['name']}.toml has {count_of(len(row['problems']), 'problem')}: its runs fail"
        yield trouble(
            *("pipelines", "problem", "pipeline_broken", row["name"], words),
            why=f"{place}: {problem}",
            command="ingestlayer validate",
        )
    for name in project.lost_pauses:
        words = f"{name} is paused in the store, and there is no such pipeline"
        hint = "was its file renamed and edited? What it is called now runs"
        command = f"ingestlayer pipelines resume {name}"
        yield trouble("pipelines", "warning", "pause_lost", name, words, why=hint, command=command)
    for row in project.pipelines:
        name = row["name"]
        if row["status"] == "paused":
            yield _paused(name, row.get("paused"))
        elif row["status"] == "draft":
            yield Symptom("pipelines", "ok", f"the pipeline {name} is a draft: it posts nothing", subject=name)


def _has_file(project: Project) -> bool:
    return os.path.exists(os.path.join(project.root, FILE))


def _paused(name: str, note: Values | None) -> Symptom:
    """Return that a pipeline is paused; `note` is of one that the store has, and no file."""
    words, command = f"the pipeline {name} is paused: it posts nothing", f"ingestlayer pipelines resume {name}"
    since, why = None, ""
    if note is not None:
        since, why = parse_time(note["at"], 0), f"by {note['by']}" + (f": {note['why']}" if note["why"] else "")
    return trouble("pipelines", "warning", "pipeline_paused", name, words, why=why, since=since, command=command)


def entities(project: Project, now: int) -> Iterator[Symptom]:
    """Yield the entity files that are not there, or old."""
    for kind, table in project.entities.items():
        path, name = os.path.join(project.root, table["file"]), table["file"]
        if not os.path.isfile(path):
            hint = f"put it there, or correct [entities.{kind}]"
            yield trouble("entities", "problem", "entities_missing", name, f"{name} is not there", hint=hint)
            continue
        if not os.access(path, os.R_OK):
            hint = "make it readable for this user"
            yield trouble("entities", "problem", "entities_missing", name, f"{name} cannot be read", hint=hint)
            continue
        at = int(os.stat(path).st_mtime * 1000)
        words = f"{name}: {age(max(now - at, 0))} old"
        if now - at > OLD:
            hint = "is its export still running?"
            yield trouble("entities", "warning", "entities_old", name, words, since=at, hint=hint)
        else:
            yield Symptom("entities", "ok", words, subject=name)
