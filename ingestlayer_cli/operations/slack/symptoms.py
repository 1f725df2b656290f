"""What `doctor` finds of the connections to Slack."""

import os
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...destinations.slack import credentials
from ...destinations.slack.workspaces import API_URL, table_of
from ...model.redaction import without_secrets
from ...project import Project
from ...system.addresses import shown
from ...system.errors import ProjectError
from ...system.state import state_folder
from ..troubles.symptoms import NOT_CONNECTED, Symptom, trouble
from . import workspaces
from .scopes import NEEDED
from .secret import SlackError, UnreachableError
from .status import status

if TYPE_CHECKING:
    from ...model.documents.projects import Mark


def connections(project: Project, is_asked: bool, sends: bool) -> Iterator[Symptom]:
    """Yield how each workspace is connected; `is_asked`: Slack is, whether its secret is one and what it may do.

    `sends`: some job does; a secret that this shell lacks, and that job has, is no trouble of the messages.
    """
    for workspace in ("", *workspaces.named(project)):
        name = f"Slack ({workspace})" if workspace else "Slack"
        row = status(project, workspace, is_asked)
        if is_asked and row["api_url"] != API_URL:
            address = without_secrets(shown(row["api_url"]))
            words = f"{name}: the token and the messages go to {address}, and not to slack.com"
            hint = f"unless that is meant: take api_url out of [{table_of(workspace)}]"
            yield trouble("api", "warning", "api_foreign", name, words, hint=hint)
        if row["connection"] == "terminal":
            words = f"{name}: messages are drawn on the terminal, not sent"
            yield trouble("slack", "warning", "terminal", name, words, command=_connect(workspace))
            continue
        for problem in row["problems"]:
            is_elsewhere = sends and row["secret"] is None
            mark: Mark = "warning" if problem["kind"] == UnreachableError.kind or is_elsewhere else "problem"
            words, hint = f"{name}: {problem['problem']}", problem["hint"]
            if problem["kind"] == SlackError.kind:  # nothing goes over it
                told = f"slack/{workspace}" if workspace else "slack"
                why = "here; where `ingestlayer deliver` runs, it is" if is_elsewhere else ""
                yield trouble(
                    "slack", mark, NOT_CONNECTED, told, words, why=why, hint=hint, command=_connect(workspace)
                )
            else:
                yield trouble("slack", mark, f"slack_{problem['kind']}", name, words, hint=hint)
        if not row["problems"]:
            who = f"{row['team']} as @{row['bot']}" if row["team"] else f"the secret is in {row['secret']}"
            who = "an incoming webhook" if row["connection"] == "webhook" else who
            yield Symptom("slack", "ok", f"{name}: {who}")
        for scope, use in row["missing_scopes"].items():
            if scope == NEEDED:
                continue  # a problem of its own
            words = f"{name}: without {scope} it cannot {use}"
            hint = "add it under OAuth & Permissions, and install the app again"
            yield trouble("slack", "warning", "slack_scope", f"{name} {scope}", words, hint=hint)
        for it in row["channels"]:
            if it["mark"] != "ok":
                words = f"{name}: {it['channel']} ({', '.join(it['pipelines'])}): {it['standing']}"
                yield trouble("slack", it["mark"], "slack_channel", it["channel"], words, hint=it["hint"])
    if not credentials.is_private():
        path = os.path.join(state_folder() or "", "slack.json")
        words, command = "the file of secrets can be read by others", f"chmod 600 {shlex.quote(path)}"
        yield trouble("slack", "problem", "secrets_open", path, words, command=command)


def _connect(workspace: str) -> str:
    return "ingestlayer slack connect" + (f" --workspace {workspace}" if workspace else "")


def missed_by_cron(project: Project) -> Iterator[Symptom]:
    """Yield the secrets that a job of cron would not have."""
    for workspace in ("", *workspaces.named(project)):
        connection = workspaces.settings(project, workspace)["connection"]
        if connection == "terminal":
            continue
        variable = credentials.variable(connection, workspace)
        try:
            kept = credentials.kept(project.root, connection, workspace)
        except ProjectError as error:
            yield trouble("cron", "problem", "secret_missing", variable, error.message, hint=error.hint)
            continue
        if os.environ.get(variable) and kept is None:
            hint = f"keep it: ingestlayer slack connect; or set {variable} in the crontab's own environment"
            yield trouble("cron", "warning", "cron_env", variable, f"{variable} is set in this shell only", hint=hint)
        elif kept is not None and kept.where == credentials.KEYRING:
            hint = f"a job of cron may not reach it: set {variable} in the crontab's own environment"
            yield trouble("cron", "warning", "cron_env", variable, "the secret is in the keyring", hint=hint)
