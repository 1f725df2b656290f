"""Somebody who has read nothing but README.md, and types what it says: from the clone to Slack and to cron.

`python -m tests.newcomer` does it in a fresh copy of the tree with a real installation; the tests give a newcomer the
environment that they run in, and compare what comes out with what the README shows.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import ROOT
from tests.support.program import PROGRAM
from tests.support.session import Done, Session, played
from tests.support.standin import SlackStandin

README = ROOT / "README.md"
TOKEN = "xoxb-newcomer"
INSTALL = "python3 -m venv .venv && .venv/bin/pip install --quiet . && "
TOUR = ("## The first message", "## To Slack", "## Quotas from cron", "## When nothing came")  # typed top to bottom
BLOCK = re.compile(r"^```(console|sh)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
CRON = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "LOGNAME": "nobody"}  # crontab(5), beside HOME


def marked(name: str) -> str:
    """Return the command below a mark, `<!-- NAME command -->`."""
    _, _, after = README.read_text(encoding="utf-8").partition(f"<!-- {name} command -->\n```sh\n")
    return after.partition("\n```")[0]


def registry() -> dict[str, str]:
    """Return what of this machine's environment finds a Python, and reaches a registry of packages."""
    told = ("PIP_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    python = Path(shutil.which("python3") or sys.executable).parent
    return {
        **{name: value for name, value in os.environ.items() if name.startswith(told)},
        "PATH": f"{python}:/usr/bin:/bin",
    }


class Newcomer:
    """One person with a fresh home, a clone in it, and a Slack whose administrator they are.

    The Slack is a stand-in: its address in `ingestlayer.toml` is all that is not as the README says.
    """

    def __init__(self, home: Path, slack: SlackStandin, installed: bool = False) -> None:
        self.home, self.slack = home, slack
        slack.tokens[TOKEN] = {"chat:write", "chat:write.public", "channels:read", "users:read", "users:read.email"}
        for email in ("maya@ourcompany.example", "jon@ourcompany.example"):
            slack.add_user(email)
        self.clone = home / "ingestlayer"
        self.shell = Session(self.clone, {"HOME": str(home)})
        self.is_installed = installed
        self.crontab: list[str] = []

    def set_up(self) -> Done:
        """Run the README's first command; where a virtual environment is lent, without what makes one."""
        command = marked("set-up")
        if not self.is_installed:
            own, self.shell.environment = self.shell.environment, {**self.shell.environment, **registry()}
            done, self.shell.environment = self.shell.run(command), own
            return done
        assert command.startswith(INSTALL)
        self._borrow()
        return self.shell.run(command.removeprefix(INSTALL))

    def _borrow(self) -> None:
        """Make a virtual environment of the program that the tests run."""
        folder = self.clone / ".venv" / "bin"
        folder.mkdir(parents=True)
        (folder / "ingestlayer").symlink_to(PROGRAM)
        (folder / "activate").write_text(f'PATH="{folder}:$PATH"\nexport PATH\n')

    def type(self, command: str) -> str:
        """Type a line of a console block; return what it says."""
        if command == "ingestlayer slack connect":
            self._reach_the_stand_in()
            done = self.shell.typed(command, "(not shown): ", TOKEN)
        else:
            done = self.shell.run(command)
        assert done.code == 0, f"{command}\n{done.said}"
        self.crontab += re.findall(r"^  ((?:\S+ +){5}/.*)$", done.said, re.MULTILINE)
        return done.said.replace(self.slack.base, "https://slack.com")

    def cron(self) -> Iterator[Done]:
        """Run the lines that were printed for the crontab, as cron does: no terminal, next to no environment."""
        names = {**CRON, "HOME": str(self.home)}
        for line in self.crontab:
            command = line.split(maxsplit=5)[5]
            words = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in names.items())]
            done = subprocess.run(
                [*words, "/bin/sh", "-c", command],
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
            yield Done(done.returncode, done.stdout + done.stderr)

    def _reach_the_stand_in(self) -> None:
        path = self.shell.folder / "ingestlayer.toml"
        path.write_text(path.read_text().replace("[slack]\n", f'[slack]\napi_url = "{self.slack.url}"\n'))

    def _done(self, kind: str, block: str) -> str:
        """Type what a block shows; what an `sh` block prints is not shown."""
        if kind == "console":
            block = played(block, self.type)
        else:
            for line in block.splitlines():
                self.type(line)
        return f"```{kind}\n{block}```\n"

    def reads(self) -> str:
        """Do all that the README says, top to bottom; return it as it would be written now."""
        text = ""
        for section in re.split(r"^(?=## )", README.read_text(encoding="utf-8"), flags=re.MULTILINE):
            is_tour = section.startswith(TOUR)
            text += BLOCK.sub(lambda match: self._done(*match.groups()), section) if is_tour else section
            if section.startswith("## Quotas from cron"):
                assert [done.said for done in self.cron()] == [""] * 3
        return text


def copy_of_the_tree(clone: Path) -> None:
    """Copy what git has of this tree, and what it would add."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, clone / name)


def main() -> None:
    """Be a newcomer with nothing but a clone."""
    with tempfile.TemporaryDirectory(prefix="newcomer-") as folder, SlackStandin() as slack:
        newcomer = Newcomer(Path(folder).resolve(), slack)
        copy_of_the_tree(newcomer.clone)
        print(f"$ {marked('set-up')}")
        done = newcomer.set_up()
        print(done.said)
        assert done.code == 0
        assert "#alerts shown" in done.said
        newcomer.reads()
        for message in slack.messages:
            print(f"in Slack: {message.body['text']}")


if __name__ == "__main__":
    main()
