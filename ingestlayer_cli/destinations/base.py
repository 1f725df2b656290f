"""What a destination is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from ..language.conditions import Condition
from ..language.expressions import ROOTS, Scope
from ..language.templates import as_text
from ..model.events import OWN, Event, encode
from ..model.families import NO_ZONE, Duration, Section, TimeZone, WorkingHours
from ..system.typed import TYPE_CHECKING, Annotated, Any, Body, ClassVar, Directions, Literal, NamedTuple, TomlTable
from ..system.zones import Moment

if TYPE_CHECKING:
    from ..model.sending import Sender


class Composing(NamedTuple):
    """What a message is composed from."""

    event: Event
    pipeline: str
    scope: Scope
    target: str
    delivery_id: str
    connection: str
    transformed: bool = False  # whether `$body` is other than the payload
    mark: str = ""  # what a replayed message says of itself


class Limit(NamedTuple):
    """How many characters a template's text may have, values counted by `measure`, and what happens beyond."""

    most: int
    measure: Callable[[str], int]
    beyond: str
    starts_whole: bool = False  # a value at the very start is taken as it is


class Target(NamedTuple):
    """Where a message goes, for people: `#alerts`; `note` tells why there, when that is not plain."""

    name: str
    note: str = ""


class Listed(NamedTuple):
    """A message that is a line of another."""

    body: Body | None  # None: it is only counted
    directions: Directions


class Connection(NamedTuple):
    """What the deliveries of a destination go over, as the project's file has it.

    `doubt` is what becomes of a delivery of which nobody can see whether it arrived.
    """

    name: str = ""
    pace: int = 0  # milliseconds between two messages to one target
    is_drawn: bool = False  # on this terminal, in the order of acceptance: nothing leaves the machine
    doubt: Literal["hold", "resend"] = "hold"
    settings: TomlTable = {}
    budgets: dict[str, str] = {}  # how many messages there may be: 20/h, by target without its #
    zone: str = ""  # what times mean that are told of it


Draw = Callable[[str, Body], None]
"""Draws a body for a target on this terminal."""


class Remark(NamedTuple):
    """What is said of a key of a destination; `about` is the ref in it that is meant, if it is one."""

    key: str
    words: str
    about: str = ""


