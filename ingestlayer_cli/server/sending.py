"""The delivery worker inside `serve`: `deliver --watch`, woken as soon as there is something to send."""

import threading
from collections.abc import Callable
from contextlib import closing

from ..engine.runtime import Runtime
from ..engine.watching import Watch
from ..operations.alerts import tell_and_send
from ..store.contract.sending import Wanted
from ..system.clock import Clock
from ..system.errors import IngestlayerError, in_words

PAUSE = 2.0  # seconds after a round that failed: the store is out of reach, maybe


class Wakeful(Clock):
    """Sleeps until it is woken."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wake(self) -> None:
        self._woken.set()

    def sleep(self, duration: int) -> None:
        if self._woken.wait(duration / 1000):
            self._woken.clear()


class Worker:
    """A thread that sends what is due, until it is stopped. `opened` makes its runtime, with this clock."""

    def __init__(self, opened: Callable[[Clock], Runtime], troubled: Callable[[Exception], None]) -> None:
        self._opened = opened
        self._troubled = troubled
        self._clock = Wakeful()
        self._watch: Watch | None = None
        self._is_stopping = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._work, name="ingestlayer-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._clock.wake()

    def stop(self) -> None:
        """Finish the messages in hand, and end."""
        self._is_stopping.set()
        if self._watch is not None:
            self._watch.stop()
        self._clock.wake()

    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._is_stopping.is_set():
            try:
                with closing(Watch(self._open(), self._open, self._tell, self._after)) as self._watch:
                    if self._is_stopping.is_set():
                        self._watch.stop()
                    self._watch.run(Wanted())
            except Exception as error:
                self._tell(in_words(error))
                self._is_stopping.wait(PAUSE)
            else:
                self._told = ""

    def _open(self) -> Runtime:
        return self._opened(self._clock)

    def _after(self, runtime: Runtime) -> None:
        """Tell of our own troubles; their messages go in the next round."""
        for words in tell_and_send(runtime, None):
            self._tell(IngestlayerError(words))

    def _tell(self, error: IngestlayerError) -> None:
        """Tell of a trouble once, not at each round."""
        if error.message != self._told:
            self._told = error.message
            self._troubled(error)
