"""How a project is connected to Slack, a line a workspace; Slack is not asked."""

from collections.abc import Iterator

from ...destinations.slack import credentials
from ...project import Project
from ...system.errors import ProjectError
from . import workspaces


def summary(project: Project) -> Iterator[str]:
    """Yield how each workspace is connected."""
    for workspace in ("", *workspaces.named(project)):
        yield f"connection{f' of {workspace}' if workspace else ''}: {_connection(project, workspace)}"


def _connection(project: Project, workspace: str) -> str:
    connection = workspaces.settings(project, workspace)["connection"]
    if connection == "terminal":
        return "terminal, messages are drawn here; to send them: ingestlayer slack connect"
    try:
        secret = credentials.find(project.root, connection, workspace)
    except ProjectError as error:
        return f"{connection}, {error.message}; {error.hint}"
    where = f"its secret is in {secret.where}" if secret else "not connected; ingestlayer slack connect"
    return f"{connection}, {where}"
