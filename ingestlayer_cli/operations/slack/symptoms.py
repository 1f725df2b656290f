"""What `doctor` finds of the connections to Slack."""

import os
import shlex
from collections.abc import Iterator

from ...destinations.slack import credentials
from ...destinations.slack.workspaces import API_URL, table_of
from ...model.redaction import without_secrets
from ...project import Project
from ...system.addresses import shown
from ...system.errors import ProjectError
from ...system.state import state_folder
from ..symptoms import Symptom
from . import workspaces
from .client import UnreachableError
from .scopes import NEEDED
from .status import status


def connections(project: Project) -> Iterator[Symptom]:
    """Yield how each workspace is connected, and whether its secret is one."""
    for workspace in ("", *workspaces.named(project)):
        name = f"Slack ({workspace})" if workspace else "Slack"
        row = status(project, workspace)
        if row["api_url"] != API_URL:
            address = without_secrets(shown(row["api_url"]))
            words = f"{name}: the token and the messages go to {address}, and not to slack.com"
            hint = f"unless that is meant: take api_url out of [{table_of(workspace)}]"
            yield Symptom("api", "warning", words, hint)
        if row["connection"] == "terminal":
            words = f"{name}: messages are drawn on the terminal, not sent"
            yield Symptom("slack", "warning", words, "ingestlayer slack connect")
            continue
        for problem in row["problems"]:
            mark = "warning" if problem["kind"] == UnreachableError.kind else "problem"
            yield Symptom("slack", mark, f"{name}: {problem['problem']}", problem["hint"])
        if not row["problems"]:
            who = f"{row['team']} as @{row['bot']}" if row["team"] else "an incoming webhook"
            yield Symptom("slack", "ok", f"{name}: {who}")
        for scope, use in row["missing_scopes"].items():
            if scope == NEEDED:
                continue  # a problem of its own
            words = f"{name}: without {scope} it cannot {use}"
            yield Symptom("slack", "warning", words, "add it under OAuth & Permissions, and install the app again")
        for it in row["channels"]:
            if it["mark"] != "ok":
                words = f"{name}: {it['channel']} ({', '.join(it['pipelines'])}): {it['standing']}"
                yield Symptom("slack", it["mark"], words, it["hint"])
    if not credentials.is_private():
        hint = f"chmod 600 {shlex.quote(os.path.join(state_folder() or '', 'slack.json'))}"
        yield Symptom("slack", "problem", "the file of secrets can be read by others", hint)


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
            yield Symptom("cron", "problem", error.message, error.hint)
            continue
        if os.environ.get(variable) and kept is None:
            hint = f"keep it: ingestlayer slack connect; or set {variable} in the crontab's own environment"
            yield Symptom("cron", "warning", f"{variable} is set in this shell only", hint)
        elif kept is not None and kept.where == credentials.KEYRING:
            hint = f"a job of cron may not reach it: set {variable} in the crontab's own environment"
            yield Symptom("cron", "warning", "the secret is in the keyring", hint)
