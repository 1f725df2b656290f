"""Processes of the program without its start: forks of one process that has loaded everything and run nothing.

Each has its own streams, environment, folder and memory, as the program started by a shell has. What is tested of the
start itself (imports, signals, kills, encodings) starts the program's script.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tests.support import ROOT
from tests.support.skewed import skew

# Read by the interpreter as it starts: a fork cannot have another.
AT_START = ("PYTHONUTF8", "PYTHONWARNINGS", "PYTHONDEVMODE", "LC_ALL", "LC_CTYPE", "LANG")
# Imported where they are used: by the program, and by what it is made of.
LAZILY = (
    *("httpx", "slack_sdk.web", "slack_sdk.webhook", "sqlite3", "encodings.ascii", "encodings.utf_8_sig"),
    *("rich.console", "rich.table", "rich.panel", "rich.markdown", "rich._emoji_codes", "typer.rich_utils"),
)
PIPE = 65_536  # bytes that a pipe takes before somebody reads


class Mother:
    """The process that is forked; with a clock that others set, where there is one (see skewed.py)."""

    def __init__(self, env: Mapping[str, str], clock: Path | None = None) -> None:
        self._env = dict(env)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "tests.support.forking", str(theirs.fileno())]
        command += [] if clock is None else [str(clock)]
        with theirs:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._env, pass_fds=[theirs.fileno()])
        atexit.register(self.close)

    def close(self) -> None:
        """Let it end, now or with this process."""
        atexit.unregister(self.close)
        self._socket.close()
        self._process.wait()

    def can(self, env: Mapping[str, str]) -> bool:
        """Whether a fork is as good as a start in this environment."""
        return all(env.get(name) == self._env.get(name) for name in AT_START)

    def run(
        self, program: Sequence[str], cwd: Path, stdin: bytes, env: Mapping[str, str], umask: int, timeout: float
    ) -> tuple[int, bytes, bytes]:
        """Run the program to its end; return its exit code and what it wrote."""
        out, err = os.memfd_create("out"), os.memfd_create("err")
        source = given(stdin)
        try:
            process = self.start(program, cwd, (source, out, err), env, umask)
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"{program!r} did not end in {timeout} s") from None
            return code, content(out), content(err)
        finally:
            for file in (source, out, err):
                os.close(file)

    def start(
        self,
        program: Sequence[str],
        cwd: Path,
        streams: tuple[int, int, int],
        env: Mapping[str, str],
        umask: int = -1,
        is_leader: bool = False,
    ) -> "Forked":
        """Start the program with these streams; as a leader, in a session of its own that the terminal controls.

        Or a function of the tests, `MODULE:NAME`, which finds its words where a script does.
        """
        request = os.memfd_create("request")
        answer, reply = os.pipe()
        try:
            what = {"program": program, "cwd": str(cwd), "env": dict(env), "umask": umask, "leader": is_leader}
            os.write(request, json.dumps(what).encode())
            socket.send_fds(self._socket, [b"run"], [request, *streams, reply])
        finally:
            os.close(request)
            os.close(reply)
        return Forked(program, answer)


class Forked:
    """A process that was forked, with what tests need of a `Popen`."""

    def __init__(self, program: Sequence[str], answer: int) -> None:
        self.returncode: int | None = None
        self._program = program
        self._answer = answer
        self._said = b""  # its pid as it begins, and how it ended as soon as it is gone

    @property
    def pid(self) -> int:
        while b"\n" not in self._said:
            self._read(None)
        return int(self._said.partition(b"\n")[0])

    def poll(self) -> int | None:
        while self.returncode is None and self._read(0):
            pass
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        ends = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            if not self._read(None if ends is None else ends - time.monotonic()):
                raise subprocess.TimeoutExpired(self._program, timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # gone since: it is not ours, so others have waited for it
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, seconds: float | None) -> bool:
        """Wait for what it says next; whether anything came."""
        if not select.select([self._answer], [], [], None if seconds is None else max(seconds, 0))[0]:
            return False
        if data := os.read(self._answer, 64):
            self._said += data
            return True
        os.close(self._answer)
        self.returncode = int(self._said.partition(b"\n")[2])
        return True


class Writing:
    """One that was forked without an input, and what it writes; to be killed: a signal at a start meets the script."""

    def __init__(self, mother: Mother, program: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        self.args = program
        self._files = os.memfd_create("out"), os.memfd_create("err")
        source = given(b"")
        try:
            self._process = mother.start(program, cwd, (source, *self._files), env)
        finally:
            os.close(source)
        self.pid, self.poll, self.kill = self._process.pid, self._process.poll, self._process.kill
        self.send_signal = self._process.send_signal

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until it is gone; return what it wrote to stdout and stderr."""
        self._process.wait(timeout)
        out, err = (content(file).decode() for file in self._files)
        for file in self._files:
            os.close(file)
        return out, err


