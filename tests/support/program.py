"""Running the real program: inside this process, as a fork, or its script, as a subprocess without a shell.

`ran` takes the first of these that does the same as a start. Where the process itself is the claim (its signals, its
memory, what it loads, how it leaves), it is started.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from ingestlayer_cli import main
from ingestlayer_cli.commands import settings
from tests.support.forking import Mother, content, given

PROGRAM = str(Path(sys.executable).parent / "ingestlayer")
PATIENCE = 100  # seconds that a call of the program may take on the slowest of machines
LONG_AGO = 1_577_836_800  # seconds; for files that are not to be taken for just changed

NO_KEYRING = "keyring.backends.fail.Keyring"  # nobody's own

Argument = str | bytes | Path

_OURS = ("INGESTLAYER_", "_INGESTLAYER", "SLACK_", "COMP_", "PYTHON", "NO_COLOR", "FORCE_COLOR", "XDG_")
_PROXIES = ("HTTP", "http", "ALL_PROXY", "SSL_")


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing of the caller's changes what the program does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS + _PROXIES)}
    fixed = {"TERM": "dumb", "COLUMNS": "160", "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}
    return {**kept, **fixed, "PYTHON_KEYRING_BACKEND": NO_KEYRING, **(more or {})}


class Result(NamedTuple):
    """What one call of the program did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error of the one JSON document on stdout."""
        return self.json["error"]

    @property
    def lines(self) -> list[Any]:
        """The NDJSON on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        """The deliveries of `emit --json`."""
        return [delivery for run in self.json["runs"] for delivery in run["deliveries"]]

    @property
    def delivery(self) -> dict[str, Any]:
        (found,) = self.deliveries
        return found


def ingestlayer(
    *arguments: Argument,
    cwd: Path,
    stdin: bytes | None = None,
    env: Mapping[str, str] | None = None,
) -> Result:
    """Run the program to its end, in a process of its own."""
    return ran(arguments, cwd, stdin or b"", environment(env))


def ran(arguments: Sequence[Argument], cwd: Path, stdin: bytes, env: Mapping[str, str], umask: int = -1) -> Result:
    """Run the program to its end with this environment and no other."""
    program = [PROGRAM, *map(os.fsdecode, arguments)]
    if not _mother().can(env):
        done = subprocess.run(
            program, cwd=cwd, input=stdin, capture_output=True, env=env, umask=umask, timeout=PATIENCE
        )
        code, out, err = done.returncode, done.stdout, done.stderr
    elif umask >= 0 or _is_for_a_fork(program, env):
        code, out, err = _mother().run(program, cwd, stdin, env, umask, PATIENCE)
    else:
        code, out, err = _inside(program, cwd, stdin, env)
    result = Result(code, out.decode(), err.decode())
    assert "Traceback" not in result.err, result.err
    return result


def _is_for_a_fork(program: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether it would run on or leave, or has what a process has one of: a main thread, an encoding, a keyring."""
    stays = {"serve", "--watch", "-f", "--follow"}.intersection(program)
    own = {"_INGESTLAYER_COMPLETE", "PYTHONIOENCODING"}.intersection(env)
    has_keyring = env.get("PYTHON_KEYRING_BACKEND") != NO_KEYRING
    return bool(stays or own) or has_keyring or threading.current_thread() is not threading.main_thread()


def _inside(program: list[str], cwd: Path, stdin: bytes, env: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Run the program in this process as in one of its own: with streams, a folder and an environment of its own."""
    files = given(stdin), os.memfd_create("out"), os.memfd_create("err")
    ours = [os.dup(number) for number in range(3)]
    others = set(threading.enumerate())
    before = os.getcwd(), dict(os.environ), vars(settings).copy(), sys.argv, sys.stdin, sys.stdout, sys.stderr
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(cwd)
        _set_environment(env)
        vars(settings).update(project=None, debug=False)
        sys.argv = program
        with (
            open(0, errors="surrogateescape", encoding="utf-8", closefd=False) as sys.stdin,
            open(1, "w", errors="surrogateescape", encoding="utf-8", closefd=False) as sys.stdout,
            open(2, "w", 1, errors="backslashreplace", encoding="utf-8", closefd=False) as sys.stderr,
        ):
            code = int(main.run(program[1:]))
            _wait_for_its_threads(others)
        return code, content(files[1]), content(files[2])
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before[3:]
        vars(settings).update(before[2])
        _set_environment(before[1])
        os.chdir(before[0])
        for number, file in enumerate(ours):
            os.dup2(file, number)
        for file in (*files, *ours):
            os.close(file)


def _wait_for_its_threads(others: set[threading.Thread]) -> None:
    """Wait for what an interpreter waits for before it ends; not for what came from elsewhere meanwhile."""
    for thread in set(threading.enumerate()) - others:
        if thread.name.startswith("ingestlayer") and not thread.daemon:
            thread.join(PATIENCE)


def _set_environment(env: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()


def ran_at_once(commands: Sequence[Sequence[Argument]], cwd: Path, env: Mapping[str, str]) -> list[Result]:
    """Run the program for each of these, all of them at once; return what each did."""
    mother_of(env)  # one for all
    with ThreadPoolExecutor(len(commands)) as pool:
        return list(pool.map(lambda command: ran(command, cwd, b"", env), commands))


def mother_of(env: Mapping[str, str]) -> Mother | None:
    """Return what forks the program, where a fork does the same as a start in this environment."""
    mother = _mother()
    return mother if mother.can(env) else None


@cache
def _mother() -> Mother:
    return Mother(environment())


def start(*arguments: Argument, cwd: Path, **more: Any) -> subprocess.Popen[bytes]:
    """Start the program; its streams are pipes unless `more` says otherwise."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    return subprocess.Popen([PROGRAM, *arguments], cwd=cwd, env=environment(), **streams)


def here(root: Path, *arguments: str) -> Result:
    """Run the program inside this process, for what needs pydantic: loading it takes five times as long."""
    before = vars(settings).copy()
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            code = main.run(["-C", str(root), *arguments])
        finally:
            vars(settings).update(before)
    return Result(int(code), out.getvalue(), err.getvalue())


def finished(process: subprocess.Popen[str], timeout: float = PATIENCE) -> Result:
    """Wait for a process; kill it when it does not end."""
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"{process.args!r} did not end: {out} {err}") from None
    assert "Traceback" not in err, err
    return Result(process.returncode, out, err)


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait_until(condition: Any, seconds: float = 60) -> None:
    """Wait for something that another process or thread does."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.005)
