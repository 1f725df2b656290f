"""The log of the HTTP door: JSON, a line for each request, on a stream that may be slow, full or read by nobody."""

import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from select import PIPE_BUF

from ..system.clock import Clock, format_time
from ..system.typed import Values

MOST_WAITING = 10_000  # lines; more are not kept for who does not read them
PATIENCE = 1.0  # seconds that the last lines have


class Output:
    """Writes texts to a file by a thread of its own: who serves never waits for who reads."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._lock = threading.Condition()
        self._waiting = deque[str]()
        self._lost = 0
        self._is_busy = False
        self._is_closed = False
        self._clock = Clock()
        self._has_begun = False

    def add(self, text: str) -> None:
        with self._lock:
            if not self._has_begun:  # not before: a process that is forked takes no thread along
                threading.Thread(target=self._work, name="ingestlayer-log", daemon=True).start()
                self._has_begun = True
            if len(self._waiting) >= MOST_WAITING:
                self._lost += 1
            else:
                self._waiting.append(text)
            self._lock.notify_all()

    def line(self, facts: Values) -> None:
        """Add one line of the log, with its time."""
        at = format_time(self._clock.now())
        self.add(json.dumps({"at": at, **facts}, ensure_ascii=True) + "\n")

    def close(self) -> None:
        """Give the last lines a moment."""
        with self._lock:
            self._is_closed = True
            self._lock.notify_all()
            self._lock.wait_for(lambda: not (self._waiting or self._is_busy), PATIENCE)

    def _work(self) -> None:
        while True:
            with self._lock:
                self._is_busy = False
                self._lock.notify_all()
                self._lock.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                texts, lost = [*self._waiting], self._lost
                self._waiting.clear()
                self._lost, self._is_busy = 0, True
            if lost:
                texts.append(json.dumps({"at": format_time(self._clock.now()), "lost_lines": lost}) + "\n")
            try:
                for data in _together(texts):
                    while data:
                        data = data[os.write(self._file, data) :]
            except OSError:  # closed, or full: that stops nothing
                pass


def _together(texts: list[str]) -> Iterator[bytes]:
    """Yield texts in as few pieces as a pipe takes whole: other processes may write to it, too."""
    piece = b""
    for text in texts:
        data = text.encode("utf-8", "backslashreplace")
        if piece and len(piece) + len(data) > PIPE_BUF:
            yield piece
            piece = b""
        piece += data
    yield piece
