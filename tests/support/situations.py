"""A project on a bad morning: the program run on it in this process, at times that the test sets."""

import io
import json
import os
import re
import shlex
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli import main
from tests.support.program import NO_KEYRING, Result
from tests.support.standin import SlackStandin

TOKEN = "xoxb-test"
SURROUNDINGS = {
    "COLUMNS": "80",
    "USER": "maya",
    "LOGNAME": "maya",
    "SLACK_BOT_TOKEN": TOKEN,
    "PYTHON_KEYRING_BACKEND": NO_KEYRING,
}
TYPE = "usage.limit_reached"
SETTINGS = """
[slack]
connection = "bot"
api_url = "{url}"
pace = "0s"
[entities.customer]
file = "customers.csv"
key = "customer_id"
[checks.api]
source = "usage.csv"
value = "used / limit"
levels = [0.8, 1]
key = ["customer_id"]
emit = "usage.limit_reached"
every = "1h"
"""
DECLARATION = f"""
type = "{TYPE}"
[fields]
customer_id = "string"
used = "number?"
limit = "number?"
level = "number?"
"""
PIPELINE = """
match = ["usage.limit_reached"]
{steps}
[[destinations]]
use = "slack"
channel = "{channel}"
[destinations.message]
title = "$event.customer_id is out of api-calls"
"""
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"'
FILTER = '[[steps]]\nuse = "filter"\nwhen = "$event.used > 1000"'
DEDUPE = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "7d"'


