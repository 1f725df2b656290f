"""The Slack workspaces of a project; the default one has no name."""

import re

from ...destinations.slack.workspaces import settings_of
from ...project import Project
from ...system.errors import UsageError, as_written, near_miss
from ...system.typed import TomlTable


def named(project: Project) -> list[str]:
    """Return the names of the further workspaces."""
    return list(project.connections["slack"]["workspaces"])


def settings(project: Project, workspace: str) -> TomlTable:
    """Return the settings of a workspace: its own, else those of `[slack]`."""
    return settings_of(project.connections["slack"], workspace)


def api_url(project: Project, workspace: str) -> str:
    """Return the address of the Web API, also for a workspace that the project does not have yet."""
    return str(_settings_or_shared(project, workspace)["api_url"])


def is_insecure(project: Project, workspace: str) -> bool:
    """Say whether a secret may go over http:// to another machine; also for one that is not there yet."""
    return bool(_settings_or_shared(project, workspace)["insecure"])


def _settings_or_shared(project: Project, workspace: str) -> TomlTable:
    return settings(project, workspace if workspace in named(project) else "")


def check_known(project: Project, workspace: str, may_be_new: bool = False) -> None:
    """Raise UsageError unless the workspace is there; a new one must not look like a misspelt one."""
    known = named(project)
    if not workspace or workspace in known:
        return
    near = near_miss(workspace, known)
    if near or not may_be_new:
        hint = f"connect it: ingestlayer slack connect --workspace {workspace}"
        raise UsageError(f"there is no workspace {workspace}{near}", "correct it" if near else hint)
    if not re.fullmatch(r"[A-Za-z][\w-]*", workspace, re.ASCII):
        raise UsageError(f"{as_written(workspace)} is no name for a workspace", "it has letters, digits, _ and -")
