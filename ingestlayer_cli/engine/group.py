"""Group commit: many callers at once, one thread that writes.

What callers bring while a transaction is being written goes into the next one, so that a hundred of them wait for the
disk once. Nobody waits for others to come: an idle writer takes what there is.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from ..model.gate import Line
from ..store.contract.accepting import AwayError, First
from ..store.opening import is_file
from ..system import ending
from ..system.errors import IngestlayerError, RejectedError, StoreError, count_of
from ..system.typed import TYPE_CHECKING, NamedTuple
from .accepting import look_ahead, transact
from .chunks import HELD, Admitted, accept_line, admit_lines, look_out
from .renewing import Renewing
from .runtime import Runtime
from .tally import run_again

if TYPE_CHECKING:
    from ..store.contract.protocols import Store
    from ..store.contract.roles.transaction import Transaction

MOST = 1_000  # events of a transaction, but for the last caller's
MOST_WAITING = 20_000  # events that may wait
PATIENCE = 5.0  # seconds that the writer waits for others who hold the store


class BusyError(IngestlayerError):
    """More is brought than can be written, or nothing is taken any more: whoever brings it may come again."""

    kind = "busy"


class Became(NamedTuple):
    """What became of one event: `id` is the first one's for a duplicate, None for one that is refused."""

    status: str
    id: str | None
    error: RejectedError | None = None


class Brought:
    """What one caller brings: it is accepted together. `answers` are there once it is durable, else the `error`.

    `admitted` is what came of its lines at the gate, when they were last to be accepted.
    """

    __slots__ = ("admitted", "answers", "error", "lines")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.admitted: list[tuple[Line, Admitted]] = []
        self.answers: list[Became] = []
        self.error: Exception | None = None


Errand = Callable[[Renewing], None]