class Morning:
    """A project that is well: it is connected, its check and `deliver` ran just now."""

    def __init__(
        self, root: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.root = root
        self.slack = slack
        self._capsys = capsys
        self._patch = monkeypatch
        self._began = time.time_ns() + 1_000_000_000  # after the files are written: then they are cached
        self.passed = self.wrong = 0.0  # seconds: for everybody, and by our clock alone
        monkeypatch.setattr(time, "time_ns", lambda: self._at() + round(self.wrong * 1e9))
        monkeypatch.setattr(time, "sleep", self.let_pass)
        slack.clock = self._at
        host = os.uname()
        monkeypatch.setattr(os, "uname", lambda: type(host)((host[0], "myhost", *host[2:])))
        for name, value in {**SURROUNDINGS, "HOME": str(root.parent)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        self.settings()
        self.write(f"events/{TYPE}.toml", DECLARATION)
        self.pipeline()
        self.write("customers.csv", "customer_id,name\nacme,Acme Inc\n")
        self.usage()

    def _at(self) -> int:
        """Return what time it is: it stands still, but for what is slept."""
        return self._began + round(self.passed * 1e9)

    # Its files ----------------------------------------------------------------------------------------------

    def settings(self, more: str = "", **replaced: str) -> None:
        text = SETTINGS.format(url=self.slack.url)
        for old, new in replaced.items():
            assert old in text
            text = text.replace(old, new)
        self.write("ingestlayer.toml", text + more)

    def pipeline(self, steps: str = "", channel: str = "#alerts", name: str = "hits", more: str = "") -> None:
        self.write(f"pipelines/{name}.toml", more + PIPELINE.format(steps=steps, channel=channel))

    def usage(self, *rows: str) -> None:
        self.write("usage.csv", "\n".join(("customer_id,used,limit", *(rows or ("globex,1,10",)))) + "\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file, a minute ago."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.age(name, 60)
        return path

    def age(self, name: str, seconds: float) -> None:
        at = self._at() - round(seconds * 1e9)
        os.utime(self.root / name, ns=(at, at))

    def remove(self, name: str) -> None:
        (self.root / name).rename(self.root.parent / Path(name).name)

    def put_back(self, name: str) -> None:
        shutil.move(self.root.parent / Path(name).name, self.root / name)

    @property
    def store(self) -> Path:
        return self.root / ".ingestlayer" / "store.db"

    def sql(self, sql: str, *values: Any) -> None:
        with closing(sqlite3.connect(self.store, isolation_level=None)) as connection:
            connection.execute(sql, values)

    def environment(self, name: str, value: str | None) -> None:
        if value is None:
            self._patch.delenv(name, raising=False)
        else:
            self._patch.setenv(name, value)

    # What happens to it -------------------------------------------------------------------------------------

    def let_pass(self, seconds: float) -> None:
        self.passed += seconds

    def archive(self, archived: bool) -> None:
        self.slack.channels["alerts"].archived = archived

    def post_to_a_private_channel(self) -> None:
        self.slack.add_channel("secret", private=True, bot_is_member=False)
        self.pipeline(channel="#secret")
        self.write(f"events/{TYPE}.toml", f'{DECLARATION}[example]\ncustomer_id = "acme"\n')

    def invite_and_try(self) -> None:
        self.invite()
        self.type("ingestlayer slack test '#secret'")

    def invite(self) -> None:
        self.slack.channels["secret"].bot_is_member = True

    def damage(self, content: bytes) -> None:
        """Write over the store; `restore` brings back a copy."""
        shutil.copy(self.store, self.root.parent / "copy.db")
        with self.store.open("r+b") as file:
            file.seek(0 if b"text" in content else 4096)
            file.write(content)

    def restore(self) -> None:
        for name in ("-wal", "-shm"):
            Path(f"{self.store}{name}").unlink(missing_ok=True)
        shutil.copy(self.root.parent / "copy.db", self.store)

    def fill_disk(self, free: int) -> None:
        used = shutil.disk_usage(self.root)
        self._patch.setattr(shutil, "disk_usage", lambda _: used._replace(free=free))

    # The program --------------------------------------------------------------------------------------------

    def run(self, *arguments: str, stdin: str = "") -> Result:
        self._capsys.readouterr()
        with _stdin(stdin):
            code = main.run(["-C", str(self.root), *arguments])
        return Result(int(code), *self._capsys.readouterr())

    def emit(self, customer: str = "acme", *arguments: str, used: int = 12) -> Result:
        return self.run("emit", TYPE, f"customer_id={customer}", f"used:={used}", "limit:=10", "-q", *arguments)

    def type(self, command: str) -> None:
        """Run a command line as it is named, without its questions."""
        for line in command.split(" && "):
            name, *words = shlex.split(line)
            if name != "ingestlayer":
                assert os.system(line) == 0
            elif words[:2] == ["slack", "connect"]:
                assert self.run(*words, "--token-stdin", stdin=TOKEN).code == 0
            else:
                result = self.run(*words, *(["--yes"] if words[0] == "replay" else []))
                assert result.code in (0, 75), result

    def status(self) -> Any:
        result = self.run("status", "--json")
        document = json.loads(result.out)
        assert result.code == (document["state"] == "trouble"), result
        return document

    def doctor(self) -> list[Any]:
        found: list[Any] = self.run("doctor", "--json").json["findings"]
        return found

    def page(self) -> str:
        """Return the page of `status` without what no two runs have in common; no line is wider than the terminal."""
        result = self.run("status")
        text = result.out + result.err
        commands = [line for line in text.splitlines() if line.startswith(("  → ", "    ingestlayer ")) or "/" in line]
        assert max(len(line) for line in text.splitlines() if line not in commands) <= 80, text
        return self._normal(text)

    def _normal(self, text: str) -> str:
        text = text.replace(str(self.root), "/srv/quota").replace(str(self.root.parent), "/home/me")
        for pattern, constant in _VARYING:
            text = re.sub(pattern, constant, text)
        return text


_VARYING = (
    (r"(\.toml):\d+:\d+:", r"\1:1:1:"),
    (r"(evt|dlv)_\w{26}", lambda found: f"{found[1]}_{'0' * 26}"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "2026-11-03 09:30:00 UTC"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "2026-11-03 09:30 UTC"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "2026-11-03T09:30:00.000Z"),
    (r"\b\d\d-\d\d \d\d:\d\d\b", "11-03 09:30"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:1"),
    (r"[\d.]+ kB", "160.0 kB"),
)


@contextmanager
def _stdin(text: str) -> Iterator[None]:
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(text.encode()))
    try:
        yield
    finally:
        sys.stdin = before
