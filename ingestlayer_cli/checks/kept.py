"""Rows at a level that are kept on this machine while the store that several machines share is out of reach.

What their keys hold is known there alone: the next run that reaches it judges them first, as of when they were read.
A fall is not kept: that run sees by itself what is at no level any more.
"""

from collections.abc import Callable
from itertools import groupby

from ..engine.spool import path_of_check
from ..model.events import Event, encode
from ..store.contract.accepting import AwayError, SpoolError
from ..store.opening import is_file, open_spool
from ..system.document import Document
from ..system.errors import Exit, ProjectError, count_of
from ..system.typed import TYPE_CHECKING, TomlTable
from .base import SourceError
from .judging import Judge, Judged
from .levels import Levels
from .report import failed_document
from .sources import source_of

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..model.documents.checks import FailedCheckDocument


def kept_document(runtime: "Runtime", data: TomlTable, error: AwayError) -> "Document[FailedCheckDocument]":
    """Keep what is at a level; return the document of a run that could do no more, because of this error."""
    number = _keep(runtime, data)
    rows = count_of(number, "row at a level is", "rows at a level are")
    error.exit_code = Exit.WAITING
    error.hint = f"{rows} kept on this machine; the next run that reaches the store judges them first; {error.hint}"
    result = failed_document(data["name"], error)
    result.told["kept"] = number
    return result


def _keep(runtime: "Runtime", data: TomlTable) -> int:
    """Keep the rows of a source that are at a level; return how many. A row that is kept at it is not kept twice."""
    now, name = runtime.clock.now(), data["name"]
    period = Levels(data, now).start
    events = []
    try:
        for row in Judge(data, None).rows(source_of(runtime.project.root, data), ()):
            text = encode({"row": row})
            events.append((Event(f"{period}{row.key} {row.level}", name, now, f"check:{name}", row.key, {}), text))
    except (SourceError, ProjectError):  # of a source that fails nothing is believed
        return 0
    open_spool(path_of_check(runtime.project, name)).add(events, now)
    return len(events)


def hand_over(runtime: "Runtime", name: str, judge: Callable[[int, list[Judged]], None]) -> None:
    """Let what is kept of a check be judged: the rows of one time after those of another.

    What is wrong with the file is noted alone.
    """
    if is_file(runtime.project.store_path):
        return
    spool = open_spool(path_of_check(runtime.project, name))
    runtime.spool_error = None
    try:
        while spool.count()[0]:
            with spool.taken(runtime.store.most_together) as events:
                for at, of in groupby(events, lambda kept: kept[0].received_at):
                    judge(at, [Judged(*event.payload["row"]) for event, _ in of])
    except SpoolError as error:
        runtime.spool_error = error
