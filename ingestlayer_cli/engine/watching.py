"""`deliver --watch`: rounds of sending, each over what is true then: files, connections, secrets, the store."""

from collections.abc import Callable
from functools import partial

from ..store.contract.accepting import AwayError
from ..system import ending
from ..system.clock import MINUTE
from ..system.document import Document
from ..system.errors import IngestlayerError, StoreError
from ..system.typed import TYPE_CHECKING
from . import flow
from .records import DELIVERS, Record
from .renewing import Renewing
from .runtime import Runtime

if TYPE_CHECKING:
    from ..model.documents.deliveries import RoundDocument
    from ..store.contract.sending import Wanted
    from .attempts import Said
    from .unfinished import Again

    Round = Document[RoundDocument]

ROUND = 2_000  # milliseconds that a round waits for channels
POLL = 500  # between two rounds
BROKEN = 30_000  # and when a connection is refused


class Watch:
    """Delivers again and again until it is stopped. Opened anew by `renew` when something has changed.

    While the files of the project are broken, it goes on with what they said before, and while a database is out of
    reach, it tries again; `troubled` is told why, once.
    `after` is called once a minute, after a round: what it queues is sent in the next one.
    """

    def __init__(
        self,
        runtime: Runtime,
        renew: Callable[[], Runtime],
        troubled: Callable[[IngestlayerError], None],
        after: Callable[[Runtime], None] | None = None,
    ) -> None:
        self._after = after
        self._renewing = Renewing(_ready(runtime), lambda: _ready(renew()), troubled)
        self._troubled = troubled
        self._is_away = False  # the database, as far as it was told
        self._spool_words = ""  # what was told last of what is kept on this machine
        self.stopped = False
        self._noted = 0  # when it was noted last that it runs

    @property
    def runtime(self) -> Runtime:
        return self._renewing.runtime

    def stop(self) -> None:
        """Finish what is in hand and return from `run`. For handlers of signals, too: nothing is loaded or opened."""
        self.stopped = True
        ending.tell()
        self.runtime.outbox.stop()

    def close(self) -> None:
        self._renewing.close()
        ending.forget()

    def run(
        self,
        wanted: "Wanted",
        said: "Said | None" = None,
        limit: int | None = None,
        ran: "Callable[[Again], None] | None" = None,
    ) -> "Round":
        """Deliver until it is stopped, or so many are sent."""
        while True:
            result = self._tried(partial(self._round, wanted, said, limit, ran))
            limit = None if limit is None else limit - result.told["sent"]
            if self.stopped or limit == 0:
                return result
            connections, pause = self.runtime.connections, POLL
            if connections.broken:
                pause = BROKEN
                connections.mended()
            self._rest(pause)
            self._look()

    def _tried(self, deliver: "Callable[[], Round]") -> "Round":
        """Return what a round comes to: to nothing while the database is out of reach."""
        try:
            result = deliver()
        except AwayError as error:
            if not self._is_away:
                self._troubled(error)
            self._is_away = True
            nothing: RoundDocument = {"sent": 0, "outcomes": {}, "waiting": {}, "failed": 0}
            return Document(nothing)
        self._is_away = False
        fault = self.runtime.spool_error
        if fault is not None and str(fault) != self._spool_words:
            self._spool_words = str(fault)
            self._troubled(fault)
        return result

    def _round(
        self,
        wanted: "Wanted",
        said: "Said | None",
        limit: int | None,
        ran: "Callable[[Again], None] | None",
    ) -> "Round":
        """Deliver once; that it runs is noted once a minute."""
        now, until = self.runtime.clock.now(), self.runtime.clock.steady() + ROUND

        def deliver() -> "Round":
            return flow.deliver(self.runtime, wanted, said, limit, until, ran)

        if 0 <= now - self._noted < MINUTE:
            return deliver()
        self._noted = now
        result = deliver_noted(self.runtime, wanted, deliver)
        if self._after is not None:
            self._after(self.runtime)
        return result

    def _rest(self, pause: int) -> None:
        """Sleep by what has passed, not by what time it is: a clock may be set back. A change is seen at once."""
        for _ in range(pause // POLL):
            self.runtime.clock.sleep(POLL)
            if self.stopped or not self.runtime.is_current:
                return

    def _look(self) -> None:
        if not self.stopped and self._renewing.look() and self.stopped:
            self.runtime.outbox.stop()


def _ready(runtime: Runtime) -> Runtime:
    """Return a runtime whose outbox is made: whoever stops it may come at any moment, also while modules are loaded."""
    runtime.outbox  # noqa: B018 (it is made when it is asked for)
    return runtime


def opened(runtime: Runtime) -> Runtime:
    """Return a runtime whose store is open; that it cannot be opened is a bad run, of which the monitor is told."""
    heart = runtime.heart(runtime.project.heartbeat)
    try:
        runtime.store  # noqa: B018 (it is opened when it is asked for)
    except StoreError:
        if heart is not None:
            heart.ends(False)
        runtime.close()
        raise
    return runtime


def deliver_noted(runtime: Runtime, wanted: "Wanted", deliver: "Callable[[], Round]") -> "Round":
    """Return what a round of `deliver` comes to, and note it, unless some of what waits was left aside."""
    if wanted.pipeline is not None or wanted.target is not None:
        return deliver()
    with Record(runtime, DELIVERS, heart=runtime.heart(runtime.project.heartbeat)) as record:
        result = deliver()
        why = runtime.connections.why_broken()
        if why is None and result.told["failed"]:
            why = "a run of a pipeline failed"
        last = runtime.store.upkeep.latest()  # of a clock that was ahead, if it is: that it was met is known then
        ahead = last if last is not None and last > runtime.clock.now() else None
        record.ends(flow.exit_code(result), why is None, why, sent=result.told["sent"], ahead=ahead)
    return result
