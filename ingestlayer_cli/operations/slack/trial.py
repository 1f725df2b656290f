"""A pipeline's example message, posted to try a connection out. It is stored that its channel took it, and no more."""

import json
from typing import TYPE_CHECKING, Literal

from ...engine.memory import NoMemory
from ...engine.pipeline import Message, Pipeline, Replay
from ...engine.runtime import Runtime
from ...model.events import Event
from ...model.families import kind_of
from ...model.gate import Raw
from ...project.match import matches
from ...system.errors import Exit, ProjectError, UsageError, near_miss
from ...system.typed import Body, TomlTable
from . import workspaces
from .client import NOT_SLACK, Client
from .secret import SlackError, UnreachableError, secret_of

if TYPE_CHECKING:
    from ...model.documents.slack import PostedDocument, TrialDocument


TRIED = "slack test"  # the topic of the notes of channels that took one, and when
MARK = "a test: `ingestlayer slack test`"


def post(runtime: Runtime, channel: str, pipeline: str | None, workspace: str = "") -> "TrialDocument":
    """Post the example of a pipeline to a channel; return {pipeline, channel, ts, permalink}.

    Raises SlackError: with exit code 1, something was found, when Slack refuses it.
    """
    project = runtime.project
    settings = workspaces.settings(project, workspace)
    connection: Literal["bot", "webhook"] = "webhook" if settings["connection"] == "webhook" else "bot"
    name, message = _example(runtime, channel, pipeline, connection)
    secret = secret_of(project, connection, workspace)
    body = json.loads(message.body)
    body["text"] = f"Test: {body['text']}"
    body.pop("metadata", None)  # it is of no delivery
    try:
        place = _hook(secret.value, body) if connection == "webhook" else _post(secret.value, settings, channel, body)
    except UnreachableError:
        raise
    except SlackError as error:
        error.exit_code = Exit.FOUND
        raise
    if connection == "bot" and runtime.stored is not None:  # else a store would be made for it
        now = runtime.clock.now()
        with runtime.store.transaction() as transaction:
            transaction.write_note(TRIED, channel, now, now)
    return {"pipeline": name, "channel": channel, "connection": connection, **place}


def _post(token: str, settings: TomlTable, channel: str, body: Body) -> "PostedDocument":
    client = Client(token, settings["api_url"])
    try:
        answer = client.call("chat.postMessage", {**body, "channel": channel})
    except SlackError as error:
        error.message = f"{channel}: {error.message}"
        error.hint = _REMEDIES.get(error.code, error.hint)
        raise
    ts, id_ = answer.get("ts"), answer.get("channel")
    if not (isinstance(ts, str) and isinstance(id_, str)):
        raise UnreachableError("the answer is not Slack's: it does not say where the message is", NOT_SLACK)
    try:
        link = client.call("chat.getPermalink", {"channel": id_, "message_ts": ts}).get("permalink")
    except SlackError:  # it is posted all the same
        link = None
    return {"ts": ts, "permalink": link}


def _hook(url: str, body: Body) -> "PostedDocument":
    from ...destinations.slack.sender import WebhookSender
    from ...model.sending import Outgoing, Retry, Sent

    sent = WebhookSender(url).send(Outgoing("", "", body, {}))
    if isinstance(sent, Retry):
        raise UnreachableError(sent.why, "try again in a minute")
    if not isinstance(sent, Sent):
        raise SlackError(sent.why, getattr(sent, "hint", ""))
    return {"ts": None, "permalink": None}


def _example(runtime: Runtime, channel: str, wanted: str | None, connection: str) -> tuple[str, Message]:
    """Return the first Slack message that comes of the example of an event that a pipeline takes."""
    project = runtime.project
    names = [data["name"] for data in project.pipelines]
    if wanted is not None and wanted not in names:
        raise UsageError(f"there is no pipeline {wanted}{near_miss(wanted, names)}", f"there are {', '.join(names)}")
    why = ""
    for data in project.pipelines:
        if wanted not in (None, data["name"]):
            continue
        for event in _examples(runtime, data["match"]):
            run = Pipeline(data, project.connections).run(event, runtime.outside, NoMemory(), Replay(1, MARK, channel))
            found = next((message for message in run.messages if kind_of(message.destination) == "slack"), None)
            if found is not None:
                return data["name"], found
            why = f": {data['name']} {run.outcome}" + (f", {run.reason}" if run.reason else "")
    hint = "give the declaration an [example] for which the pipeline posts to Slack"
    raise ProjectError(f"no example comes to a message{why}", hint)


def _examples(runtime: Runtime, match: list[str]) -> list[Event]:
    found = []
    for type_ in runtime.project.types:
        declaration = runtime.project.declaration(type_)
        if declaration is not None and declaration.example is not None and matches(match, type_):
            raw = Raw(type_, declaration.example, None, None, "test")
            found.append(runtime.gate.admit(raw, runtime.clock.now())[0])
    return found


_REMEDIES = {
    "channel_not_found": "see `ingestlayer slack channels`; a private one needs the bot: type /invite in the channel",
    "not_in_channel": "invite the bot: type /invite in the channel",
    "is_archived": "unarchive the channel, or take another",
}
