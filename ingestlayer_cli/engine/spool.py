"""Events that are accepted while the store that several machines share is out of reach.

They are kept on this machine, and handed over in their order by the next call that reaches it: their keys are judged,
and their pipelines run, then. An event whose commit nobody could be asked about is kept, too: what is handed over is
looked for by its id, so that it is stored once.
"""

import os
from collections.abc import Callable, Sequence

from ..model.events import Event
from ..model.gate import Raw
from ..store.contract.accepting import SpoolError
from ..store.opening import is_file, open_spool
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, RejectedError, StoreError
from ..system.typed import TYPE_CHECKING, Any
from .accepting import accept, bury_line, foresee, look_ahead, look_up, transact, without_first

if TYPE_CHECKING:
    from ..model.documents.events import EmitDocument, TroubledDocument
    from ..project import Project
    from ..store.contract.accepting import AwayError
    from ..store.contract.roles.transaction import Transaction
    from .runtime import Runtime

FILE = "spool.db"
SAFE = "kept on this machine; `ingestlayer deliver`, or the next call that reaches the store, hands it over"


def path_of(project: "Project") -> str:
    return os.path.join(project.home, FILE)


def path_of_check(project: "Project", name: str) -> str:
    """Return where the rows of a check are kept, which the next run of it judges."""
    return os.path.join(project.home, "checks", f"{name}.db")


def keep(runtime: "Runtime", events: Sequence[tuple[Event, str]], error: "AwayError") -> None:
    """Keep accepted events, each with its payload as JSON; the error where that is not wanted, or not possible."""
    if not runtime.project.has_spool:
        raise error
    open_spool(path_of(runtime.project)).add(events, runtime.clock.now())


def kept_document(event: Event, error: "AwayError") -> "Document[EmitDocument]":
    """Return the document of an event that is kept."""
    told: EmitDocument = {"status": "accepted", "differs": [], "event": event.document(), "runs": [], "kept": True}
    result = Document(told)
    result.exit_codes = [Exit.WAITING]
    note_kept(result, error, f"{event.id} is accepted and {SAFE}")
    return result


def note_kept(result: "Document[TroubledDocument]", error: "AwayError", hint: str) -> None:
    """Tell in a result why events are kept."""
    told: IngestlayerError = error.copy()
    told.hint = "; ".join(filter(None, (hint, error.hint)))
    result.told["trouble"] = told.document()["error"]


def kept(project: "Project") -> tuple[int, int | None]:
    """Return how many events are kept on this machine, and since when."""
    if is_file(project.store_path):
        return 0, None
    return open_spool(path_of(project)).count()


def kept_of_check(project: "Project", name: str) -> tuple[int, int | None]:
    """Return how many rows of a check are kept on this machine, and since when."""
    if is_file(project.store_path):
        return 0, None
    return open_spool(path_of_check(project, name)).count()


def hand_over(runtime: "Runtime") -> int:
    """Accept what is kept, in its order; return how many events. What is wrong with the file is noted alone."""
    runtime.spool_error = None
    path = path_of(runtime.project)
    if is_file(runtime.project.store_path) or not os.path.exists(path):
        return 0
    return drain(runtime, path, lambda events: _accept_new(runtime, events))


def drain(runtime: "Runtime", path: str, take: Callable[[list[tuple[Event, str]]], None]) -> int:
    """Hand over what is kept in a file, many at a time; return how many. What is wrong with the file is noted alone."""
    runtime.spool_error = None
    spool, count = open_spool(path), 0
    try:
        while spool.count()[0]:
            with spool.taken(runtime.store.most_together) as events:
                take(events)
            count += len(events)
    except SpoolError as error:
        runtime.spool_error = error
    return count


def note_fault(error: SpoolError, result: "Document[Any]") -> None:
    """Tell in a result that what is kept could not be handed over: what came now is none the worse."""
    if result.keys() & {"trouble", "error"}:
        result.hints.append(f"{error.message}; {error.hint}")
    else:
        result.told["trouble"] = error.document()["error"]


def _accept_new(runtime: "Runtime", events: list[tuple[Event, str]]) -> None:
    new = _new(runtime, events)
    try:
        _accept(runtime, new)
    except StoreError:
        # One of them may be committed just now, by a server that was thought to be lost.
        if len(left := _new(runtime, new)) == len(new):
            raise
        _accept(runtime, left)


def _new(runtime: "Runtime", events: list[tuple[Event, str]]) -> list[tuple[Event, str]]:
    """Return those that are not stored."""
    known = {event.id for event in runtime.store.history.events([event.id for event, _ in events])}
    return [(event, payload) for event, payload in events if event.id not in known]


def _accept(runtime: "Runtime", new: list[tuple[Event, str]]) -> None:
    now = runtime.clock.now()
    looked_up = look_up(runtime, [event for event, _ in new])
    foreseen = foresee(runtime, without_first(runtime, [event for event, _ in new], looked_up, now))

    def work(transaction: "Transaction") -> None:
        look_ahead(transaction, looked_up, foreseen)
        for event, payload in new:
            try:
                accept(runtime, transaction, event, payload, now)
            except RejectedError as error:
                raw = Raw(event.type, event.payload, event.key, None, event.source)
                bury_line(transaction, raw, payload, error, now, None)

    transact(runtime, foreseen, work)
