"""The connections of a project that deliveries go over: their senders, their pace, and which of them are broken.

A connection is known by its label: the kind of destination, `slack`, or of a further account `slack/sales`.
"""

from collections.abc import Callable, Mapping
from functools import partial

from ..destinations.base import Connection, Destination
from ..model import families
from ..system.typed import TYPE_CHECKING, Body, TomlTable

if TYPE_CHECKING:
    from ..model.sending import NotConnected, Result, Sender

Show = Callable[[str, str, Body], None]
"""Draws the message of a kind of destination, for a target, on this terminal."""


def draw_nothing(kind: str, target: str, body: Body) -> None:
    """Draw no message: nobody looks."""


class Connections:
    """What deliveries go over. `tables` are those of ingestlayer.toml, by kind of destination."""

    def __init__(self, tables: Mapping[str, TomlTable], show: Show, root: str) -> None:
        self._tables = tables
        self._show = show
        self._root = root  # the project's folder
        self._known: dict[str, Connection] = {}
        self._senders: dict[str, Sender] = {}
        self._answered: set[str] = set()  # those that have taken or refused a message
        # By label, and target where each is a connection of its own: why nothing more is sent there.
        self._broken: dict[tuple[str, str], NotConnected] = {}

    def of(self, label: str) -> Connection:
        """Return the connection of a label."""
        if label not in self._known:
            self._known[label] = connection(self._tables, label)
        return self._known[label]

    def budget(self, label: str, target: str) -> str | None:
        """Return how many messages a target may get, 20/h; None: any number."""
        return self.of(label).budgets.get(target.removeprefix("#"))

    def sender(self, label: str) -> "Sender":
        """Return what sends over a connection; it is made when the first message is sent."""
        if label not in self._senders:
            kind = families.kind_of(label)
            self._senders[label] = _member(label).sender(self.of(label), partial(self._show, kind), self._root)
        return self._senders[label]

    def noted(self, label: str, target: str, result: "Result") -> None:
        """Learn from what came of a sending how the connection is."""
        from ..model.sending import NotConnected

        if isinstance(result, NotConnected):
            self._broken[label, target if _member(label).apart else ""] = result
        else:
            self._answered.add(label)

    def has_answered(self, label: str) -> bool:
        """Say whether a connection is known to work: one more message may go before the last one's answer."""
        return label in self._answered

    @property
    def broken(self) -> tuple[tuple[str, str], ...]:
        """Where nothing more is sent: (label, target), "" for any target."""
        return tuple(self._broken)

    def why_broken(self) -> str | None:
        """Say why nothing more is sent over one of those that are broken; None while there is none."""
        return next((it.why for it in self._broken.values()), None)

    def trouble(self, label: str, target: str) -> "NotConnected | None":
        """Return why nothing more is sent to a target."""
        return self._broken.get((label, "")) or self._broken.get((label, target))

    def mended(self) -> None:
        """Try the connections once more: somebody may have mended them."""
        self._broken.clear()
        self._answered.clear()
        self._senders.clear()


def connection(tables: Mapping[str, TomlTable], label: str) -> Connection:
    """Return the connection of a label as a project's tables have it."""
    return _member(label).connection(tables.get(families.kind_of(label), {}), account_of(label))


def drawn_kinds(tables: Mapping[str, TomlTable]) -> list[str]:
    """Return the kinds of destination whose messages a project draws on this terminal in place of sending them."""
    return [kind for kind in tables if connection(tables, kind).is_drawn]


def label_of(data: TomlTable) -> str:
    """Return the label of the connection that a compiled destination goes over."""
    kind: str = data["use"]
    account = _member(kind).account(data)
    return f"{kind}/{account}" if account else kind


def account_of(label: str) -> str:
    """Return the account in a label; the default one has no name."""
    return label.partition("/")[2]


def _member(label: str) -> type[Destination]:
    found: type[Destination] = families.member("destinations", families.kind_of(label))
    return found
