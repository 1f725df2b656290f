"""What Slack says of a workspace: who the token is, what it may do, how the channels are."""

import re
from typing import TYPE_CHECKING

from ...destinations.slack.credentials import Secret
from ...project import Project
from ...store.opening import open_to_read
from ...system.clock import format_time
from .channels import Standing, channels, standing
from .client import Client, Identity
from .scopes import MAY_NOT_POST, NEEDED, Extra, asks_reactions, missing
from .trial import TRIED

if TYPE_CHECKING:
    from ...model.documents.slack import WorkspaceDocument


SKEW = 300  # seconds by which clocks may differ before signatures and the history look-up suffer


def ask(project: Project, secret: Secret, result: "WorkspaceDocument", names: dict[str, list[str]]) -> None:
    """Tell what Slack says into the state of a workspace; `names`: its channels, each with the pipelines."""
    client = Client(secret.value, result["api_url"])
    identity = client.identity()
    _tell(project, identity, result)
    standings = {name: _untold(name) for name in names}
    if None in standings.values() and (identity.scopes is None or "channels:read" in identity.scopes):
        known = list(channels(client))
        for name in (name for name, it in standings.items() if it is None):
            found = standing(name, known, identity.user, identity.scopes)
            is_seen = any(name.removeprefix("#") in (channel.id, channel.name) for channel in known)
            standings[name] = found if is_seen else _taken(project, name) or found
    for name, pipelines in names.items():
        it = standings[name] or Standing("warning", "cannot be told without the scope channels:read")
        result["channels"].append(
            {"channel": name, "pipelines": pipelines, "mark": it.mark, "standing": it.words, "hint": it.hint}
        )


def _untold(name: str) -> Standing | None:
    """Return how a target stands that is no channel to be looked up."""
    if "$" in name:
        return Standing("ok", "depends on the event")
    if name.startswith("@") or _PERSON.fullmatch(name):
        return Standing("ok", "a direct message")
    return None


_PERSON = re.compile(r"[UWD][A-Z0-9]{6,}")


def _taken(project: Project, name: str) -> Standing | None:
    """Return how a channel that cannot be seen stands when the last message to it did arrive: it is private."""
    store = open_to_read(project.store_path)
    if store is None:
        return None
    try:
        last, tried = store.deliveries.last_settled("slack", name), store.note(TRIED, name)
    finally:
        store.close()
    if tried is not None and (last is None or tried > last.at):
        return _private(tried)
    if last is None or last.status != "delivered" or "ts" not in last.receipt or "target" in last.receipt:
        return None
    return _private(last.at)


def _private(at: int) -> Standing:
    return Standing("ok", f"private; it took a message at {format_time(at)[:16].replace('T', ' ')} UTC")


def _tell(project: Project, identity: Identity, result: "WorkspaceDocument") -> None:
    result["team"], result["bot"], result["scopes"] = identity.team, identity.user, identity.scopes
    if identity.scopes is not None:
        result["missing_scopes"] = missing(identity.scopes, Extra(reactions=asks_reactions(project)))
    if NEEDED in result["missing_scopes"]:
        hint = f"add {NEEDED} under OAuth & Permissions of the app, install it again, and connect its new token"
        result["problems"].append({"kind": "missing_scope", "problem": MAY_NOT_POST, "hint": hint})
    if identity.skew is not None:
        result["clock_skew"] = round(identity.skew, 1)
        if abs(identity.skew) > SKEW:
            side = "ahead of" if identity.skew > 0 else "behind"
            words = f"this machine's clock is {abs(identity.skew):,.0f} s {side} Slack's"
            hint = "set the clock, for example with NTP"
            result["problems"].append({"kind": "clock", "problem": words, "hint": hint})
