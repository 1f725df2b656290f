"""A project, a user with a home of their own, and a stand-in for Slack: the program as people and cron run it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.program import LONG_AGO, NO_KEYRING, Result, ran
from tests.support.standin import SlackStandin, Webhook

MARK = "distinctive-secret"
"""Every secret of these tests has it, so that `sweep` finds one wherever it was written."""
TOKEN = f"xoxb-1-{MARK}-bot"
OTHER = f"xoxb-2-{MARK}-other"
CLIENT_ID, CLIENT_SECRET = "1234.5678", f"{MARK}-of-the-client"
REDIRECT = "https://localhost/slack/callback"
SCOPES = ("chat:write", "chat:write.public", "users:read", "users:read.email", "channels:read")
TYPE = "usage.limit_reached"
EMIT = ("emit", TYPE, "customer_id=acme", "used:=120")
DECLARATION = """
[fields]
customer_id = "string"
used = "number"
[example]
customer_id = "acme"
used = 120
"""
PIPELINE = """
match = ["usage.limit_reached"]
[[destinations]]
use = "slack"
channel = "{channel}"
{more}
[destinations.message]
title = "$event.customer_id is at $event.used"
"""


class Person:
    """A project connected to nothing yet; `outside` is a folder that is not swept, for what holds secrets."""

    def __init__(self, folder: Path, slack: SlackStandin) -> None:
        self.slack = slack
        self.root, self.home, self.outside = folder / "project", folder / "home", folder / "outside"
        for path in (self.root, self.home, self.outside):
            path.mkdir()
        slack.tokens |= {TOKEN: set(SCOPES), OTHER: set(SCOPES)}
        self.settings(f'[slack]\napi_url = "{slack.url}"\n')
        self.write(f"events/{TYPE}.toml", f'type = "{TYPE}"\n{DECLARATION}')
        self.pipeline("limits", "#alerts")

    @property
    def kept(self) -> Path:
        """The file of secrets."""
        return self.home / ".local" / "state" / "ingestlayer" / "slack.json"

    @property
    def toml(self) -> str:
        return (self.root / "ingestlayer.toml").read_text()

    def settings(self, text: str) -> None:
        self.write("ingestlayer.toml", text)

    def pipeline(self, name: str, channel: str, more: str = "") -> None:
        self.write(f"pipelines/{name}.toml", PIPELINE.format(channel=channel, more=more))

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    def environment(self, more: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return an environment without a keyring, a browser or a proxy; None takes a variable out."""
        ours = (
            "INGESTLAYER_",
            "SLACK_",
            "PYTHON",
            "NO_COLOR",
            "FORCE_COLOR",
            "XDG_",
            "HTTP",
            "http",
            "ALL_PROXY",
            "SSL_",
        )
        theirs = ("SSH_", "DISPLAY", "WAYLAND_DISPLAY", "BROWSER", "DBUS_", "COMP_", "SHELL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours + theirs)}
        fixed = {"TERM": "dumb", "COLUMNS": "80", "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}
        made = {**kept, **fixed, "HOME": str(self.home), "PYTHON_KEYRING_BACKEND": NO_KEYRING, **(more or {})}
        return {name: value for name, value in made.items() if value is not None}

    def run(
        self,
        *arguments: str | Path,
        stdin: bytes | str = b"",
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        umask: int = -1,
    ) -> Result:
        """Run the program to its end; whatever happens, it says no secret, and is given none as an argument."""
        text = stdin.encode() if isinstance(stdin, str) else stdin
        assert MARK not in " ".join(map(str, arguments))
        result = ran(arguments, cwd or self.root, text, self.environment(env), umask)
        assert MARK not in result.said, result
        return result

    def connect(self, token: str = TOKEN, *arguments: str, **more: Any) -> Result:
        """Run `slack connect --token-stdin`, which must succeed."""
        result = self.run("slack", "connect", "--token-stdin", *arguments, stdin=token, **more)
        assert result.code == 0, result
        return result

    def webhook(self) -> str:
        """Return the address of a webhook with a distinctive path."""
        self.slack.webhooks[f"T000/B000/{MARK}"] = Webhook("alerts")
        return f"{self.slack.base}/services/T000/B000/{MARK}"
