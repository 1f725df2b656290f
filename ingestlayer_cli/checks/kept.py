"""What a check finds while the store that several machines share is out of reach, kept on this machine.

What their keys hold is known there alone: the next run that reaches it judges it first, run after run, as of when it
was read. So are kept the rows at a level, and those of keys that may hold one: of what the last run here that reached
the store knew to be held, and of what was kept since.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby

from ..engine.spool import drain, path_of_check
from ..model.events import Event, encode
from ..store.contract.accepting import AwayError
from ..store.opening import is_file, open_spool
from ..system.document import Document
from ..system.errors import Exit, ProjectError, UsageError, count_of
from ..system.files import written_whole
from ..system.typed import TYPE_CHECKING, Any, TomlTable, Values
from .base import SourceError
from .judging import Judge, Judged, mark_of
from .levels import Levels
from .report import failed_document
from .sources import source_of

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.checks import FailedCheckDocument
    from ..project import Project

FALLS = 2  # a fall is believed when so many runs saw it, one after the other


def kept_document(runtime: "Runtime", data: TomlTable, error: AwayError) -> "Document[FailedCheckDocument]":
    """Keep what may change what is held; return the document of a run that could do no more, because of this error."""
    number = _keep(runtime, data)
    rows = count_of(number, "row at a level is", "rows at a level are")
    error.exit_code = Exit.WAITING
    error.hint = f"{rows} kept on this machine; the next run that reaches the store judges them first; {error.hint}"
    result = failed_document(data["name"], error)
    result.told["kept"] = number
    return result


def _keep(runtime: "Runtime", data: TomlTable) -> int:
    """Keep the rows of a source that are at a level, or have fallen; return how many are at one.

    What is as it was kept last, in its period, is not kept again.
    """
    now, name = runtime.clock.now(), data["name"]
    period = Levels(data, now).start
    spool, known = open_spool(path_of_check(runtime.project, name)), _known(runtime.project, name)
    last = spool.newest()
    marks = {mark_of(key) for key in (*known["keys"], *last)}
    events, number = [], 0
    try:
        for row in Judge(data, None).rows(source_of(runtime.project.root, data), marks):
            number += row.level is not None
            falls = _falls(row, period, last.get(row.key))
            if falls is not None:
                kept = {"row": row, "period": period, "falls": falls, "after": known["ran"]}
                events.append((Event(f"{now} {row.key}", name, now, f"check:{name}", row.key, {}), encode(kept)))
    except (SourceError, ProjectError):  # of a source that fails nothing is believed
        return 0
    spool.add(events, now)
    _note(runtime.project, name, {**known, "ran": now})
    return number


def _falls(row: Judged, period: str, last: Values | None) -> int | None:
    """Return how many runs in a row have seen a row fallen; None for one that is as it was kept last."""
    before = None if last is None or last.get("period") != period else Judged(*last["row"])
    falls = 0 if row.level is not None else 1
    if before is None:
        return falls
    if row.level is None:
        falls += last["falls"] if last else 0
        return falls if falls <= FALLS else None
    return None if (before.level, before.limits) == (row.level, row.limits) else falls


def note_held(project: "Project", name: str, keys: set[str]) -> None:
    """Note what is held at the end of a run that reached the store: what of it has fallen is kept where none can."""
    known = {"ran": None, "keys": sorted(keys)}
    if known != _known(project, name):
        _note(project, name, known)


def _known(project: "Project", name: str) -> Any:
    try:
        with open(_place(project, name), encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {"ran": None, "keys": []}


def _note(project: "Project", name: str, known: Values) -> None:
    path = _place(project, name)
    with suppress(OSError, UsageError):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with written_whole(path) as file:
            json.dump(known, file)


def _place(project: "Project", name: str) -> str:
    return path_of_check(project, name).removesuffix(".db") + ".held"


def hand_over(runtime: "Runtime", name: str, judge: Callable[[int, int | None, list[Judged]], None]) -> None:
    """Let what is kept of a check be judged: the rows of one run after those of another.

    `judge` is told when a run was, and when the one before it was, where that had no store either. What is wrong with
    the file is noted alone.
    """
    if is_file(runtime.project.store_path):
        return

    def take(events: list[tuple[Event, str]]) -> None:
        for at, of in groupby(events, lambda kept: kept[0].received_at):
            kept = [event.payload for event, _ in of]
            judge(at, kept[0].get("after"), [Judged(*it["row"]) for it in kept])

    drain(runtime, path_of_check(runtime.project, name), take)
