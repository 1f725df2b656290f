"""The workspaces of Slack: the default one, which has no name, and those of `[slack.workspaces]`."""

from ...system.typed import TomlTable
from ..base import Connection

API_URL = "https://slack.com/api/"


def settings_of(slack: TomlTable, workspace: str) -> TomlTable:
    """Return the settings of a workspace: its own, else those of `[slack]`; `workspace` and `known` beside them."""
    own = slack["workspaces"].get(workspace, {})
    shared = {name: value for name, value in slack.items() if name != "workspaces"}
    is_known = not workspace or workspace in slack["workspaces"]
    given = {name: value for name, value in own.items() if value is not None}
    return {**shared, **given, "workspace": workspace, "known": is_known}


def table_of(workspace: str) -> str:
    """Return the name of the table of ingestlayer.toml that has the settings of a workspace."""
    return f"slack.workspaces.{workspace}" if workspace else "slack"


def connection_of(slack: TomlTable, workspace: str) -> Connection:
    """Return what the messages of a workspace go over."""
    settings = settings_of(slack, workspace)
    is_drawn = settings["connection"] == "terminal"
    pace = 0 if is_drawn else int(settings["pace"])
    named = {} if is_drawn else settings["budget"]
    zone = settings.pop("timezone", "")
    budgets = {target.removeprefix("#"): rate for target, rate in named.items()}
    return Connection(
        name=settings["connection"],
        pace=pace,
        is_drawn=is_drawn,
        doubt=settings["on_unknown"],
        settings=settings,
        budgets=budgets,
        zone=zone,
    )
