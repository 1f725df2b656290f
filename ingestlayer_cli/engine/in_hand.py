"""What an outbox is sending at this moment, by threads: one for each, for it is over in less than a second."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from ..model.sending import Result
from ..store.contract.sending import Claimed

WORKERS = 8  # channels that are sent to at once
AGAIN = 1.0  # seconds after which it is looked again who is done: whoever was interrupted may have missed it


class _Sending:
    """A delivery that is sent by who comes first: its thread, or, where that was never started, who waits for it."""

    def __init__(self, claimed: Claimed, at: int, send: Callable[[], Result], done: "SimpleQueue[None]") -> None:
        self.claimed = claimed
        self.at = at  # when it began
        self.outcome: Callable[[], Result] | None = None
        self._send = send
        self._done = done
        self._turn = Lock()

    def work(self) -> None:
        if self._turn.acquire(blocking=False):
            self.outcome = _outcome(self._send)
            self._done.put(None)


class InHand:
    """What is being sent."""

    def __init__(self) -> None:
        self._sendings: list[_Sending] = []
        self._done: SimpleQueue[None] = SimpleQueue()

    def __len__(self) -> int:
        return len(self._sendings)

    def __iter__(self) -> Iterator[tuple[Claimed, int]]:
        return ((sending.claimed, sending.at) for sending in self._sendings)

    def add(self, claimed: Claimed, at: int, send: Callable[[], Result]) -> None:
        sending = _Sending(claimed, at, send, self._done)
        self._sendings.append(sending)
        try:
            Thread(target=sending.work, name="ingestlayer-sending").start()
        except RuntimeError:  # no more threads: it is claimed, so it is sent by this one
            sending.work()

    def finished(self, patience: int) -> Iterator[tuple[Claimed, int, Result]]:
        """Wait for one, for so many milliseconds; take out what is done, with when it began and its result."""
        self._wait(patience / 1000)
        yield from self._over()

    def rest(self) -> Iterator[tuple[Claimed, int, Result]]:
        """Take out the others, each when it is done. Whoever was interrupted has maybe started none for one of them."""
        for sending in [*self._sendings]:
            sending.work()
        yield from self._over()
        while self._sendings:
            self._wait(AGAIN)
            yield from self._over()

    def _wait(self, seconds: float) -> None:
        with suppress(Empty):
            self._done.get(timeout=seconds)
            while True:
                self._done.get_nowait()

    def _over(self) -> Iterator[tuple[Claimed, int, Result]]:
        for sending in [*self._sendings]:
            if sending.outcome is not None:
                self._sendings.remove(sending)
                yield sending.claimed, sending.at, sending.outcome()


def _outcome(send: Callable[[], Result]) -> Callable[[], Result]:
    """Send; return what gives the result, or raises what was raised."""
    try:
        result = send()
    except BaseException as error:
        failure = error  # the other name goes with its clause
    else:
        return lambda: result

    def fail() -> Result:
        raise failure

    return fail
