"""What is wrong or doubtful with a destination, beside the connection that it goes over: for `validate`."""

import re
from collections.abc import Iterator

from ...language.expressions import dotted
from ...language.templates import template_refs
from ...system.errors import near_miss
from ...system.typed import TomlTable
from ..base import Connection, Remark
from .workspaces import table_of


def problems(workspace: str, table: TomlTable) -> Iterator[tuple[str, str]]:
    """Look for a workspace that is not there."""
    known = table["workspaces"]
    if workspace and workspace not in known:
        words = f"there is no [{table_of(workspace)}] in ingestlayer.toml{near_miss(workspace, known)}"
        yield "workspace", words


def warnings(data: TomlTable, workspace: str, connection: Connection) -> Iterator[Remark]:
    """Look for a channel that may come out null, and for what a webhook cannot do."""
    channel = data["channel"]["$template"]
    named = template_refs(channel)
    if named and "channel_default" not in data:
        ref = dotted(named[0])
        words = f"${ref} may be null or no channel, and then the run fails: give a channel_default"
        yield Remark("channel", words, ref)
    yield from _of_digest(data.get("digest") or {})
    if connection.name != "webhook":
        return
    words = f'with [{table_of(workspace)}] connection = "webhook"'
    if "thread" in data:
        yield Remark("thread", f"{words} there are no threads: messages are posted plainly")
    for name in ("username", "icon", "unfurl"):
        if name in data:
            yield Remark(name, f"{words} {name} is left out: an incoming webhook takes none")
    if isinstance(channel[0], str) and channel[0].startswith("@"):
        yield Remark("channel", f"{words} there are no direct messages: it goes to its channel")


def _of_digest(table: TomlTable) -> Iterator[Remark]:
    """Look for a digest that never says what each of its messages would have said."""
    at_least, at_most = table.get("at_least", 2), table.get("at_most", 50)
    if at_most < at_least:
        words = (
            f"at_most = {at_most} is less than at_least = {at_least}: of every digest some messages are only counted"
        )
        yield Remark("digest", words)


# Markdown, and what Slack has in its place: https://docs.slack.dev/messaging/formatting-message-text
_MARKDOWN = {
    re.compile(r"(?<![*\\])\*\*(?=[^\s*])[^*\n]+(?<=\S)\*\*(?!\*)"): "bold is *…*",
    re.compile(r"(?<!~)~~(?=[^\s~])[^~\n]+(?<=\S)~~(?!~)"): "struck out is ~…~",
    re.compile(r"!?\[[^\[\]\n]+\]\((?:https?://|mailto:|\$)[^()\s]*\)"): "a link is <address|words>",
    re.compile(r"^[ \t]{0,3}#{1,6} +(?=\S)", re.MULTILINE): "there are no headings but `title`, and bold is *…*",
}


def markdown(text: str) -> Iterator[tuple[int, str]]:
    """Look for Markdown, which Slack shows as it is."""
    for pattern, words in _MARKDOWN.items():
        for found in pattern.finditer(text):
            shown = found[0].strip() if len(found[0]) <= 40 else f"{found[0][:39]}…"
            yield found.start(), f"{shown} is Markdown, and stands as it is: in Slack {words}"
