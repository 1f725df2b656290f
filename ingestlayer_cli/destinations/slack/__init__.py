"""slack: a message in a channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ...language.conditions import Condition
from ...language.expressions import Scope
from ...language.templates import Template
from ...model.families import Duration, Section, WrongKeyError
from ...system.clock import DAY
from ...system.errors import ProjectError, UsageError
from ...system.patterns import lazy
from ...system.typed import TYPE_CHECKING, Annotated, Any, Body, ClassVar, Directions, TomlTable
from ...system.zones import Moment
from ..base import Composing, Connection, Destination, Draw, Limit, Listed, Remark, Target, is_over
from . import kit as kit
from . import mention as mentions
from . import text as texts
from .digest import Digest
from .message import Bodies, SlackMessage, as_word, name_of
from .workspaces import connection_of

if TYPE_CHECKING:
    from ...model.sending import Sender

# A channel's name or id: of ASCII it has letters, digits, - and _ alone. Or a person's: @ and an e-mail address or id.
_CHANNEL = lazy(r"#?[^\s!-,./:-@\[-^`{-~]{1,80}")
_PERSON = lazy(rf"@({mentions.EMAIL.pattern}|{mentions.USER.pattern})", re.ASCII)
_TOKEN = lazy(r"xox[a-z][-.]|xapp-")
_LIKE = "#name, a channel's id, or a person: @maya@acme.com, @U0123ABCD"
_ICON = lazy(r":[\w+'-]+(::skin-tone-[2-6])?:|https://[^\s/<>\"]+(/[^\s<>\"]*)?")


class Slack(Destination):
    """Posts a message to a Slack channel, over the connection that `[slack]` names.

    Without `[destinations.message]`: the event's name, its fields as name and value, and a line with the
    pipeline, the time and the event's id. Values are escaped: no event can mention anybody or forge a link.

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        when = "$event.used / $event.limit >= 1"
        mention = "$entity.customer.csm_email"
        [destinations.message]
        title = "$entity.customer.name is out of $event.metric"
        text = "${event.used | number} of ${event.limit | number} used"
        fields = { Plan = "$event.plan" }
        buttons = [{ text = "Open account", url = "https://crm.example/$event.customer_id" }]

    `thread` puts messages of one key under the first of them, for `thread_window` (30d) from its event on; with
    `update = true` the first one is edited to say what the newest does, and what it said itself is a reply before. A
    null key is no thread. `mention` is a list of e-mail addresses (`Maya Ferro <maya@acme.com>` too), user ids and
    user group ids, divided by commas; who has no user in Slack is named in plain text. `channel` may come from the
    event or the entity, and `@` before an address is a direct message; `channel_default` is for what comes out as no
    channel or nobody.

        [[destinations]]
        use = "slack"
        channel = "$entity.customer.slack_channel"
        channel_default = "#customers"
        thread = "$event.customer_id:$event.metric"
        thread_window = "30d"
        update = true
        mention = "$entity.customer.csm_email"

    `color` in the message (`good`, `warning`, `danger` or `#2eb67d`) is a bar beside its last line. A message that
    says that something is over begins with "Resolved", has no buttons, and is green: with `update = true` the first
    one of its thread is so then. Which message that is, `resolved` tells; without it `$crossing.direction == 'down'`.

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        thread = "$event.customer_id:$event.metric"
        update = true
        resolved = "$event.used < $event.limit"

    `digest` makes one message of many, of one target and key: of those that come within a `window` of the first one
    ("15m"; "run" is what one check or batch finds), or until `at` a time of day ("09:00"). Fewer than `at_least` (2) go
    as they would without. It says how many there are, and of each its `line` (else its title), the highest `order`
    first, `at_most` (50) of them. Its `title`, `text` and `blocks` know `$digest.count`, and `$digest.items` to
    `repeat` over, each with `line`, `order` and `event`. It mentions nobody.

        [[destinations]]
        use = "slack"
        channel = "#growth"
        [destinations.digest]
        window = "15m"
        key = "$event.plan"
        line = "$entity.customer.name is at ${event.used / event.limit | percent}"
        order = "$event.used / $event.limit"
        title = "$digest.count customers are near a limit"

    `workspace = "sales"` posts to the workspace of `[slack.workspaces.sales]`, with a secret of its own.

    `blocks = "file.json"` in the message gives the Block Kit blocks themselves, every text in them a template, and
    any object of a list in them may `repeat` over a list of the event or the entity, whose elements are `$item`:
    `{"type": "section", "repeat": "$event.items", "text": {"type": "mrkdwn", "text": "$item.name"}}`.

    `username` and `icon` (`:emoji:` or an https address) are shown in place of the app's, if the token has the scope
    chat:write.customize; without it the message is posted under the app's own. `unfurl = false` keeps Slack from
    drawing what links lead to. An incoming webhook has none of the three.

        [[destinations]]
        use = "slack"
        channel = "#alerts"
        username = "Usage alerts"
        icon = ":rotating_light:"
        unfurl = false
    """

    redirectable: ClassVar[bool] = True
    block_kit: ClassVar[bool] = True
    reactions: ClassVar[bool] = True

    channel: Annotated[Template, "The channel, or @ and a person."]
    workspace: Annotated[str, "The NAME of [slack.workspaces.NAME]; without it the workspace of [slack].", "sales"] = ""
    channel_default: Annotated[str | None, "Where a message goes whose channel came out as none."] = None
    thread: Annotated[Template | None, "What the messages of one thread have in common."] = None
    thread_window: Annotated[Duration, "For how long a thread goes on from its first event."] = Duration(30 * DAY)
    update: Annotated[bool, "Whether the first message of a thread is edited to say what the newest does."] = False
    resolved: Annotated[
        Condition | None, "Which message says that something is over; without it $crossing.direction == 'down'."
    ] = None
    digest: Annotated[Digest | None, "What many events become one message by."] = None
    mention: Annotated[
        Template | None, "Who is mentioned: e-mail addresses, user ids and user group ids, divided by commas."
    ] = None
    username: Annotated[Template | None, "The name that it is shown under."] = None
    icon: Annotated[str | None, "The emoji or picture that it is shown with."] = None
    unfurl: Annotated[bool | None, "Whether Slack draws what its links lead to."] = None
    message: Annotated[SlackMessage | None, "What it says."] = None

    limits: ClassVar[dict[tuple[str, ...], Limit]] = {
        ("message", "title"): Limit(kit.MAX_HEADER, texts.written, "Slack shows {most}"),
        ("message", "text"): Limit(kit.MAX_TEXT, texts.written, "Slack shows {most}"),
        ("message", "fields", "*"): Limit(kit.MAX_FIELD, texts.written, "Slack shows {most}"),
        ("message", "context"): Limit(kit.MAX_TEXT, texts.written, "Slack shows {most}"),
        ("message", "buttons", "*", "text"): Limit(kit.MAX_LABEL, texts.written, "Slack shows {most}"),
        ("message", "buttons", "*", "url"): Limit(
            texts.MAX_URL, texts.in_url, "Slack takes {most}, there will be no button", True
        ),
    }

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._message = SlackMessage(**(values.get("message") or {}))
        self._digest = Digest(**values["digest"]) if values.get("digest") else None
        self._bodies = Bodies(self._message.color, self.icon, self.unfurl)

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if not _ICON.fullmatch(values.get("icon", ":x:")):
            words = f'icon: "{values["icon"]}" is none: write ":rotating_light:" or an https address'
            raise WrongKeyError(words, "icon")
        for name in ("update", "thread_window"):
            if values.get(name) and "thread" not in values:
                words = f'{name} is of a thread: say which messages are one, thread = "$event.customer_id"'
                raise WrongKeyError(words, name)
        if "digest" in values and "thread" in values:
            raise WrongKeyError("a digest is in no thread: it has one of `digest` and `thread`", "digest")
        channel = values.get("channel", {}).get("$template", [])
        if all(isinstance(part, str) for part in channel) and not _is_channel("".join(channel).strip()):
            raise WrongKeyError(f'channel: "{"".join(channel)}" is none: write {_LIKE}', "channel")
        if not _is_channel(values.get("channel_default", "#some").strip()):
            words = f'channel_default: "{values["channel_default"]}" is none: write {_LIKE}'
            raise WrongKeyError(words, "channel_default")
        return values

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        return int(data.get("thread_window", cls.thread_window)) if "thread" in data else 0

    def target(self, scope: Scope) -> Target:
        channel, notes = (self.channel.key(scope) or "").strip(), []
        if not _is_channel(channel):
            why = "as no channel" if channel else "empty"
            if mentions.EMAIL.fullmatch(channel):
                why = "as an e-mail address: a direct message has an @ before it"
            if self.channel_default is None:
                raise ProjectError(
                    f"the destination's channel came out {why}",
                    f"a channel is {_LIKE}; give the destination a channel_default for events without one",
                )
            channel = self.channel_default.strip()
            notes.append(f"channel_default, for its channel came out {why}")
        if self.thread is not None and not self.thread.key(scope):
            notes.append("in no thread: its key is null")
        return Target(channel, "; ".join(notes))

    def directions(self, composing: Composing) -> Directions:
        found: Directions = {}
        if self._digest is not None:
            from .digest_layout import directions

            title = self._message.headline(composing.scope) or composing.event.type
            found["digest"] = directions(self._digest, composing, title, self.timezone)
        if self.thread is not None and (key := self.thread.key(composing.scope)):
            found |= {"thread": key, "window": self.thread_window} | ({"update": True} if self.update else {})
        found |= self._mentioned(composing.scope)[1]
        email = composing.target.removeprefix("@").lower()
        if "@" in email and mentions.EMAIL.fullmatch(email):
            found |= {"to": email, "people": [email, *(other for other in found.get("people", ()) if other != email)]}
            found |= {"instead": self.channel_default.strip()} if self.channel_default else {}
        if composing.connection == "webhook":
            missed = [name for name in ("thread", "mention", "to") if name in found]
            return {name: found[name] for name in ("digest",) if name in found} | ({"missed": missed} if missed else {})
        return found

    def compose(self, composing: Composing) -> str:
        event, scope = composing.event, composing.scope
        is_over = self._is_over(scope)
        fallback, blocks = self._message.said(composing, self._mentioned(scope)[0], is_over, self.timezone)
        words, layout = blocks if isinstance(blocks, tuple) else ([], blocks)
        if composing.connection == "webhook":  # its channel is fixed, and it takes no metadata
            return self._bodies.written([fallback, *words], layout, is_over, False, False)
        ids = as_word(event.type), event.id, event.type, composing.delivery_id
        name = name_of(self.username, scope)
        said = [composing.target, fallback, *words, *([name] if name else []), *ids]
        return self._bodies.written(said, layout, is_over, True, bool(name))

    def _is_over(self, scope: Scope) -> bool:
        if self.resolved is not None:
            return self.resolved.holds(scope)
        return is_over(scope)

    def _mentioned(self, scope: Scope) -> tuple[str, Directions]:
        """Return the line that says whom a message is for, and what its sender needs for it."""
        return mentions.told(self.mention.render(scope)) if self.mention else ("", {})

    @classmethod
    def gathered(cls, id_: str, body: Body, told: list[Directions], at: int) -> Body:
        from .digest_layout import composed, of_many

        return of_many(body, len(told), composed(id_, told[0], told, at))

    @classmethod
    def flooded(cls, id_: str, target: str, lines: list[Listed], rate: str, until: Moment | None) -> Body:
        from .digest_layout import of_many
        from .flood_layout import alone, composed

        body = lines[0].body or {}
        if len(lines) == 1:
            return alone(id_, target, body, rate, until)
        return of_many(body, len(lines), composed(id_, target, lines, rate, until))

    @classmethod
    def drawn(cls, body: Body, target: str, at: str) -> Any:
        """Return the message as Slack will show it."""
        from .drawing import message

        return message(body, target, at)

    @classmethod
    def texts(cls, body: Body) -> list[str]:
        from .reading import texts

        return list(texts([body["blocks"], body.get("attachments", [])]))

    @classmethod
    def lines(cls, body: Body) -> list[str] | None:
        from .reading import lines

        return lines(body)

    @classmethod
    def fields(cls, body: Body) -> dict[str, str]:
        """Return the fields of the message's sections."""
        from .reading import fields

        return dict(fields(body["blocks"]))

    @classmethod
    def redirected(cls, channel: str, connection: Connection) -> str:
        """Return a channel with its #; an id stays as it is."""
        if connection.name == "webhook":
            raise UsageError("--channel: a webhook posts to its own channel alone", 'it needs connection = "bot"')
        if not (name := channel.strip()).removeprefix("#"):
            raise UsageError("--channel: which one?", "--channel '#test'")
        return name if name.startswith("#") or re.fullmatch(r"[CGD][A-Z0-9]{8,}", name, re.ASCII) else f"#{name}"

    @classmethod
    def account(cls, data: TomlTable) -> str:
        return str(data.get("workspace", ""))

    @classmethod
    def settings(cls) -> type[Section]:
        from .table import SlackTable

        return SlackTable

    @classmethod
    def idle(cls, table: TomlTable, used: list[TomlTable]) -> Iterator[tuple[tuple[str, ...], str]]:
        from .table import idle_budgets

        return idle_budgets(table, used)

    @classmethod
    def post(cls, data: TomlTable) -> tuple[str, str] | None:
        parts = data["channel"]["$template"]
        is_whole = bool(parts) and all(isinstance(part, str) for part in parts)
        return ("channel", f"#{''.join(parts).strip().lstrip('#')}") if is_whole else None

    @classmethod
    def connection(cls, table: TomlTable, account: str) -> Connection:
        """Return the connection of a workspace."""
        return connection_of(table, account)

    @classmethod
    def problems(cls, data: TomlTable, table: TomlTable) -> Iterator[tuple[str, str]]:
        from .remarks import problems

        return problems(cls.account(data), table)

    @classmethod
    def warnings(cls, data: TomlTable, connection: Connection) -> Iterator[Remark]:
        from .remarks import warnings

        return warnings(data, cls.account(data), connection)

    @classmethod
    def strange(cls, path: tuple[str | int, ...], text: str) -> Iterator[tuple[int, str]]:
        from .remarks import markdown

        return markdown(text) if path[0] == "message" and path[1] != "blocks" else iter(())

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        """Return what sends over the connection of a workspace."""
        from .sender import connect

        return connect(connection.settings, draw, root)


@lru_cache(maxsize=256)
def _is_channel(text: str) -> bool:
    """A token that stands there by mistake is none: a channel is shown everywhere."""
    is_named = _CHANNEL.fullmatch(text) or _PERSON.fullmatch(text)
    return bool(is_named) and any(map(str.isalnum, text)) and not _TOKEN.match(text)
