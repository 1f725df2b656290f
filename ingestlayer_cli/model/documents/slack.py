"""The documents of `slack`."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from .projects import Mark

Connection = Literal["terminal", "bot", "webhook"]


class ConnectDocument(TypedDict):
    """`slack connect`; `shown` counts what was only shown on a terminal, where something was."""

    connection: Connection
    workspace: str | None
    team: str | None
    team_id: str | None
    bot: str | None
    secret: str
    scopes: list[str] | None
    missing_scopes: dict[str, str]
    shown: NotRequired[int]


class DisconnectDocument(TypedDict):
    """`slack disconnect`."""

    removed: bool
    revoked: bool
    error: str | None


class TargetDocument(TypedDict):
    """A channel that pipelines name, and how it stands."""

    channel: str
    pipelines: list[str]
    mark: Mark
    standing: str
    hint: str


class TroubleDocument(TypedDict):
    """What is wrong with a workspace."""

    kind: str
    problem: str
    hint: str


class WorkspaceDocument(TypedDict):
    """The state of a workspace."""

    workspace: str | None
    connection: Connection
    api_url: str
    secret: str | None
    team: str | None
    bot: str | None
    scopes: list[str] | None
    missing_scopes: dict[str, str]
    clock_skew: float | None
    channels: list[TargetDocument]
    problems: list[TroubleDocument]


class SlackStatusDocument(TypedDict):
    """`slack status`."""

    workspaces: list[WorkspaceDocument]


class ChannelDocument(TypedDict):
    """A line of `slack channels`."""

    id: str
    name: str
    is_private: bool
    is_member: bool
    is_archived: bool


class PostedDocument(TypedDict):
    """Where a message was posted, as far as is told."""

    ts: str | None
    permalink: str | None


class TrialDocument(PostedDocument):
    """`slack test`."""

    pipeline: str
    channel: str
    connection: Literal["bot", "webhook"]


ManifestDocument = dict[str, Any]  # of an app, as Slack defines it
