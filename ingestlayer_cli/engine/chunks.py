"""A batch: its chunks are accepted in transactions that hold the store for a short time each."""

from collections.abc import Callable, Iterable, Iterator
from time import monotonic

from ..model.events import Event
from ..model.gate import Line, Raw
from ..model.memory import Foreseen
from ..store.contract.accepting import NOTHING, AwayError, First, LookedUp, Queued
from ..store.contract.sending import no_deliveries
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, RejectedError, StoreError, count_of
from ..system.typed import TYPE_CHECKING, NamedTuple
from .accepting import accept, as_text, bury_line, foresee, look_ahead, look_up, transact, without_first
from .pipeline import Run
from .runtime import Runtime
from .tally import add_trouble, count, no_runs, nothing_accepted, run_again

if TYPE_CHECKING:
    from ..model.documents.events import BatchDocument
    from ..store.contract.roles.transaction import Transaction
    from .ahead import Ahead

HELD = 1.0  # seconds after which a transaction takes no further line: others wait for it

Admitted = tuple[Event, str] | RejectedError


class Fed(NamedTuple):
    """Lines that have passed the gate, and their runs, where these are made already."""

    admitted: list[tuple[Line, Admitted]]
    ahead: "Ahead | None" = None


Chunk = list[Line] | Fed