def given(content: bytes) -> int:
    """Return a pipe that holds all of it; a file when it holds more than a pipe does."""
    if len(content) > PIPE:
        file = os.memfd_create("stdin")
        with open(file, "wb", closefd=False) as written:
            written.write(content)
        os.lseek(file, 0, os.SEEK_SET)
        return file
    ours, theirs = os.pipe()
    os.write(theirs, content)
    os.close(theirs)
    return ours


def content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


# In the process that is forked ---------------------------------------------------------------------------------------


def serve(requests: socket.socket) -> None:
    """Fork for each request, until nobody asks any more."""
    _load()
    replies: dict[int, int] = {}  # where it is told how a process ended
    signal.signal(signal.SIGCHLD, lambda *_: _reap(replies))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    while True:
        message, files, _, _ = socket.recv_fds(requests, 16, 5)
        if not message:
            return
        *given, reply = files
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})  # until it is known who it is
        child = os.fork()
        if child == 0:
            for file in (requests.fileno(), reply, *replies.values()):
                os.close(file)
            _be_the_program(*given)
        os.write(reply, b"%d\n" % child)
        replies[child] = reply
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        for file in given:
            os.close(file)


def _reap(replies: dict[int, int]) -> None:
    """Let no process that has ended stay: who holds a lease is asked for by its pid. Tell how each ended."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            reply = replies.pop(ended[0])
            with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                os.write(reply, b"%d" % os.waitstatus_to_exitcode(ended[1]))
            os.close(reply)


def _load() -> None:
    """Import whatever the program may, but for what reads the environment as it is imported; make what is made once."""
    import ingestlayer_cli

    for module in pkgutil.walk_packages(ingestlayer_cli.__path__, "ingestlayer_cli."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in LAZILY:
        importlib.import_module(name)
    _make()
    gc.collect()
    gc.freeze()


def _make() -> None:
    """Make what a process makes once, of nothing but the code: it takes longer than most that is done with it."""
    from ingestlayer_cli import app
    from ingestlayer_cli.model import families
    from ingestlayer_cli.project import jsonschema, models

    app.command()
    for kind in jsonschema.KINDS:
        jsonschema.text_of(kind)
    for family in ("steps", "destinations"):
        for kind in families.kinds(family):
            models.member_model(families.member(family, kind))


def _be_the_program(request: int, stdin: int, out: int, err: int) -> NoReturn:
    code = 1
    try:
        wanted = json.loads(content(request))
        _become(wanted, (stdin, out, err))
        os.close(request)
        code = _ended(wanted["program"])
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(code)


def _become(wanted: Mapping[str, Any], streams: Iterable[int]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    if wanted["leader"]:
        os.setsid()
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    if wanted["leader"]:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.environ.clear()
    os.environ.update(wanted["env"])
    time.tzset()
    os.chdir(wanted["cwd"])
    if wanted["umask"] >= 0:
        os.umask(wanted["umask"])
    modes = (("r", -1), ("w", -1), ("w", 1))  # as Python opens them: stderr by the line
    encoding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    errors = errors or ("strict" if encoding else "")
    sys.stdin, sys.stdout, sys.stderr = (
        open(  # noqa: SIM115
            number,
            mode,
            buffering,
            encoding=encoding or old.encoding,
            errors=(old is not sys.stderr and errors) or old.errors,
        )
        for number, ((mode, buffering), old) in enumerate(zip(modes, (sys.stdin, sys.stdout, sys.stderr), strict=True))
    )


def _ended(program: list[str]) -> int:
    """Run the script's only call; return the exit code that the interpreter would leave with."""
    module, _, name = program[0].partition(":")
    called = getattr(importlib.import_module(module if name else "ingestlayer_cli.main"), name or "main")
    sys.argv = program
    try:
        called()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    finally:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    return 0


if __name__ == "__main__":
    if sys.argv[2:]:
        skew(sys.argv[2])
    with socket.socket(fileno=int(sys.argv[1])) as asked:
        serve(asked)
