"""`ingestlayer serve` as a process, and who sends to it."""

import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.program import PATIENCE, PROGRAM, environment, wait_until


class Serving:
    """The HTTP door of a project, on a free port; left at the end of a `with`, well unless it was killed."""

    def __init__(
        self,
        folder: Folder,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = (PROGRAM,),
    ) -> None:
        self.folder = folder
        command = [*program, "serve", "--port", "0", *arguments]
        streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, cwd=folder.root, env=environment(env), **streams)
        self.said: list[str] = []
        self.url = self._listening()
        self.out: list[str] = []
        self._readers = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.said))
        ]
        for reader in self._readers:
            reader.start()
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def _listening(self) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(r"listening on (https?://\S+)", line):
                return found[1]
        raise AssertionError(f"it does not serve: {self.said}")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        return [json.loads(line) for line in self.out if line.startswith("{")]

    def logged(self, **facts: Any) -> dict[str, Any]:
        """Wait for a line of the log with these facts."""

        def found() -> list[dict[str, Any]]:
            return [line for line in self.log if facts.items() <= line.items()]

        wait_until(found)
        return found()[0]

    def key(self, name: str = "shop", *options: str) -> str:
        """Make a key for who sends."""
        result = self.folder.run("keys", "create", name, *options)
        assert result.code == 0, result
        return result.out.strip()

    def post(self, events: Any, key: str | None = None, **more: Any) -> httpx.Response:
        """Send events; a list, or the whole body."""
        body = {"events": events} if isinstance(events, list) else events
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return self.client.post("/v1/ingest", json=body, headers=headers, **more)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to end; return its exit code."""
        self.client.close()
        self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._end()
        assert "Traceback" not in "".join(self.said), self.said
        return code

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()
        self.client.close()
        self._end()

    def _end(self) -> None:
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            code = self.stop()
            assert kind is not None or code == 0


def status(connection: socket.socket) -> int:
    """Read one answer from a connection; return its status."""
    with HTTPResponse(connection) as response:
        response.begin()
        response.read()
        return response.status


def usage(number: int = 0, **more: Any) -> dict[str, Any]:
    """Return an event as a sender writes it, with a key of its own."""
    payload = {**PAYLOAD, "customer_id": f"customer-{number}", "used": number}
    return {"type": USAGE, "payload": payload, "idempotencyKey": f"key-{number}", **more}
