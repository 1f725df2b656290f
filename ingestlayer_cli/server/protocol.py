"""HTTP/1.1 as uvicorn speaks it over h11, with what it lacks against those who are slow on purpose.

A request's head must be there in seconds, what comes after an early answer is read for a while and no longer, and where
there are too many connections the one that is idle for the longest goes. What is no HTTP is answered as all else is.
"""

import asyncio
import json
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from ..model.documents.answers import AnsweredErrorDocument


HEAD_SECONDS = 10  # for the head of a request, from its first byte or the start of the connection
LINGER_SECONDS = 10  # for the rest of a body that nobody wants, and for an answer to be taken
HEAD_BYTES = 64 * 1024
MOST_CONNECTIONS = 1_000

_MALFORMED: "AnsweredErrorDocument" = {"kind": "http", "message": "this is no request of HTTP/1.1", "details": []}
_FULL: "AnsweredErrorDocument" = {"kind": "busy", "message": "there are too many connections", "details": []}


class PatientProtocol(H11Protocol):
    """One connection. What it waits for is looked at after each thing that happens; some of it has its time."""

    _deadline: asyncio.TimerHandle | None = None
    _awaits = ""
    _since = 0.0  # when it began to
    _is_over = False  # whether all is said, and what still comes is not looked at

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()
        if len(self.connections) > MOST_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        self._within(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_over:
            super().data_received(data)
            self._look()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer who has sent a whole request and says no more."""
        is_asked = self._awaits == "answer" and self.conn.their_state is not h11.SEND_BODY
        if is_asked and self.scheme == "http":
            self.cycle.keep_alive = False
            return True
        return None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._within(LINGER_SECONDS)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._within(_SECONDS.get(self._awaits))

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # there may be an answer that nobody takes

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP, or end the connection in the middle of another answer."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._answer(b"400 Bad Request", _MALFORMED)
        else:
            self.transport.close()

    def _answer(self, status: bytes, error: "AnsweredErrorDocument") -> None:
        """Answer without the application, and close."""
        body = json.dumps({"error": error}).encode()
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" % (status, len(body))
        self.transport.write(head + b"Connection: close\r\n\r\n" + body)
        if self.cycle is not None:
            self.cycle.disconnected = True
        self._is_over = True
        if self.transport.can_write_eof():  # closed at once, it would be lost on who still sends
            self.transport.write_eof()
        else:
            self.transport.close()

    def _look(self) -> None:
        """Find what the connection waits for; give it its time when that is something else than before."""
        awaits = self._awaited()
        if awaits != self._awaits:
            self._awaits, self._since = awaits, self.loop.time()
            self._within(_SECONDS.get(awaits))

    def _awaited(self) -> str:
        if self._is_over or self.transport.is_closing():
            return "end"
        if self.cycle is not None and not self.cycle.response_complete:
            return "answer"
        if self.conn.their_state is h11.SEND_BODY:
            return "rest"
        is_idle = self.cycle is not None and not self.conn.trailing_data[0]
        return "request" if is_idle else "head"

    def _make_room(self) -> None:
        """Close the connection that is idle for the longest; this one, where all others have work."""
        idle = [it for it in self.connections if isinstance(it, PatientProtocol) and it._awaits == "request"]
        if idle:
            min(idle, key=lambda it: it._since).transport.close()
        else:
            self._answer(b"503 Service Unavailable\r\nRetry-After: 1", _FULL)
            self._look()

    def _within(self, seconds: float | None) -> None:
        """Let the connection end after this time, if nothing else happens."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


_SECONDS = {"head": HEAD_SECONDS, "rest": LINGER_SECONDS, "end": LINGER_SECONDS}  # of what has its time
