"""Pipelines that the store says are paused: a project as it runs, whatever its files say."""

from collections.abc import Mapping
from copy import copy

from ..system.typed import Any, TomlTable, Values
from . import Project, line_up


def heeding(project: Project, pauses: Values) -> Project:
    """Return the project with the pipelines paused that the store's notes name."""
    if not pauses:
        return project
    held = holders(project, pauses)
    notes = {name: pauses[holder] for name, holder in held.items()}
    found = copy(project)
    found.pauses = notes
    found.lost_pauses = sorted(pauses.keys() - held.values())
    found.pipelines = [_paused(row, notes) for row in project.pipelines]
    found.broken = [_paused(row, notes) for row in project.broken]
    found.line_up = line_up(found.pipelines + found.broken)
    return found


def holders(project: Project, pauses: Mapping[str, Any]) -> dict[str, str]:
    """Return under which name the pause of each pipeline that is paused is noted.

    A note that names none holds for the pipeline that has the text of then: its file has another name now.
    """
    rows = project.pipelines + project.broken
    names = {row["name"] for row in rows}
    lost = {note["text"]: name for name, note in pauses.items() if name not in names and note["text"]}
    found = {name: name for name in names if name in pauses}
    if lost:
        others = ((row["name"], lost.get(digest(row["text"]))) for row in rows if row["name"] not in pauses)
        found.update((name, holder) for name, holder in others if holder is not None)
    return found


def _paused(row: TomlTable, notes: Values) -> TomlTable:
    note = notes.get(row["name"])
    if note is None or row["status"] != "active":
        return row
    return {**row, "status": "paused", "paused": {name: note[name] for name in ("by", "at", "why")}}


def digest(text: str) -> str:
    """Return what tells the text of a pipeline from others; nothing for none."""
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else ""
