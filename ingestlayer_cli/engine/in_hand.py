"""What an outbox is sending at this moment, by threads."""

from collections.abc import Callable, Iterator

from ..model.sending import Result
from ..store.contract.sending import Claimed
from ..system.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

WORKERS = 8  # channels that are sent to at once


class InHand:
    """What is being sent: by threads, which are started when there is something for them."""

    def __init__(self, lasting: bool) -> None:
        self._lasting = lasting
        self._pool: ThreadPoolExecutor | None = None
        self._sendings: dict[Future[Result], tuple[Claimed, int]] = {}

    def __len__(self) -> int:
        return len(self._sendings)

    def __iter__(self) -> Iterator[tuple[Claimed, int]]:
        return iter(self._sendings.values())

    def add(self, claimed: Claimed, at: int, send: Callable[[], Result]) -> None:
        from concurrent.futures import Future, ThreadPoolExecutor

        if self._pool is None:
            self._pool = ThreadPoolExecutor(WORKERS)
        sending: Future[Result] = Future()
        self._sendings[sending] = claimed, at
        work = _once(sending, send)
        try:
            self._pool.submit(work)
        except RuntimeError:  # no more threads: it is claimed, so it is sent by this one
            work()

    def finished(self, patience: int) -> Iterator[tuple[Claimed, int, Result]]:
        """Wait for one at least, for so many milliseconds; take out what is done, with when it began and its result."""
        from concurrent.futures import FIRST_COMPLETED, wait

        for sending in wait(self._sendings, patience / 1000, FIRST_COMPLETED).done:
            yield *self._sendings.pop(sending), sending.result()

    def rest(self) -> Iterator[tuple[Claimed, int, Result]]:
        """Take out the others, each when it is done, and end the threads unless they last."""
        while self._sendings:
            sending, (claimed, at) = self._sendings.popitem()
            yield claimed, at, sending.result()
        if not self._lasting:
            self.close()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _once(sending: "Future[Result]", send: Callable[[], Result]) -> Callable[[], None]:
    """Return what sends when it is first called: a pool that cannot start a thread has taken the work all the same."""
    from threading import Lock

    begun = Lock()

    def work() -> None:
        if begun.acquire(blocking=False):
            try:
                sending.set_result(send())
            except BaseException as error:
                sending.set_exception(error)

    return work
