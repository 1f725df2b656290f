"""The delivery worker inside `serve`: `deliver --watch`, woken as soon as there is something to send."""

import threading
from collections.abc import Callable
from contextlib import closing

from ..engine.courier import Wakeful
from ..engine.runtime import Runtime
from ..engine.watching import Watch
from ..operations.alerts import tell_and_send
from ..store.contract.sending import Wanted
from ..system.errors import IngestlayerError, in_words

PAUSE = 2.0  # seconds after a round that failed: the store is out of reach, maybe


class Worker:
    """A thread that sends what is due, until it is stopped. `opened` makes its runtime."""

    def __init__(self, opened: Callable[[], Runtime], troubled: Callable[[Exception], None]) -> None:
        self._opened = opened
        self._troubled = troubled
        self._woken = threading.Event()
        self._watch: Watch | None = None
        self._is_stopping = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._work, name="ingestlayer-sender", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Say that there is something to send."""
        self._woken.set()

    def stop(self) -> None:
        """Finish the messages in hand, and end."""
        self._is_stopping.set()
        if self._watch is not None:
            self._watch.stop()
        self._woken.set()

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
        """Return a runtime whose sleep ends when there is something to send; its times are the store's."""
        runtime = self._opened()
        runtime.store  # noqa: B018 (it is opened first: what time it is, a database says)
        runtime.clock = Wakeful(runtime.clock, self._woken)
        return runtime

    def _after(self, runtime: Runtime) -> None:
        """Tell of our own troubles; their messages go in the next round."""
        for words in tell_and_send(runtime, None):
            self._tell(IngestlayerError(words))

    def _tell(self, error: IngestlayerError) -> None:
        """Tell of a trouble once, not at each round."""
        if error.message != self._told:
            self._told = error.message
            self._troubled(error)
