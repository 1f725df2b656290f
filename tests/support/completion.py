"""Shell completion, asked as the scripts of the shells ask it, and the shells themselves."""

import shutil
import subprocess
from pathlib import Path

from tests.support.program import PROGRAM, environment, ingestlayer
from tests.support.terminal import Terminal

READY = "ready> "
# Of each shell: how it is started, the file that it reads then, and a prompt by which it is known to listen.
SHELLS = {
    "bash": ("-i", ".bashrc", f"PS1='{READY}'"),
    "zsh": ("-i", ".zshrc", f"PS1='{READY}'"),
    "fish": ("--interactive", ".config/fish/config.fish", f"function fish_prompt; printf '{READY}'; end"),
}


def completed(words: str, cwd: Path) -> list[str]:
    """Return what is offered for the last word of a command line; a space at its end starts a new one."""
    return list(told(words, cwd))


def told(words: str, cwd: Path) -> dict[str, str]:
    """Return what is offered with the words on it, that of it which begins as the last word does, as shells take it."""
    given = words.split()[1:] + [""] * words.endswith(" ")
    result = ingestlayer(*given, cwd=cwd, env={"_INGESTLAYER_COMPLETE": "zsh"})
    assert (result.code, result.err) == (0, "")
    _, *found = result.out.split("\0")[:-1]
    pairs = dict(zip(found[::2], found[1::2], strict=True))
    return {value: text for value, text in pairs.items() if value.startswith(given[-1])}


class Shell:
    """An interactive shell of somebody who has a prompt, and what `--install-completion` wrote, in a folder."""

    def __init__(self, name: str, home: Path, cwd: Path) -> None:
        self.name, self.home, self.cwd = name, home, cwd
        self._env = environment({"HOME": str(home), "TERM": "xterm"})
        _, file, prompt = SHELLS[name]
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).write_text(f"{prompt}\n")
        subprocess.run([PROGRAM, "--install-completion", name], env=self._env, check=True, capture_output=True)

    def typed(self, *lines: str) -> list[list[str]]:
        """Press Tab at the end of each line; return the words that the shell then takes each one for."""
        program = shutil.which(self.name) or self.name
        with Terminal(program, SHELLS[self.name][0], cwd=self.cwd, env=self._env, columns=400) as terminal:
            terminal.expect(READY)
            found = [self._words(terminal, number, line) for number, line in enumerate(lines)]
            terminal.type("exit")
            terminal.wait()
        return found

    def _words(self, terminal: Terminal, number: int, line: str) -> list[str]:
        """Let the line be the arguments of a program that prints them into a file: what is on a screen is not read."""
        file = self.home / f"words-{number}"
        to_start, to_end = "\x01", "\x05"
        terminal.type(line, end="\t")
        terminal.type(f"{to_start}printf '%s\\0' {to_end} > {file}; echo do''ne {number}.")
        terminal.expect(f"done {number}.")
        terminal.expect(READY)
        return file.read_bytes().decode().split("\0")[:-1]


def linked(folder: Path) -> str:
    """Return how people call the program that they have in a virtual environment of a folder."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "ingestlayer").symlink_to(PROGRAM)
    return ".venv/bin/ingestlayer"
