"""`ingestlayer serve` as a process, and who sends to it."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from http.client import HTTPResponse
from types import TracebackType
from typing import IO, Any, Self

import httpx

from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.forking import Forked
from tests.support.program import PATIENCE, PROGRAM, environment, mother_of, wait_until


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
        self.process, self._stdout, self._stderr = _started([*program, "serve", "--port", "0", *arguments], folder, env)
        self.said: list[str] = []
        self.url = self._listening()
        self.out: list[str] = []
        self._readers = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for stream, lines in ((self._stdout, self.out), (self._stderr, self.said))
        ]
        for reader in self._readers:
            reader.start()
        # What is trusted is loaded where something is to be: it takes longer than most tests.
        self.client = httpx.Client(base_url=self.url, timeout=PATIENCE, verify=self.url.startswith("https:"))

    def _listening(self) -> str:
        for line in self._stderr:
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
        self._stdout.close()
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            code = self.stop()
            assert kind is not None or code == 0


def _started(
    command: list[str], folder: Folder, env: Mapping[str, str] | None
) -> tuple[Forked | subprocess.Popen[str], IO[str], IO[str]]:
    """Fork the program where that does the same as a start, else start it; return also its stdout and its stderr."""
    whole = environment(env)
    (out, its_out), (err, its_err) = os.pipe(), os.pipe()
    with open(os.devnull) as nothing:
        streams = nothing.fileno(), its_out, its_err
        process: Forked | subprocess.Popen[str]
        if command[0] == PROGRAM and (mother := mother_of(whole)):
            process = mother.start(command, folder.root, streams, whole)
        else:
            stdin, stdout, stderr = streams
            process = subprocess.Popen(
                command, cwd=folder.root, env=whole, stdin=stdin, stdout=stdout, stderr=stderr, text=True
            )
    os.close(its_out)
    os.close(its_err)
    return process, open(out), open(err)


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