class Batch:
    """The chunks of a batch, and what they come to."""

    def __init__(
        self,
        runtime: Runtime,
        rejected: Callable[[Line, RejectedError], None] | None,
        progress: "Callable[[BatchDocument], None] | None",
        are_letters: bool = False,
    ) -> None:
        """`are_letters`: the lines were refused once, see `refusing.letters`; each is taken from there."""
        told: BatchDocument = {
            "accepted": 0,
            "duplicates": 0,
            "rejected": 0,
            "runs": no_runs(),
            "deliveries": no_deliveries(),
            "rejects": [],
        }
        self.result = Document(told)
        self.queued: list[Queued] = []
        self._runtime = runtime
        self._rejected = rejected
        self._progress = progress
        self._are_letters = are_letters
        self._started = runtime.clock.now()
        self._away: AwayError | None = None
        self._last = 0  # the number of the last line that is committed
        self._counted = 0, 0  # that number, and how many are accepted, as they belong together
        self._ending: _Done | None = None  # what is being committed, or is not counted yet

    def accept(self, chunks: Iterable[Chunk]) -> None:
        """Accept them; what reading them raises that is none of ours is the caller's."""
        try:
            for chunk in self._read(chunks):
                try:
                    self._take(chunk)
                except Exception as error:
                    self._stop(error)
                    return
                del chunk  # before the next is read
        except KeyboardInterrupt as stopped:
            self._last, accepted = self._counted
            more = self._ending and f"; of the next {count_of(self._ending.number, 'line')} it is not known"
            stopped.add_note(f"{self._place}: {accepted:,} accepted{more or ''}")
            raise

    def _read(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        try:
            yield from chunks
        except IngestlayerError as error:
            self._stop(error)

    def _take(self, chunk: Chunk) -> None:
        # The gate is pure: what it takes long for does not hold the store.
        fed = chunk if isinstance(chunk, Fed) else Fed(admit_lines(self._runtime, chunk))
        if self._away is not None:  # in their order
            self._keep(fed.admitted, self._away)
        else:
            self._accept(*fed)
        if self._progress is not None:
            self._progress(self.result.told)

    def _accept(self, admitted: list[tuple[Line, Admitted]], ahead: "Ahead | None") -> None:
        try:
            most = self._runtime.store.most_together
            while admitted:
                done = _accept_some(self._runtime, Fed(admitted[:most], ahead), self._are_letters, self._end)
                self._last, admitted = done.last, admitted[done.number :]
                self._add(done)
        except AwayError as error:
            if self._are_letters:  # they are where they were
                raise
            self._keep(admitted, error)

    def _end(self, done: "_Done | None") -> None:
        """Note what is committed next."""
        self._ending = done

    def _keep(self, admitted: list[tuple[Line, Admitted]], error: AwayError) -> None:
        """Keep events on this machine, as all that come after them; what is refused is told, and kept nowhere."""
        from .spool import SAFE, keep, note_kept

        events = [item for _, item in admitted if not isinstance(item, RejectedError)]
        done = self._ending = _Done(admitted[-1][0].number)
        done.number = len(admitted)
        keep(self._runtime, events, error)
        self._away, result = error, self.result.told
        self._last = done.last
        result["accepted"] += len(events)
        result["kept"] = result.get("kept", 0) + len(events)
        note_kept(self.result, error, f"{result['kept']:,} events are accepted and {SAFE}")
        self.result.exit_codes += [] if Exit.WAITING in self.result.exit_codes else [Exit.WAITING]
        done.refused = [(line, item) for line, item in admitted if isinstance(item, RejectedError)]
        self._add(done)

    @property
    def is_away(self) -> bool:
        """Whether the store is out of reach, and what comes is kept on this machine."""
        return self._away is not None

    def _add(self, done: "_Done") -> None:
        """Count what is committed."""
        result = self.result.told
        self.queued.append(done.queued)
        result["accepted"] += done.accepted
        result["duplicates"] += len(done.firsts)
        result["runs"]["queued"] += done.runs["queued"]
        result["runs"]["dropped"] += done.runs["dropped"]
        count(self.result, done.failed)
        self._counted, self._ending = (self._last, result["accepted"]), None
        firsts = [first.event.id for first in done.firsts if first.accepted_at < self._started]
        for line, why in done.refused:
            _reject(result, line, why)
            if self._rejected is not None:
                self._rejected(line, why)
        if firsts:
            again, queued = run_again(self._runtime, firsts)
            count(self.result, (it.run for it in again))
            self.queued.append(queued)

    @property
    def _place(self) -> str:
        return "stopped before the end" if self._are_letters else f"stopped after line {self._last:,}"

    def _stop(self, error: Exception) -> None:
        """Tell what is committed; raise the error where nothing is."""
        if self._last:
            hint = f"what came until line {self._last:,} is safe: emit the lines after it alone"
            if self._are_letters:
                hint = "what was accepted is safe: `ingestlayer replay --refused` takes the others"
            add_trouble(self.result, error, self._place, hint)
        else:
            raise nothing_accepted(error) if isinstance(error, StoreError) else error


class _Done:
    """What one transaction came to: its last line, how many it had, what became of them, what it queued.

    Runs that did not fail are counted at once: to keep a thousand of them until the commit takes a tenth of the time.
    """

    def __init__(self, last: int) -> None:
        self.last = last
        self.number = 0
        self.accepted = 0
        self.runs = no_runs()
        self.failed: list[Run] = []
        self.firsts: list[First] = []
        self.refused: list[tuple[Line, RejectedError]] = []
        self.queued = NOTHING

    def add(self, outcome: list[Run] | First) -> None:
        if isinstance(outcome, First):
            self.firsts.append(outcome)
            return
        self.accepted += 1
        for run in outcome:
            if run.error is None:
                self.runs[run.outcome] += 1
            else:
                self.failed.append(run)


def _accept_some(runtime: Runtime, fed: Fed, are_letters: bool, ending: "Callable[[_Done | None], None]") -> _Done:
    """Accept lines in one transaction: all of them, or as many as it may hold the store for.

    `ending` is told what is committed next; None while nothing is.
    """
    now, admitted = runtime.clock.now(), fed.admitted
    looked_up, foreseen = look_out(runtime, (item for _, item in admitted), now, fed.ahead)

    def work(transaction: "Transaction") -> _Done:
        until = monotonic() + HELD
        done = _Done(0)
        ending(None)
        look_ahead(transaction, looked_up, foreseen)
        ahead = fed.ahead if fed.ahead is not None and fed.ahead.fits(runtime.outside) else None
        for line, item in admitted:
            done.number, done.last = done.number + 1, line.number
            if are_letters and line.lasting and isinstance(item, RejectedError):
                done.refused.append((line, item))  # it waits on
                continue
            if are_letters and not transaction.earlier.take_dead_letter(line.number):
                continue
            number = None if are_letters else line.number
            outcome = accept_line(runtime, transaction, line, item, now, number, ahead)
            if isinstance(outcome, RejectedError):
                done.refused.append((line, outcome))
            else:
                done.add(outcome)
            if monotonic() > until:
                break
        ending(done)
        return done

    done, queued = transact(runtime, foreseen, work)
    done.queued = queued
    return done


def admit_lines(runtime: Runtime, lines: Iterable[Line]) -> list[tuple[Line, Admitted]]:
    """Return lines as they pass the gate now."""
    now = runtime.clock.now()
    return [(line, admit_line(runtime, line, now)) for line in lines]


def admit_line(runtime: Runtime, line: Line, now: int) -> Admitted:
    """Return the event of a line with its payload as JSON, or why it is none."""
    try:
        if line.raw is None or line.error is not None:
            return line.error or RejectedError("json", "the line cannot be read")
        return runtime.gate.admit(line.raw, now)
    except RejectedError as error:
        return error


def look_out(
    runtime: Runtime, items: Iterable[Admitted], now: int, ahead: "Ahead | None" = None
) -> tuple[LookedUp, Foreseen]:
    """Return what accepting these will look up, in the store and outside of it."""
    events = [item[0] for item in items if not isinstance(item, RejectedError)]
    if ahead is None:
        looked_up = look_up(runtime, events)
        return looked_up, foresee(runtime, without_first(runtime, events, looked_up, now))
    foreseen = Foreseen()
    foresee(runtime, ahead.foresee(runtime, events, foreseen), foreseen)
    ahead.spare(foreseen)
    # Which of them are duplicates hardly matters any more: it is found in the transaction.
    return LookedUp([event.key for event in events if event.key is not None], {}, None), foreseen


def accept_line(
    runtime: Runtime,
    transaction: "Transaction",
    line: Line,
    item: Admitted,
    now: int,
    number: int | None,
    ahead: "Ahead | None" = None,
) -> list[Run] | First | RejectedError:
    """Accept what a line holds, or keep it as a dead letter, of this number, and return why it is refused."""
    try:
        if isinstance(item, RejectedError):
            raise item
        return accept(runtime, transaction, *item, now, ahead)
    except RejectedError as error:
        raw = line.raw
        if raw is None:
            raw = Raw("", None) if isinstance(item, RejectedError) else _raw_of(item[0])
        text = line.text.decode("utf-8", "backslashreplace") or (as_text(line.raw) if line.raw else "")
        bury_line(transaction, raw, text, error, now, number, line.lasting)
        return error


def _raw_of(event: Event) -> Raw:
    """Return what an event was, of a line that was fed without it."""
    return Raw(event.type, event.payload, event.key, None, event.source)


def _reject(result: "BatchDocument", line: Line, error: RejectedError) -> None:
    result["rejected"] += 1
    if len(result["rejects"]) < 100:
        result["rejects"].append({"line": line.number, "kind": error.kind, "message": error.message})
