"""A heartbeat: a monitor is told that a run begins, and how it ends, so that it notices when none comes any more.

By the convention of healthchecks.io: a POST to ADDRESS/start, then to ADDRESS, or ADDRESS/fail. The run neither waits
for it nor fails by it. The address is a secret: it is named, and nothing shows it.
"""

import threading
from queue import SimpleQueue
from time import sleep
from urllib.parse import urlsplit, urlunsplit

from .. import __version__
from ..secrets.named import resolve
from ..system.addresses import problem_of
from ..system.errors import ProjectError, cause
from ..system.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..system.transport import Transport

SECONDS = 5.0  # that one POST may take
PATIENCE = 10.0  # that the process stays for the last ones
TRIES = 2  # of an end: without it the monitor takes the run for lost
PAUSE = 1.0  # between them
AT_START, AT_END, AT_FAILURE = "/start", "", "/fail"


class _Beat(NamedTuple):
    secret: str  # the name of the address
    sign: str


class Heart(NamedTuple):
    """What tells one monitor of one kind of run; `secret` names its address."""

    beats: "Heartbeats"
    secret: str

    def begins(self) -> None:
        """Tell that a run begins."""
        self.beats.add(_Beat(self.secret, AT_START))

    def ends(self, is_good: bool) -> None:
        """Tell how a run ended."""
        self.beats.add(_Beat(self.secret, AT_END if is_good else AT_FAILURE))


class Heartbeats:
    """Tells monitors of runs, in the order in which they begin and end, by a thread of its own."""

    def __init__(self, seconds: float = SECONDS, pause: float = PAUSE) -> None:
        self._seconds = seconds
        self._pause = pause
        self._beats: SimpleQueue[_Beat | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._faults: dict[str, str] = {}  # by the name of the address: what went wrong last

    def close(self, patience: float = PATIENCE) -> list[str]:
        """Wait a little for what is still to be told; return what went wrong of what was told last."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._beats.put(None)
            thread.join(patience)
            self._beats = SimpleQueue()  # a thread that is not done is left to itself, with what it has
        return [*self._faults.values()]

    def add(self, beat: _Beat) -> None:
        """Tell it when what was added before is told."""
        if self._thread is None:
            thread = threading.Thread(target=self._work, args=(self._beats,), name="ingestlayer-heart", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no more threads: then there is no heartbeat, which the monitor notices
                self._faults[beat.secret] = f"{beat.secret} was told nothing: no thread can be started"
                return
            self._thread = thread
        self._beats.put(beat)

    def _work(self, beats: "SimpleQueue[_Beat | None]") -> None:
        from ..system.transport import Transport

        transport = Transport(self._seconds)
        while (beat := beats.get()) is not None:
            fault = self._told(transport, beat)
            if fault is None:
                self._faults.pop(beat.secret, None)
            else:
                self._faults[beat.secret] = fault

    def _told(self, transport: "Transport", beat: _Beat) -> str | None:
        """Tell a monitor; return why that failed, in words that hold nothing of the address."""
        try:
            address = resolve(beat.secret)
        except ProjectError as error:
            return f"{error.message}: {error.hint}"
        if problem := problem_of(address):
            return f"nothing can be sent to {beat.secret}: {problem}"
        for attempt in range(1 if beat.sign == AT_START else TRIES):
            sleep(self._pause if attempt else 0)
            fault, may_pass = _posted(transport, _address(address, beat.sign))
            if not may_pass:
                break
        return None if fault is None else f"{beat.secret} {fault}"


def _posted(transport: "Transport", address: str) -> tuple[str | None, bool]:
    """Return what went wrong with a POST, if anything did, and whether it may pass."""
    from ..system.transport import UnsentError

    headers = {"User-Agent": f"ingestlayer/{__version__}", "Content-Type": "text/plain"}
    try:
        reply = transport.exchange("POST", address, headers, b"")
    except TimeoutError:
        return "gave no answer in time", True
    except UnsentError as error:
        return f"could not be reached ({cause(error.reason)})", True
    except Exception as error:  # what it says may hold the address
        return f"gave no answer that can be read ({type(error).__name__})", True
    if 200 <= reply.status < 300:
        return None, False
    elsewhere = ": redirects are not followed, give the address that it has now" if 300 <= reply.status < 400 else ""
    return f"answered {reply.status}{elsewhere}", reply.status >= 500


def _address(address: str, sign: str) -> str:
    """Return the address of a sign: it goes to the end of the path, before a query."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + sign, parts.query, ""))
