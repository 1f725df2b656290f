"""Pipelines that the store says are paused: a project as it runs, whatever its files say."""

from copy import copy
from hashlib import sha256
from typing import Any

from . import Project, line_up


def heeding(project: Project, pauses: dict[str, Any]) -> Project:
    """Return the project with the pipelines paused that the store's notes name.

    A note that names none holds for the pipeline that has the text of then: its file has another name now.
    """
    if not pauses:
        return project
    found = copy(project)
    rows = project.pipelines + project.broken
    names = {row["name"] for row in rows}
    lost = {note["text"]: note for name, note in pauses.items() if name not in names}
    notes = {name: note for name, note in pauses.items() if name in names}
    if lost:
        renamed = {row["name"]: lost.get(digest(row["text"])) for row in rows if row["name"] not in notes}
        notes.update({name: note for name, note in renamed.items() if note is not None})
    found.pauses = notes
    found.pipelines = [_paused(row, notes) for row in project.pipelines]
    found.broken = [_paused(row, notes) for row in project.broken]
    found.line_up = line_up(found.pipelines + found.broken)
    return found


def _paused(row: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    note = notes.get(row["name"])
    if note is None or row["status"] != "active":
        return row
    return {**row, "status": "paused", "paused": {name: note[name] for name in ("by", "at", "why")}}


def digest(text: str) -> str:
    """Return what tells the text of a pipeline from others."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
