"""What our Slack app may do, and the manifest and the link that create it.

Manifests: https://docs.slack.dev/reference/app-manifest; the link that takes one is described there, too.
"""

import json
from typing import NamedTuple
from urllib.parse import quote

from ...model import families
from ...project import Project
from ...system.typed import Body

# Scope: what we need it for. https://docs.slack.dev/reference/scopes
SCOPES = {
    "chat:write": "post messages, and edit those of a thread",
    "chat:write.public": "post to public channels without being invited",
    "users:read": "needed for users:read.email",
    "users:read.email": "find the account owner to mention by an e-mail address",
    "channels:read": "tell whether a channel is there, archived or misspelt",
}
RECONCILE = {"channels:history": "see whether a message arrived when its sending was cut short"}
REACTIONS = {"reactions:read": "see whether somebody has reacted, which ends reminders (until_reaction)"}
NEEDED = "chat:write"
MAY_NOT_POST = f"the token may not post: it lacks the scope {NEEDED}"

CREATE = "https://api.slack.com/apps?new_app=1&manifest_json="
# Slack wants HTTPS here, and gives no bot token to apps that listen on loopback: the address that the browser is
# sent to is copied and pasted.
REDIRECT = "https://localhost/slack/callback"


class Extra(NamedTuple):
    """What a project may do beside posting, each with scopes of its own."""

    reconcile: bool = False
    reactions: bool = False


PLAIN = Extra()


def wanted(extra: Extra) -> dict[str, str]:
    """Return the scopes with what each is for."""
    return SCOPES | (RECONCILE if extra.reconcile else {}) | (REACTIONS if extra.reactions else {})


def asks_reactions(project: Project) -> bool:
    """Say whether some pipeline asks who has reacted to its messages."""
    steps = (step for pipeline in project.pipelines for step in pipeline["steps"])
    return any(families.member("steps", step["use"]).asks_reactions(step) for step in steps)


def manifest(extra: Extra = PLAIN, redirect: str = REDIRECT, name: str = "ingestlayer") -> Body:
    """Return the app manifest to create the app from."""
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {
            "name": name,
            "description": "Tells the moment something worth acting on happens to a customer.",
        },
        "features": {"bot_user": {"display_name": name, "always_online": True}},
        "oauth_config": {"redirect_urls": [redirect], "scopes": {"bot": list(wanted(extra))}},
        "settings": {
            "org_deploy_enabled": False,
            "socket_mode_enabled": False,
            "token_rotation_enabled": False,
        },
    }


def creation_link(extra: Extra = PLAIN, redirect: str = REDIRECT) -> str:
    """Return the link that opens Slack's form for a new app, with our manifest filled in."""
    text = json.dumps(manifest(extra, redirect), separators=(",", ":"))
    return CREATE + quote(text, safe="")


def missing(given: list[str], extra: Extra = PLAIN) -> dict[str, str]:
    """Return the scopes that a token does not have, with what each is for."""
    return {scope: use for scope, use in wanted(extra).items() if scope not in given}
