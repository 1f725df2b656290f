"""A terminal of 80 columns: a real pty, in which a script types what a person would."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.forking import Forked
from tests.support.program import PATIENCE, PROGRAM, mother_of

# The first terminal that the leader of a session opens controls it: Ctrl-C and /dev/tty work.
_LEADER = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _started(
    command: Sequence[str], terminal: int, cwd: Path, env: Mapping[str, str]
) -> Forked | subprocess.Popen[bytes]:
    """Start a command as somebody does who sits at the terminal; our own program is forked where that does the same."""
    if command[0] == PROGRAM and (mother := mother_of(env)):
        return mother.start(command, cwd, (terminal, terminal, terminal), env, is_leader=True)
    return subprocess.Popen(
        [sys.executable, "-c", _LEADER, *command],
        cwd=cwd,
        env=dict(env),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )


class Terminal:
    """One program in a terminal of its own."""

    def __init__(self, *command: str, cwd: Path, env: Mapping[str, str], columns: int = 80) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._process = _started(command, slave, cwd, env)
        os.close(slave)
        self._seen = ""
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def raw(self) -> str:
        """All that was sent to the terminal."""
        return self._seen

    @property
    def text(self) -> str:
        """All that was on the screen, without colours."""
        return _ESCAPES.sub("", self._seen).replace("\r\n", "\n")

    def expect(self, words: str, seconds: float = PATIENCE) -> str:
        """Wait until words appear after those that were waited for before; return what came with them."""
        end = time.monotonic() + seconds
        while words not in self.text[self._told :]:
            assert self._read(end), f"{words!r} did not come; the screen:\n{self.text}"
        start = self._told
        self._told = self.text.index(words, start) + len(words)
        return self.text[start : self._told]

    def type(self, text: str, end: str = "\r") -> None:
        """Type a line, and Enter; or another `end`, such as Ctrl-C."""
        os.write(self._master, (text + end).encode())

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return the exit code, when everything was read."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass
        return self._process.wait(max(end - time.monotonic(), 0.1))

    def interrupt(self) -> int:
        """Press Ctrl-C at a prompt, once more where it was not noticed; return the exit code.

        A signal that comes after Python has looked for signals, and before the system call that reads, is noticed when
        that returns: a person presses again. Who types at the very moment at which a prompt appears meets that.
        """
        for _ in range(PATIENCE // 5):
            self.type("", end="\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.wait(5)
        raise AssertionError(f"Ctrl-C did not end it; the screen:\n{self.text}")

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(end - time.monotonic(), 0))
        data = b""
        with contextlib.suppress(OSError):  # EIO: the last one has closed the other side
            data = os.read(self._master, 65536) if ready else b""
        self._seen += data.decode("utf-8", "replace")
        return bool(data)
