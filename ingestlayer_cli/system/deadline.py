"""An end to a request over a network: the time-outs of sockets are for each single read."""

import socket
import threading
from contextlib import suppress

from .typed import Any


class Deadline:
    """Ends a connection when its time is over: the time-outs of sockets are for each single read."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._socket: socket.socket | None = None
        self.is_late = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def watch(self, connected: socket.socket) -> None:
        """Watch a connection; TimeoutError when it came too late."""
        with self._lock:
            self._socket = connected.dup()  # TLS takes the first one over
        self.check()

    def check(self) -> None:
        """Raise TimeoutError when the time is over."""
        if self.is_late:
            raise self.over()

    def over(self) -> TimeoutError:
        """Return the error that says so."""
        return TimeoutError(f"no whole answer in {self._seconds:g} s")

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Watch the connection of an httpx request: https://www.python-httpx.org/advanced/extensions/#trace"""
        if event.endswith(".connect_tcp.complete"):
            self.watch(info["return_value"].get_extra_info("socket"))

    def close(self) -> None:
        self._timer.cancel()
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None

    def _end(self) -> None:
        with self._lock:
            self.is_late = True
            if self._socket is not None:
                with suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)
