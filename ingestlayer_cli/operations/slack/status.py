"""How a project stands with its workspaces: who the bot is, what it may do, and where each pipeline would post."""

import re
from typing import Any

from ...project import Project
from ...store.opening import open_to_read
from ...system.clock import format_time
from ...system.errors import IngestlayerError
from . import workspaces
from .channels import Standing, channels, standing
from .client import Client, Identity, secret_of
from .scopes import MAY_NOT_POST, NEEDED, Extra, asks_reactions, missing
from .trial import TRIED

SKEW = 300  # seconds by which clocks may differ before signatures and the history look-up suffer


def status(project: Project, workspace: str = "", is_asked: bool = True) -> dict[str, Any]:
    """Return the state of one workspace of a project, as Slack says it, or as far as is known without asking.

    `problems` are [{kind, problem, hint}].
    """
    settings = workspaces.settings(project, workspace)
    result: dict[str, Any] = {
        "workspace": workspace or None,
        "connection": settings["connection"],
        "api_url": settings["api_url"],
        "secret": None,
        "team": None,
        "bot": None,
        "scopes": None,
        "missing_scopes": {},
        "clock_skew": None,
        "channels": [],
        "problems": [],
    }
    if settings["connection"] == "terminal":
        return result
    try:
        _look(project, workspace, settings, result, is_asked)
    except IngestlayerError as error:
        result["problems"].append({"kind": error.kind, "problem": error.message, "hint": error.hint})
    return result


def _look(project: Project, workspace: str, settings: dict[str, Any], result: dict[str, Any], is_asked: bool) -> None:
    secret = secret_of(project, settings["connection"], workspace)
    result["secret"] = secret.where
    if settings["connection"] == "webhook" or not is_asked:
        return
    client = Client(secret.value, settings["api_url"])
    identity = client.identity()
    _tell(project, identity, result)
    names = posted_to(project, workspace)
    standings = {name: _untold(name) for name in names}
    if None in standings.values() and (identity.scopes is None or "channels:read" in identity.scopes):
        known = list(channels(client))
        for name in (name for name, it in standings.items() if it is None):
            found = standing(name, known, identity.user, identity.scopes)
            is_seen = any(name.removeprefix("#") in (channel.id, channel.name) for channel in known)
            standings[name] = found if is_seen else _taken(project, name) or found
    for name, pipelines in names.items():
        it = standings[name] or Standing("warning", "cannot be told without the scope channels:read")
        row = {"channel": name, "pipelines": pipelines, "mark": it.mark, "standing": it.words, "hint": it.hint}
        result["channels"].append(row)


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


def _tell(project: Project, identity: Identity, result: dict[str, Any]) -> None:
    result.update(team=identity.team, bot=identity.user, scopes=identity.scopes)
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


def posted_to(project: Project, workspace: str = "") -> dict[str, list[str]]:
    """Return the channels that active pipelines name, as they are written, each with its pipelines."""
    found: dict[str, list[str]] = {}
    for pipeline in project.pipelines:
        for row in pipeline["destinations"] if pipeline["status"] == "active" else ():
            if row["use"] != "slack" or row.get("workspace", "") != workspace:
                continue
            for name in (written(row["channel"]["$template"]), row.get("channel_default")):
                if name and pipeline["name"] not in found.setdefault(name, []):
                    found[name].append(pipeline["name"])
    return found


def written(parts: list[Any]) -> str:
    """Return a template as people read it: `#alerts`, `@$entity.customer.csm_email`, `#${plan + 1}`."""
    return "".join(part if isinstance(part, str) else _reference(part["node"]) for part in parts).strip()


def _reference(node: list[Any]) -> str:
    from ...language.conditions import source
    from ...language.expressions import dotted

    return "$" + dotted(node[1]) if node[0] == "ref" else f"${{{source(node)}}}"
