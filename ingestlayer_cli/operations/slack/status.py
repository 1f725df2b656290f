"""How a project stands with its workspaces: who the bot is, what it may do, and where each pipeline would post."""

from typing import TYPE_CHECKING, Any

from ...project import Project
from ...system.errors import IngestlayerError
from ...system.typed import TomlTable
from . import workspaces
from .secret import secret_of

if TYPE_CHECKING:
    from ...model.documents.slack import WorkspaceDocument


def status(project: Project, workspace: str = "", is_asked: bool = True) -> "WorkspaceDocument":
    """Return the state of one workspace of a project, as Slack says it, or as far as is known without asking.

    `problems` are [{kind, problem, hint}].
    """
    settings = workspaces.settings(project, workspace)
    result: WorkspaceDocument = {
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


def _look(project: Project, workspace: str, settings: TomlTable, result: "WorkspaceDocument", is_asked: bool) -> None:
    secret = secret_of(project, settings["connection"], workspace)
    result["secret"] = secret.where
    if settings["connection"] == "webhook" or not is_asked:
        return
    from .asking import ask

    ask(project, secret, result, posted_to(project, workspace))


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
