"""The channels of a workspace, and how those that pipelines name stand."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...system.errors import near_miss
from ...system.typed import Body
from .client import NOT_SLACK, Client
from .secret import SlackError, UnreachableError

if TYPE_CHECKING:
    from ...model.documents.projects import Mark
    from ...model.documents.slack import ChannelDocument


class Channel(NamedTuple):
    """One channel that the bot may see."""

    id: str
    name: str
    is_private: bool
    is_member: bool
    is_archived: bool

    def document(self) -> "ChannelDocument":
        """Return it as `slack channels --json` prints it."""
        return {
            "id": self.id,
            "name": self.name,
            "is_private": self.is_private,
            "is_member": self.is_member,
            "is_archived": self.is_archived,
        }


def channels(client: Client, search: str | None = None) -> Iterator[Channel]:
    """Yield the channels whose name holds a text; private ones only where the token may see them."""
    for row in _rows(client):
        id_, name = row.get("id"), row.get("name")
        if not (isinstance(id_, str) and isinstance(name, str)):
            raise UnreachableError("the answer is not Slack's: a channel has no id or no name", NOT_SLACK)
        channel = Channel(
            id_,
            name,
            bool(row.get("is_private")),
            bool(row.get("is_member")),
            bool(row.get("is_archived")),
        )
        if search is None or search.lower().lstrip("#") in channel.name.lower():
            yield channel


def _rows(client: Client) -> Iterator[Body]:
    """Yield public and private channels; without groups:read the private ones are not listed."""
    try:
        yield from client.pages("conversations.list", "channels", {"types": "public_channel,private_channel"})
    except SlackError as error:
        if error.code != "missing_scope":
            raise
        yield from client.pages("conversations.list", "channels", {"types": "public_channel"})


class Standing(NamedTuple):
    """How a channel that a pipeline names stands. `mark` is ok, warning or problem."""

    mark: "Mark"
    words: str
    hint: str = ""


def standing(name: str, known: list[Channel], bot: str, scopes: list[str] | None) -> Standing:
    """Say how a channel stands, by its name (with # or without) or its id; `scopes` None: not told."""
    bare = name.removeprefix("#")
    channel = next((it for it in known if bare in (it.id, it.name)), None)
    invite = f"/invite @{bot}"
    if channel is None:
        return _absent(bare, known, invite, scopes)
    if channel.is_archived:
        return Standing("problem", "archived", "unarchive it in Slack, or name another channel in the pipeline")
    if channel.is_member:
        return Standing("ok", f"{'private' if channel.is_private else 'public'}, with the bot")
    if channel.is_private:
        return Standing("problem", "private, without the bot", f"type {invite} in the channel")
    if scopes is not None and "chat:write.public" not in scopes:
        hint = f"type {invite} in the channel, or add the scope chat:write.public"
        return Standing("problem", "public, without the bot", hint)
    return Standing("ok", "public")


def _absent(name: str, known: list[Channel], invite: str, scopes: list[str] | None) -> Standing:
    # Slack answers the same for a private channel that the bot may not see as for one that is not there.
    near = near_miss(name, [channel.name for channel in known])
    if scopes is not None and "groups:read" not in scopes:
        words = f"no public channel{near}; private ones cannot be seen"
        hint = f"correct the pipeline; if it is private, {invite} there, then: ingestlayer slack test '#{name}'"
    else:
        words = f"no such channel{near}, or a private one without the bot"
        hint = f"correct the pipeline; if it is private, {invite} there"
    return Standing("problem", words, hint)
