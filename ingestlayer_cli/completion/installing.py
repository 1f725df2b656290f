"""Where a shell finds the script that completes: a file of the user's, and for bash and zsh a line that reads it."""

import os
import shlex
import subprocess
import sys
from contextlib import suppress

from ..system.errors import MachineError, UsageError, near_miss
from ..system.typed import NamedTuple

SHELLS = ("bash", "zsh", "fish")
_MARK = "# completion of ingestlayer"


class Installed(NamedTuple):
    """What was written: the script, and the file that has a line for it, `""` where a shell needs none."""

    script: str
    file: str
    is_new: bool  # whether the line was not there before


def script_of(shell: str) -> str:
    """Return the script of a shell."""
    path = os.path.join(os.path.dirname(__file__), "scripts", f"ingestlayer.{shell}")
    with open(path, encoding="utf-8") as file:
        return file.read()


def named(word: str | None) -> str:
    """Return the shell that is meant: the one named, else that which calls, else the user's own; or UsageError."""
    if word is not None:
        if word not in SHELLS:
            raise UsageError(f"there is no completion for {word}{near_miss(word, SHELLS)}: {', '.join(SHELLS)} have it")
        return word
    for found in (_caller(), os.path.basename(os.environ.get("SHELL", ""))):
        if found in SHELLS:
            return found
    raise UsageError("which shell?", "ingestlayer --install-completion bash, or zsh, or fish")


def install(shell: str) -> Installed:
    """Write the script of a shell where that finds it; MachineError where that cannot be done."""
    home = os.path.expanduser("~")
    if not os.path.isabs(home):
        raise MachineError("there is no home folder to keep completion in", _BY_HAND)
    if shell == "fish":
        # What lies in its folder of completions it reads for commands of $PATH alone, not of a virtual environment.
        path = os.path.join(_base("XDG_CONFIG_HOME", home, ".config"), "fish", "conf.d", "ingestlayer.fish")
        _write(path, script_of(shell))
        return Installed(path, "", False)
    path = os.path.join(_base("XDG_DATA_HOME", home, ".local", "share"), "ingestlayer", f"completion.{shell}")
    _write(path, script_of(shell))
    if shell == "zsh":
        file = os.path.join(os.environ.get("ZDOTDIR") or home, ".zshrc")
    else:  # a terminal of macOS starts login shells, which read the other one
        file = os.path.join(home, ".bash_profile" if sys.platform == "darwin" else ".bashrc")
    # At the end, after whatever sets completion up; without a word where the script is gone.
    return Installed(path, file, _add(file, f"[ ! -r {shlex.quote(path)} ] || . {shlex.quote(path)}  {_MARK}"))


_BY_HAND = "ingestlayer --show-completion SHELL prints the script, to be kept where your shell reads it"


def _base(variable: str, home: str, *default: str) -> str:
    found = os.environ.get(variable, "")
    return found if os.path.isabs(found) else os.path.join(home, *default)


def _write(path: str, text: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}", _BY_HAND) from None


def _add(path: str, line: str) -> bool:
    """Add our line to a file of the user's unless it is there; nothing else of the file is touched."""
    try:
        with open(path, "a+b") as file:
            file.seek(0)
            before = file.read()
            if line.encode() in before.splitlines():
                return False
            file.write((b"" if not before or before.endswith(b"\n") else b"\n") + line.encode() + b"\n")
            return True
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}", f"its line would be: {line}") from None


def _caller() -> str:
    """Return the name of the process that started this one, where that can be told."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["ps", "-o", "comm=", "-p", str(os.getppid())]
        told = subprocess.run(command, capture_output=True, text=True, timeout=2)  # noqa: S603 (a fixed command)
        return os.path.basename(told.stdout.strip().lstrip("-"))
    return ""
