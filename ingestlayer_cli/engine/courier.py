"""The one sender of a process that lives long: calls hand over what they queued, and wait for what comes of it."""

import threading
from collections.abc import Callable
from contextlib import closing

from ..store.contract.accepting import Queued
from ..store.contract.sending import Wanted
from ..store.opening import open_to_write
from ..system.clock import Clock
from ..system.typed import TYPE_CHECKING, Directions, NamedTuple, Protocol
from .connections import Connections, draw_nothing
from .outbox import Errand, Outbox

if TYPE_CHECKING:
    from ..model.sending import Judgement
    from ..store.contract.protocols import Store

    class Judging(Protocol):
        """Judges again what has waited."""

        def recheck(self, id_: str, directions: Directions, now: int) -> Judgement: ...
        def close(self) -> None: ...


class _Waiting(NamedTuple):
    """A call that waits until what it queued is settled, or its time is over."""

    errand: Errand
    over: threading.Event
    failures: list[BaseException]


class Courier:
    """Sends what calls queued in one store: by one thread, with a connection to the store of its own.

    The thread is started with the first call, and ends with the process or when it is told to.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._waiting: list[_Waiting] = []
        self._has_joined = False  # whether somebody has since it was last looked
        self._connections: Connections | None = None
        self._judge: Callable[[], Judging] | None = None
        self._store: Store | None = None  # that of the thread
        self._judging: tuple[Connections, Judging] | None = None  # that of the thread
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def is_of(self, path: str) -> bool:
        """Say whether it sends what is queued in the file that is there now."""
        store = self._store
        return self._path == path and (store is None or store.is_in_place)

    def send(
        self, wanted: Wanted, due_by: int, until: int, connections: Connections, judge: "Callable[[], Judging]"
    ) -> None:
        """Send what a call queued, over the connections of its project; return when that is settled.

        Or is due later than `due_by`, or when its time is over, `until` by the steady clock: what is on its way then
        is recorded all the same.
        """
        waiting = _Waiting(Errand(wanted, due_by, until), threading.Event(), [])
        with self._lock:
            if connections.broken:
                connections.mended()
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="ingestlayer-sender", daemon=True)
                thread.start()  # it may fail: nobody has joined then
                self._thread = thread
            self._waiting.append(waiting)
            self._has_joined = True
            self._connections, self._judge = connections, judge
        self._woken.set()
        waiting.over.wait()
        for failure in waiting.failures:
            raise failure

    def close(self) -> None:
        """Finish what is in hand, and end."""
        self._is_closed = True
        self._woken.set()
        if (thread := self._thread) is not None:
            thread.join()

    def _work(self) -> None:
        while not self._has_ended():
            self._woken.wait()
            try:
                with closing(open_to_write(self._path)) as store:
                    self._store = store
                    clock = Wakeful(store.clock(Clock()), self._woken)
                    nobody = Connections({}, draw_nothing, "")
                    self._serve(Outbox(store, nobody, clock, shared=True, recheck=self._recheck))
            except BaseException as error:
                self._fail(error)

    def _has_ended(self) -> bool:
        """Say whether this thread ends; whoever joins afterwards starts another one."""
        with self._lock:
            if self._is_closed and not self._waiting:
                self._thread = None
            return self._thread is None

    def _serve(self, outbox: Outbox) -> None:
        try:
            while not self._is_closed or self._waiting:
                outbox.serve(lambda: self._errand(outbox))
                if not self._is_closed:
                    self._woken.wait()
        finally:
            self._end_judging()

    def _recheck(self, id_: str, directions: Directions, now: int) -> "Judgement":
        """Judge again a delivery that has waited, by the project of who joined last."""
        with self._lock:
            judge, connections = self._judge, self._connections
        if self._judging is None or self._judging[0] is not connections:
            self._end_judging()
            if judge is None or connections is None:
                raise TypeError("nobody has joined")
            self._judging = connections, judge()
        return self._judging[1].recheck(id_, directions, now)

    def _end_judging(self) -> None:
        if self._judging is not None:
            self._judging[1].close()
            self._judging = None

    def _errand(self, outbox: Outbox) -> Errand | None:
        """Let those go whose errand is done; return what the others want together."""
        self._woken.clear()
        with self._lock:
            self._waiting = [one._replace(errand=outbox.as_of_now(one.errand)) for one in self._waiting]
            waiting, has_joined, self._has_joined = [*self._waiting], self._has_joined, False
            if self._connections is not None:
                outbox.connections = self._connections
        if has_joined:
            outbox.expire()
        over = [one for one in waiting if outbox.is_done(one.errand)]
        with self._lock:
            self._waiting = [one for one in self._waiting if one not in over]
        for one in over:
            one.over.set()
        return _joined([one.errand for one in waiting if one not in over])

    def _fail(self, error: BaseException) -> None:
        """Tell those who wait: what they queued stays in the outbox."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.failures.append(error)
            one.over.set()


class Wakeful(Clock):
    """A clock whose sleep ends as soon as it is woken."""

    def __init__(self, clock: Clock, woken: threading.Event) -> None:
        self._clock = clock
        self._woken = woken

    def now(self) -> int:
        return self._clock.now()

    def steady(self) -> int:
        return self._clock.steady()

    def sleep(self, duration: int) -> None:
        if self._woken.wait(duration / 1000):
            self._woken.clear()


def _joined(errands: list[Errand]) -> Errand | None:
    """Return one errand for several; None for none."""
    if not errands:
        return None
    queued = Queued.joined(errand.wanted.queued for errand in errands if errand.wanted.queued)
    until = max(errand.until for errand in errands if errand.until is not None)
    return Errand(Wanted(queued, with_older=True), max(errand.due_by for errand in errands), until)