class Writer:
    """Accepts what is brought; `answered` is told, by its thread, what is done.

    `queued` is called when there is something to send, `troubled` is told what failed after a commit. Others who want
    something of the thread's store give it an errand.
    """

    def __init__(
        self,
        renewing: Renewing,
        answered: Callable[[list[Brought]], None],
        queued: Callable[[], None],
        troubled: Callable[[Exception], None],
    ) -> None:
        self._renewing = renewing
        self._answered = answered
        self._queued = queued
        self._troubled = troubled
        self._lock = threading.Condition()
        self._waiting = deque[Brought]()
        self._errands = deque[Errand]()
        self._size = 0  # of what waits, in events
        self._is_closed = False
        self._store: Store | None = None  # as it was made ready
        self._away: AwayError | None = None  # the store, when something was written last
        self._spool_words = ""  # what was told last of what is kept
        self._thread = threading.Thread(target=self._work, name="ingestlayer-writer")

    def start(self) -> None:
        self._thread.start()

    def bring(self, lines: list[Line]) -> Brought:
        """Have events accepted, all of them in one transaction; BusyError when too many wait already."""
        brought = Brought(lines)
        with self._lock:
            if self._is_closed:
                raise BusyError("the server is stopping")
            if self._size + len(lines) > MOST_WAITING:
                raise BusyError(f"{count_of(self._size, 'event waits', 'events wait')} to be written already")
            self._waiting.append(brought)
            self._size += len(lines)
            self._lock.notify()
        return brought

    def withdraw(self, brought: Brought) -> bool:
        """Take back what was brought; False when it is in the writer's hand, or done."""
        with self._lock:
            if brought not in self._waiting:
                return False
            self._waiting.remove(brought)
            self._size -= len(brought.lines)
            return True

    def send(self, errand: Errand) -> None:
        """Have something done by the writer's thread, between two transactions."""
        with self._lock:
            self._errands.append(errand)
            self._lock.notify()

    def close(self) -> None:
        """Write what waits, and end."""
        with self._lock:
            self._is_closed = True
            self._lock.notify()
        if self._thread.ident is not None:
            self._thread.join()
        self._renewing.close()

    def _work(self) -> None:
        while True:
            with self._lock:
                self._lock.wait_for(lambda: self._waiting or self._errands or self._is_closed)
                errands, group = [*self._errands], self._next()
                self._errands.clear()
                if not (errands or group):
                    return
            for errand in errands:
                self._run(errand)
            if group:
                self._write(group)

    def _run(self, errand: Errand) -> None:
        try:
            errand(self._renewing)
        except Exception as error:
            self._troubled(error)

    def _next(self) -> list[Brought]:
        """Take what one transaction may have."""
        group, size = list[Brought](), 0
        most = MOST if self._store is None else min(MOST, self._store.most_together)
        while self._waiting and (not group or size + len(self._waiting[0].lines) <= most):
            group.append(self._waiting.popleft())
            size += len(group[-1].lines)
        self._size -= size
        return group

    def _write(self, group: list[Brought]) -> None:
        if self._away is not None and ending.is_told():
            self._keep(group, self._away)
            return
        self._away = None
        try:
            self._renewing.look()
            done = self._accept(group)
        except AwayError as error:
            self._away = error
            self._renewing.runtime.let_go()
            self._keep(group, error)
        except StoreError as error:
            self._renewing.runtime.let_go()  # it is opened anew: a connection may be what is broken
            self._fail(group, error)
        except Exception as error:
            if len(group) > 1:  # one of them may be what it fails by
                for brought in group:
                    self._write([brought])
            else:
                self._fail(group, error)
        else:
            self._put_back(group[done:])

    def _keep(self, group: list[Brought], error: AwayError) -> None:
        """Keep what callers brought on this machine until the store is in reach.

        Under the ids that it has: it may be committed, and nobody heard of it.
        """
        from .spool import keep

        runtime = self._renewing.runtime
        runtime.gate.allows_future = False
        self._admit(runtime, [brought for brought in group if not brought.admitted])
        items = [item for brought in group for _, item in brought.admitted]
        try:
            keep(runtime, [it for it in items if not isinstance(it, RejectedError)], error)
        except StoreError as failure:
            self._fail(group, failure)
            return
        for brought in group:
            brought.answers = [_kept(item) for _, item in brought.admitted]
        self._answered(group)

    def _admit(self, runtime: Runtime, group: list[Brought]) -> None:
        for brought in group:
            brought.admitted = admit_lines(runtime, brought.lines)

    def _fail(self, group: list[Brought], error: Exception) -> None:
        for brought in group:
            brought.error = error
        self._answered(group)

    def _put_back(self, group: list[Brought]) -> None:
        with self._lock:
            self._waiting.extendleft(reversed(group))
            self._size += sum(len(brought.lines) for brought in group)

    def _accept(self, group: list[Brought]) -> int:
        """Accept what callers brought, or as many as one transaction may hold the store for; return how many."""
        runtime = self._renewing.runtime
        self._make_ready(runtime)
        if not is_file(runtime.project.store_path):
            from .spool import hand_over

            if hand_over(runtime):
                self._queued()
            if (error := runtime.spool_error) is not None and str(error) != self._spool_words:
                self._spool_words = str(error)
                self._troubled(error)
        self._admit(runtime, group)
        now, admitted = runtime.clock.now(), [brought.admitted for brought in group]
        looked_up, foreseen = look_out(runtime, (item for lines in admitted for _, item in lines), now)

        def work(transaction: "Transaction") -> list[list[Became]]:
            until, done = monotonic() + HELD, list[list[Became]]()
            again.clear()
            look_ahead(transaction, looked_up, foreseen)
            for lines in admitted:
                done.append([self._answer(runtime, transaction, *it, now, again) for it in lines])
                if monotonic() > until:
                    break
            return done

        again = list[str]()
        done, queued = transact(runtime, foreseen, work)
        for brought, answers in zip(group, done, strict=False):
            brought.answers = answers
        self._tell(runtime, group[: len(done)], bool(queued), again)
        return len(done)

    def _make_ready(self, runtime: Runtime) -> None:
        if runtime.store is not self._store:
            self._store = runtime.store
            self._store.wait_at_most(PATIENCE)
            runtime.gate.allows_future = False

    def _answer(
        self, runtime: Runtime, transaction: "Transaction", line: Line, item: Admitted, now: int, again: list[str]
    ) -> Became:
        outcome = accept_line(runtime, transaction, line, item, now, line.number or None)
        if isinstance(item, RejectedError):
            return Became("rejected", None, item)
        if isinstance(outcome, RejectedError):
            return Became("rejected", None, outcome)
        if isinstance(outcome, First):
            again.append(outcome.event.id)
            return Became("duplicate", outcome.event.id)
        return Became("accepted", item[0].id)

    def _tell(self, runtime: Runtime, done: list[Brought], has_queued: bool, again: Iterable[str]) -> None:
        """Tell of what is committed, whatever fails now; run again at once what failed of events that came again."""
        try:
            self._answered(done)
            if has_queued:
                self._queued()
            if run_again(runtime, [*dict.fromkeys(again)])[1]:
                self._queued()
        except Exception as error:
            self._troubled(error)


def _kept(item: Admitted) -> Became:
    return Became("rejected", None, item) if isinstance(item, RejectedError) else Became("accepted", item[0].id)
