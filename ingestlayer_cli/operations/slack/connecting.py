"""Connecting a project to a workspace: check the secret, keep it, and switch `[slack] connection`."""

import re
from contextlib import closing
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...destinations.slack import credentials
from ...destinations.slack.answers import DEAD_TOKEN
from ...destinations.slack.workspaces import table_of
from ...project import Project
from ...store.opening import open_to_read
from ...system.addresses import is_open
from ...system.errors import ProjectError
from .client import Client, Identity
from .scopes import MAY_NOT_POST, NEEDED, PLAIN, Extra, missing
from .secret import SlackError, UnreachableError, check_token
from .switching import switch

if TYPE_CHECKING:
    from ...model.documents.slack import ConnectDocument


_ADDRESS = re.compile(r"https?://[\w.-]+(:\d+)?/[!-~]+", re.IGNORECASE | re.ASCII)


class Connected(NamedTuple):
    """What a connection came to. `identity` is None for a webhook."""

    connection: Literal["bot", "webhook"]
    workspace: str
    where: str
    identity: Identity | None
    missing: dict[str, str]
    switched: bool

    def document(self) -> "ConnectDocument":
        """Return it as `slack connect --json` prints it."""
        who = self.identity
        return {
            "connection": self.connection,
            "workspace": self.workspace or None,
            "team": who.team if who else None,
            "team_id": who.team_id if who else None,
            "bot": who.user if who else None,
            "secret": self.where,
            "scopes": who.scopes if who else None,
            "missing_scopes": self.missing,
        }


def with_token(root: str, token: str, api_url: str, workspace: str = "", extra: Extra = PLAIN) -> Connected:
    """Check a bot token (auth.test), keep it and switch the project to it; SlackError otherwise."""
    token = check_token(token)
    identity = Client(token, api_url).identity()
    lacking = {} if identity.scopes is None else missing(identity.scopes, extra)
    if NEEDED in lacking:
        hint = f"add {NEEDED} under OAuth & Permissions of the app, install it again, and copy the new token"
        raise SlackError(MAY_NOT_POST, hint, "missing_scope")
    where = credentials.keep(root, "bot", workspace, token).where
    return Connected(
        connection="bot",
        workspace=workspace,
        where=where,
        identity=identity,
        missing=lacking,
        switched=_switched(root, "bot", workspace),
    )


def with_webhook(root: str, url: str, workspace: str = "", insecure: bool = False) -> Connected:
    """Keep the address of an incoming webhook and switch the project to it; SlackError when it is none.

    Nothing tells whether it is good but a message: `slack test` posts one.
    """
    url = url.strip()
    if not _ADDRESS.fullmatch(url):
        hint = "it is https://hooks.slack.com/services/…, from Incoming Webhooks of the app"
        raise SlackError("this is not the address of an incoming webhook", hint)
    if is_open(url) and not insecure:
        hint = f"give https://…, or say insecure = true in [{table_of(workspace)}]"
        raise SlackError("the address leads over a network without encryption", hint)
    where = credentials.keep(root, "webhook", workspace, url).where
    return Connected(
        connection="webhook",
        workspace=workspace,
        where=where,
        identity=None,
        missing={},
        switched=_switched(root, "webhook", workspace),
    )


def shown_of(project: Project, workspace: str = "") -> int:
    """Return how many messages to a workspace were only shown on a terminal, and not sent since."""
    store = open_to_read(project.store_path)
    if store is None:
        return 0
    label = f"slack/{workspace}" if workspace else "slack"
    with closing(store):
        rows = [] if store.is_outdated else store.deliveries.not_arrived(0)
    return sum(row.number for row in rows if row.status == "shown" and row.destination == label)


def _switched(root: str, connection: str, workspace: str) -> bool:
    try:
        return switch(root, connection, workspace)
    except ProjectError as error:
        error.message = f"the secret is kept, but {error.message}"
        raise


class Disconnection(NamedTuple):
    """What became of a connection: whether a secret was forgotten, its token revoked, and why it was not.

    `is_waiting`: Slack could not be reached, and the token is good still.
    """

    removed: bool
    revoked: bool
    why: str
    is_waiting: bool = False


def disconnect(root: str, api_url: str, workspace: str = "") -> Disconnection:
    """Revoke the kept token (auth.revoke) and forget it; what cannot be revoked is forgotten all the same."""
    revoked, why, is_waiting = False, "", False
    try:
        secret = credentials.kept(root, "bot", workspace)
        sharing = credentials.others(root, workspace, secret.value) if secret else []
        if sharing:
            why = f"{sharing[0]} is connected by the same one"
        elif secret is not None:
            revoked = Client(secret.value, api_url).call("auth.revoke").get("revoked") is True
            why = "" if revoked else "Slack did not do it"
    except (SlackError, ProjectError) as error:
        is_waiting = isinstance(error, UnreachableError)
        revoked = isinstance(error, SlackError) and error.code in DEAD_TOKEN
        why = "" if revoked else error.message
    try:
        removed = credentials.remove(root, workspace)
    except ProjectError as error:
        error.message += "; the token was revoked" if revoked else f"; the token was not revoked: {why}" if why else ""
        raise
    return Disconnection(removed, revoked, why, is_waiting)
