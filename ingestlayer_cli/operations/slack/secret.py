"""What a workspace is asked with, and how that fails."""

import re

from ...destinations.slack import credentials
from ...destinations.slack.credentials import Secret
from ...project import Project
from ...system.addresses import is_open
from ...system.errors import Exit, IngestlayerError
from . import workspaces

_FORM = re.compile(r"[!-~]+")
_KINDS = {
    "xoxp": "a user's token",
    "xapp": "an app-level token",
    "xoxe": "a configuration token, or one that expires: token rotation is on",
    "xoxa": "an old workspace token",
    "xoxs": "a session's token",
    "xoxc": "a session's token",
}
_COPY = "copy the Bot User OAuth Token, xoxb-…, from OAuth & Permissions of the app"


class SlackError(IngestlayerError):
    """Slack refused a call; `code` is its word for it."""

    kind = "slack"
    exit_code = Exit.CONFIG

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class UnreachableError(SlackError):
    """No answer of Slack's came, or one that says to come back later."""

    kind = "unreachable"
    exit_code = Exit.WAITING


def check_token(token: str) -> str:
    """Return a bot token as it may be used; SlackError says what was given in its place, and never shows it."""
    token = token.strip()
    if not token:
        raise SlackError("no token was given", _COPY)
    if token.startswith(("https://", "http://")):
        raise SlackError("this is an address, not a bot token", "an incoming webhook is given with --webhook-stdin")
    if not _FORM.fullmatch(token):
        raise SlackError("the token has a character in it that no token has: a space, or a line's end", _COPY)
    if not token.startswith("xoxb-"):
        raise SlackError(f"this is {_KINDS.get(token[:4], 'no token of Slack')}, not a bot token", _COPY)
    return token


def secret_of(project: Project, connection: str, workspace: str = "") -> Secret:
    """Return the secret of a workspace's connection, `bot` or `webhook`; SlackError when there is none."""
    secret = credentials.find(project.root, connection, workspace)
    name = credentials.variable(connection, workspace)
    if secret is None:
        raise SlackError("Slack is not connected", f"ingestlayer slack connect, or set {name}")
    if not _FORM.fullmatch(secret.value):  # it fits no request, and would be told with its text
        raise SlackError(f"{secret.where} holds nothing that could be Slack's secret", f"correct {name}")
    if connection == "webhook" and is_open(secret.value) and not workspaces.is_insecure(project, workspace):
        raise SlackError(f"{secret.where} leads over a network without encryption", f"set {name} to https://…")
    return secret
