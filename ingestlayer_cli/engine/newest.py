"""The newest event of each thing, for many that are asked about: looked up for a few, read once for more."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..model.events import Event
from ..store.contract.reading import About, Mark, Selection

if TYPE_CHECKING:
    from ..store.contract.protocols import Store

FEW = 10  # are looked up one by one: each look goes through the texts of all that is newer


class Newest:
    """Knows it of the events of one type; `about` tells what two of them have in common that are of the same thing."""

    def __init__(self, store: "Store", about: Callable[[Event], tuple[Any, ...]]) -> None:
        self._history = store.history
        self._about = about
        self._asked = 0
        self._since = 0
        self._mark: Mark | None = None  # what was accepted after it is not read yet
        self._found: dict[tuple[Any, ...], tuple[int, str]] = {}

    def of(self, event: Event) -> Event:
        """Return the newest event of the same thing as this one; itself where that is the newest."""
        about = self._about(event)
        texts = [part if isinstance(part, str) else part[1] for part in about]
        within = f":{':'.join(texts)}:"
        known = [text for text in event.payload.values() if isinstance(text, str) and f":{text}:" in within]
        self._asked += 1
        is_one_of_few = self._mark is None and known and self._asked <= FEW
        if is_one_of_few or event.received_at < self._since:  # what is newer than that was not read
            return self._looked_up(event, about, About((max(known, key=len),)) if known else None)
        self._read(event)
        received_at, id_ = self._found.get(about, (0, ""))
        return next(iter(self._history.events([id_])), event) if received_at > event.received_at else event

    def _looked_up(self, event: Event, about: tuple[Any, ...], chosen: About | None) -> Event:
        newer = Selection(type=event.type, since=event.received_at + 1, about=chosen)
        return next((it.event for it in self._history.select(newer) if self._about(it.event) == about), event)

    def _read(self, first: Event) -> None:
        """Read what is newer than the first that is asked about; later what was accepted since."""
        if self._mark is None:
            self._since, self._mark = first.received_at, self._history.mark()
            for it in self._history.select(Selection(type=first.type, since=self._since), newest_first=False):
                self._note(it.event)
        for mark, it in self._history.accepted_after(Selection(type=first.type), self._mark):
            self._mark = mark
            self._note(it.event)

    def _note(self, event: Event) -> None:
        about = self._about(event)
        if self._found.get(about, (0, ""))[0] <= event.received_at:
            self._found[about] = event.received_at, event.id
