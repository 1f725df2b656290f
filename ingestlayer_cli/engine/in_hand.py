"""What an outbox is sending at this moment, by threads: one for each, for it is over in less than a second."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread

from ..model.sending import Result
from ..store.contract.sending import Claimed
from ..system.typed import NamedTuple

WORKERS = 8  # channels that are sent to at once


class _Sending(NamedTuple):
    claimed: Claimed
    at: int  # when it began


class InHand:
    """What is being sent."""

    def __init__(self) -> None:
        self._sendings: dict[int, _Sending] = {}
        self._done: SimpleQueue[tuple[int, Callable[[], Result]]] = SimpleQueue()
        self._last = 0

    def __len__(self) -> int:
        return len(self._sendings)

    def __iter__(self) -> Iterator[tuple[Claimed, int]]:
        return iter(self._sendings.values())

    def add(self, claimed: Claimed, at: int, send: Callable[[], Result]) -> None:
        self._last = number = self._last + 1
        self._sendings[number] = _Sending(claimed, at)

        def work() -> None:
            self._done.put((number, _outcome(send)))

        try:
            Thread(target=work, name="ingestlayer-sending").start()
        except RuntimeError:  # no more threads: it is claimed, so it is sent by this one
            work()

    def finished(self, patience: int) -> Iterator[tuple[Claimed, int, Result]]:
        """Wait for one, for so many milliseconds; take out what is done, with when it began and its result."""
        try:
            done = self._done.get(timeout=patience / 1000)
            while True:
                yield self._taken(*done)
                done = self._done.get_nowait()
        except Empty:
            return

    def rest(self) -> Iterator[tuple[Claimed, int, Result]]:
        """Take out the others, each when it is done."""
        while self._sendings:
            yield self._taken(*self._done.get())

    def _taken(self, number: int, outcome: Callable[[], Result]) -> tuple[Claimed, int, Result]:
        return *self._sendings.pop(number), outcome()


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