class Destination(Section):
    """One destination of a pipeline. `limits` has the keys of its templates; `*` stands for any name or number."""

    limits: ClassVar[dict[tuple[str, ...], Limit]] = {}
    redirectable: ClassVar[bool] = False  # whether its target is a channel, which a replay may replace
    block_kit: ClassVar[bool] = False  # whether its bodies are of blocks that the Block Kit Builder shows
    reactions: ClassVar[bool] = False  # whether people react to its messages with an emoji, which its sender can read
    apart: ClassVar[bool] = False  # whether each target is a connection of its own, which breaks for itself

    when: Annotated[Condition | None, "Which events go there; without it all."] = None
    timezone: Annotated[TimeZone, "What times in its messages mean; without it the project's."] = NO_ZONE
    hours: Annotated[WorkingHours | None, "The NAME of [hours.NAME] within which its messages go.", "business"] = None
    outside: Annotated[
        str, "What becomes of a message outside of `hours`: wait, drop, or the channel that gets it."
    ] = "wait"
    recheck: Annotated[
        bool, "Whether a message that waited for its `hours` is judged again then, on what is known by then."
    ] = False
    retry: Annotated[
        list[Duration] | None,
        "The pauses after the first, second, … failed attempt; then the delivery is dead. Without it 30s, 2m, 10m, 1h.",
        ["30s", "2m"],
    ] = None

    def target(self, scope: Scope) -> Target:
        """Return where the message goes; ProjectError when that cannot be told."""
        raise NotImplementedError

    def compose(self, composing: Composing) -> str:
        """Return the body that is stored and sent, as JSON. Pure."""
        raise NotImplementedError

    def directions(self, composing: Composing) -> Directions:
        """Return what its sender needs beside the body, as plain data; `thread` is known to the outbox."""
        return {}

    @classmethod
    def gathered(cls, id_: str, body: Body, told: list[Directions], at: int) -> Body:
        """Return the body that says many messages: that of one of them, `id_`, and `directions["digest"]` of all."""
        raise NotImplementedError

    @classmethod
    def flooded(cls, id_: str, target: str, lines: list[Listed], rate: str, until: Moment | None) -> Body:
        """Return the body that says many messages to a target, which may get so many: the first of them is `id_`.

        It says that no more are sent `until` a time; one alone is as it was, and says so, too.
        """
        raise NotImplementedError

    @classmethod
    def redirected(cls, channel: str, connection: Connection) -> str:
        """Return the target that a person means by a channel; UsageError when none can be given."""
        return channel

    @classmethod
    def remembers(cls, data: TomlTable) -> int | None:
        """Return for how long the threads of a destination of this compiled data last; None: for ever."""
        return 0

    @classmethod
    def drawn(cls, body: Body, target: str, at: str) -> Any:
        """Return a body as it will look there, to be printed by Rich; None: as the data that it is."""
        return None

    @classmethod
    def texts(cls, body: Body) -> list[str]:
        """Return what people can read of a body, in its order, for the tests of pipelines."""
        return [text for _, text in paths(body)]

    @classmethod
    def lines(cls, body: Body) -> list[str] | None:
        """Return the words of a message of this kind, a line each, without markup; None of a body that is none."""
        return None

    @classmethod
    def fields(cls, body: Body) -> dict[str, str]:
        """Return the named values in a body: of data each by its path, `payload.customer_id`."""
        return dict(paths(body))

    @classmethod
    def account(cls, data: TomlTable) -> str:
        """Return the name of the connection that compiled data goes over; the default one of its kind has none."""
        return ""

    @classmethod
    def settings(cls) -> type[Section] | None:
        """Return what the table of ingestlayer.toml that is called like it may hold; None: there is none."""
        return None

    @classmethod
    def idle(cls, table: TomlTable, used: list[TomlTable]) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield (path, words) of what in that table has no effect, `used` being all compiled data of its kind."""
        yield from ()

    @classmethod
    def post(cls, data: TomlTable) -> tuple[str, str] | None:
        """Return the key and the target of compiled data that posts to the same one whatever the event is."""
        return None

    @classmethod
    def connection(cls, table: TomlTable, account: str) -> Connection:
        """Return a connection of this kind; `table` is that of ingestlayer.toml which is called like it."""
        return Connection()

    @classmethod
    def problems(cls, data: TomlTable, table: TomlTable) -> Iterator[tuple[str, str]]:
        """Yield (key, words) of what in compiled data is wrong beside the table of ingestlayer.toml."""
        yield from ()

    @classmethod
    def warnings(cls, data: TomlTable, connection: Connection) -> Iterator[Remark]:
        """Yield what is well written in compiled data and still doubtful, for `validate`."""
        yield from ()

    @classmethod
    def strange(cls, path: tuple[str | int, ...], text: str) -> Iterator[tuple[int, str]]:
        """Yield (character, words) of what in a text of a destination's table is of another markup than it has."""
        yield from ()

    @classmethod
    def writes(cls, data: TomlTable) -> str | None:
        """Return the file of the project that compiled data writes to, where that is told without an event."""
        return None

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        """Return what sends over a connection for a project in the folder `root`."""
        raise NotImplementedError


def in_thread(directions: Mapping[str, Any]) -> str:
    """Return in words the thread that a message with these directions belongs to."""
    updated = ", whose first message is updated" if directions.get("update") else ""
    return f"in the thread of {directions['thread']}{updated}"


# The body of destinations that take data rather than a message -------------------------------------------------

_COMMON = frozenset((*ROOTS, "learned"))  # what scopes have without any step's
# Of the event as the destination may see it: something may be redacted.
_SENT = (*OWN, "payload")


def body(composing: Composing) -> str:
    """Return as JSON what a `transform` made, else the event: `{id, type, received_at, payload}`."""
    scope = composing.scope
    return encode(_json(scope["body"] if composing.transformed else {name: scope["event"][name] for name in _SENT}))


def is_over(scope: Scope) -> bool:
    """Say whether a step has put onto the scope, under a root of its own, that what the event tells is over."""
    own = scope.keys() - _COMMON
    return bool(own) and any(scope[root].get("direction") == "down" for root in own)


def paths(data: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the values inside of data, as texts, by their paths."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from paths(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, as_text(data)


def _json(data: object) -> Any:
    """Return data with null for what is no number in JSON: infinity, and what is not a number."""
    if isinstance(data, dict):
        return {name: _json(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_json(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
