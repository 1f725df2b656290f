"""Several processes that serve together: they listen on one socket, and share a store that takes many writers."""

import os
import signal
import time
from collections.abc import Callable
from typing import NoReturn

from ..system.errors import Exit, in_words

PAUSE = 1.0  # seconds before another worker takes the place of one that has ended


class Crew:
    """The process that starts the workers, replaces those that end, and ends with them. `work` serves until SIGTERM.

    `begun` is called once signals are minded.
    """

    def __init__(
        self, count: int, work: Callable[[], object], said: Callable[[str], None], begun: Callable[[], None]
    ) -> None:
        self._count = count
        self._work = work
        self._said = said
        self._begun = begun
        self._workers: set[int] = set()
        self._signals: list[int] = []

    def run(self) -> bool:
        """Serve until a signal ends it; say whether that was Ctrl-C."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        self._begun()
        for _ in range(self._count):
            self._start()
        while self._workers:
            worker, status = os.wait()
            self._workers.discard(worker)
            if not self._signals:
                self._said(f"a worker has ended with {os.waitstatus_to_exitcode(status)}: another one is started")
                time.sleep(PAUSE)
            if not self._signals:
                self._start()
        return signal.SIGINT in self._signals

    def _signalled(self, number: int, _: object) -> None:
        self._signals.append(number)
        for worker in self._workers:
            os.kill(worker, signal.SIGTERM)

    def _start(self) -> None:
        worker = os.fork()
        if not worker:
            self._be_one()
        self._workers.add(worker)
        if self._signals:  # it was told before this one was there
            os.kill(worker, signal.SIGTERM)

    def _be_one(self) -> NoReturn:
        code = int(Exit.DEFECT)
        try:
            os.setpgrp()  # Ctrl-C is for the crew: it tells its workers
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._work()
            code = 0
        except Exception as error:
            self._said(f"a worker cannot serve: {in_words(error).message}")
        finally:
            os._exit(code)
