"""The versions of a pipeline that the store has: what ran, and what was edited away before it ran."""

import difflib
import hashlib
import os
from typing import NamedTuple

from ..engine.runtime import Runtime
from ..project.edit import BOM, parsed, read_text, replace, write_new
from ..project.kept import check_kept
from ..store.contract.protocols import Store
from ..system.clock import format_time
from ..system.errors import Problem, ProjectError, UsageError, near_miss

NOT_YET = "each version is kept when it first runs"
EDITED = "edited"  # the topic of the store's notes on edits that never ran and were replaced, by pipeline and version


class KeptVersion(NamedTuple):
    """One version. `first_used` is when it first ran; of an edit that never did, empty, and `kept` is when it went."""

    version: str
    text: str
    first_used: str = ""
    kept: str = ""

    @property
    def words(self) -> str:
        time, what = (self.first_used, "first used") if self.first_used else (self.kept, "an edit that never ran, of")
        return f"{self.version}, {what} {time[:10]} {time[11:16]} UTC"


class PipelineText(NamedTuple):
    """A pipeline's file as it is; there may be none."""

    path: str
    name: str
    text: str
    is_there: bool
    has_bom: bool


def versions(store: Store, pipeline: str) -> list[KeptVersion]:
    """Return what the store has of a pipeline, what ran first and each the newest first."""
    times = {it.version: format_time(it.first_used) for it in store.runs.versions().get(pipeline, ())}
    ran = [KeptVersion(version, text, times.get(version, "")) for version, text in store.runs.texts(pipeline).items()]
    notes = [note for note in store.notes(EDITED).values() if note["pipeline"] == pipeline]
    notes.sort(key=lambda note: str(note["at"]), reverse=True)
    return ran + [
        KeptVersion(note["version"], note["text"], kept=note["at"]) for note in notes if note["version"] not in times
    ]


def chosen(store: Store, pipeline: str, wanted: str | None) -> KeptVersion:
    """Return a version by the start of its name, or the one that ran last."""
    found = versions(store, pipeline)
    if wanted is None:
        last = store.runs.last_version(pipeline) if len(found) > 1 else None
        ran = [it for it in found if it.first_used and last in (None, it.version)]
        if not ran:
            raise UsageError(
                f"{pipeline} has not run yet: the store has no version of it", "each version is kept when it first runs"
            )
        return ran[0]
    matching = [it for it in found if wanted and it.version.startswith(wanted)]
    if len(matching) != 1:
        words = "is the start of several versions" if matching else "is no version"
        near = "" if matching else near_miss(wanted, [it.version for it in found])
        known = ", ".join(it.version for it in (matching or found)[:10])
        raise UsageError(
            f'"{wanted}" {words} of {pipeline}{near}', f"there are {known}" if known else "it has not run yet"
        )
    return matching[0]


def file_of(root: str, pipeline: str) -> PipelineText:
    """Return the file of a pipeline; ProjectError where it is no text."""
    name = f"pipelines/{pipeline}.toml"
    path = os.path.join(root, name)
    if not os.path.lexists(path):
        return PipelineText(path, name, "", False, False)
    text = read_text(path, name)
    return PipelineText(path, name, text.removeprefix(BOM), True, text.startswith(BOM))


def diff(version: KeptVersion, file: PipelineText) -> list[str]:
    """Return a unified diff from a version to the file, without line ends."""
    there = file.name if file.is_there else f"{file.name} (it is not there)"
    lines = difflib.unified_diff(
        version.text.splitlines(), file.text.splitlines(), f"{file.name} {version.words}", there, lineterm=""
    )
    return list(lines)


# Restoring ------------------------------------------------------------------------------------------------


class Plan(NamedTuple):
    """What restoring comes to: `edits` is the version of what no stored version has and would be replaced.

    `held` is the status that stands in the file, where that keeps the pipeline from running and the version's does not.
    """

    file: PipelineText
    version: KeptVersion
    edits: str | None
    held: str | None
    problems: list[Problem]  # of the version in the project of today

    @property
    def changes(self) -> bool:
        return self.file.text != self.version.text or not self.file.is_there


def plan(runtime: Runtime, store: Store, pipeline: str, wanted: str) -> Plan:
    """Return what it would come to."""
    version, file = chosen(store, pipeline, wanted), file_of(runtime.project.root, pipeline)
    is_stored = any(it.text == file.text for it in versions(store, pipeline)) or not file.is_there
    try:
        check_kept(runtime.project.root, pipeline, version.text)
        problems = []
    except ProjectError as error:
        problems = [problem for problem in error.details if problem.path.startswith(f"{file.name}:")]
    edits = None if is_stored else _name(runtime, pipeline, file.text)
    status, after = _status(file.text), _status(version.text)
    return Plan(file, version, edits, status if status != after == "active" else None, problems)


def _status(text: str) -> str:
    data = parsed([text]) or {}
    return str(data.get("status", "active"))


def restore(runtime: Runtime, pipeline: str, planned: Plan) -> None:
    """Write the version into the file; what is edited there is kept in the store before."""
    file, now = planned.file, runtime.clock.now()
    if planned.edits is not None:
        told = {"pipeline": pipeline, "version": planned.edits, "text": file.text, "at": format_time(now)}
        with runtime.store.transaction() as transaction:
            transaction.write_note(EDITED, f"{pipeline} {planned.edits}", told, now)
    if file_of(runtime.project.root, pipeline) != file:
        raise ProjectError(f"{file.name} was edited just now: nothing is written", "look at it, and try again")
    text = planned.version.text
    if file.is_there:
        replace(file.path, file.name, (BOM if file.has_bom else "") + text)
    else:
        write_new(file.path, file.name, text)


def _name(runtime: Runtime, pipeline: str, text: str) -> str:
    """Return the version of a text: what it would run as, where it can be compiled."""
    for row in runtime.filed.pipelines + runtime.filed.broken:
        if row["name"] == pipeline and row["text"] == text:
            return str(row["version"])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
