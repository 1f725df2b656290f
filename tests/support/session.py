"""What a page shows as typed in a shell: extracted, and run word for word in a shell that has next to nothing."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.support.program import NO_KEYRING
from tests.support.terminal import Terminal

CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
EMPTY = {"PATH": "/usr/bin:/bin", "PYTHON_KEYRING_BACKEND": NO_KEYRING}
# What ids, times and places are in the pages, at the length that they have, so that boxes and tables stay as they are.
VARYING = [
    (re.compile(r"\b(evt|dlv)_[0-9A-Z]{26}"), r"\1_01KAPTE000MEXAMPLE00000000"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "2026-11-03T09:30:00.000Z"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "2026-11-03 09:30 UTC"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "2026-11-03 09:30:00 UTC"),
    (re.compile(r"taken in [\d,]+ ms by \S+"), "taken in 24 ms by myhost:4711"),
    (re.compile(r"in \d+\.\d\d s"), "in 0.01 s"),
    (re.compile(r"( APP (?:\x1b\[[\d;]*m)* +)\d\d:\d\d"), r"\g<1>09:30"),  # in colour, too
    (re.compile(r"(rows|1 left out), \d{4}-\d\d\b"), r"\1, 2026-11"),
    (re.compile(r"/\S+/bin/ingestlayer -C /"), "/home/you/ingestlayer/.venv/bin/ingestlayer -C /"),
    (re.compile(r"(?<= )/\S+(/quota/|/\.local/state/)"), r"/home/you\1"),
    (re.compile(r"-C /\S+/quota\b"), "-C /home/you/quota"),
    (re.compile(r"\bversion [0-9a-f]{12}"), "version 3e6dde564c56"),
    (re.compile(r"^\d\d-\d\d \d\d:\d\d ", re.MULTILINE), "11-03 09:30 "),
    (re.compile(r"\d+[smh] ago"), "2s ago"),
    (re.compile(r", on \S+$", re.MULTILINE), ", on myhost"),
    (re.compile(r"connected to .+ as @\w+"), "connected to Your Team as @ingestlayer"),
    (re.compile(r"//standin\.slack\.com/"), "//yourteam.slack.com/"),
    (re.compile(r"https://api\.slack\.com/apps\?\S+"), "https://api.slack.com/apps?new_app=1&…"),
    (re.compile(r"\.slack\.com/archives/\w+/p\d+"), ".slack.com/archives/C0123456789/p1762162200000000"),
    (re.compile(r"\bil_[\w-]{43}"), "il_EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXA"),
    (re.compile(r"until \d{4}-\d\d-\d\d"), "until 2027-01-01"),
    (re.compile(r"(acme:api-calls|globex:seats):\d{4}-\d\d"), r"\1:2026-11"),
]


def normal(text: str) -> str:
    """Put fixed ids and times in place of those that vary."""
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


class Done(NamedTuple):
    """What one command did."""

    code: int
    said: str


class Session:
    """A shell in which one types command after command: it stays in its folder, and keeps its environment."""

    def __init__(self, folder: Path, more: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environment = {**EMPTY, "HOME": str(folder), **(more or {})}

    def run(self, command: str) -> Done:
        """Run a command; what it changes of the shell's folder and environment holds for the next one."""
        with tempfile.NamedTemporaryFile() as kept:
            after = f'code=$?; {{ pwd; env -0; }} > "{kept.name}"; exit $code'
            done = subprocess.run(
                ["/bin/sh", "-c", f"{command}\n{after}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            where, _, rest = Path(kept.name).read_text().partition("\n")
        self.folder = Path(where)
        self.environment = dict(pair.split("=", 1) for pair in rest.split("\0") if pair)
        return Done(done.returncode, done.stdout)

    def typed(self, command: str, prompt: str, answer: str) -> Done:
        """Run a command in a terminal, and answer what it asks."""
        env = {**self.environment, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        with Terminal("/bin/sh", "-c", command, cwd=self.folder, env=env) as terminal:
            terminal.expect(prompt)
            terminal.type(answer)
            code = terminal.wait()
            return Done(code, terminal.text)


def commands(block: str) -> list[str]:
    """Return what a console block shows as typed; a command goes on after a backslash."""
    return re.findall(r"^\$ ((?:.*\\\n)*.+)$", block, re.MULTILINE)


def played(block: str, run: Callable[[str], str]) -> str:
    """Return a console block with its commands and what they print now."""
    shown = ""
    for command in commands(block):
        output = run(command)
        shown += f"$ {command}\n" + (normal(output) if output.strip() else "")
    return shown


def checked(page: Path, run: Callable[[str], str]) -> tuple[str, str]:
    """Return a page as it is, and as its console blocks play now; UPDATE_README=1 writes that."""
    text = page.read_text(encoding="utf-8")
    now = CONSOLE.sub(lambda match: played(match[0], run), text)
    if os.environ.get("UPDATE_README"):
        page.write_text(now, encoding="utf-8")
    return text, now


def with_program(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which this checkout's `ingestlayer` is found by its name."""
    return {"PATH": f"{Path(sys.executable).parent}:{EMPTY['PATH']}", **(more or {})}
