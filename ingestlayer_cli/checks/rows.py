"""What becomes of the rows of a check that may change what is held: their events, accepted or refused."""

from ..engine.accepting import accept, bury_line
from ..engine.runtime import Runtime
from ..model.crossings import Held
from ..model.events import Event, encode
from ..model.gate import Raw
from ..store.contract.accepting import First
from ..system.errors import RejectedError
from ..system.typed import TYPE_CHECKING, TomlTable
from .judging import Judged
from .levels import Levels, Reached
from .report import Settled, refusal

if TYPE_CHECKING:
    from ..store.contract.roles.transaction import Transaction


class CheckedRows:
    """The rows of one run. `is_baseline`: what they come to is known from now on, and nobody is told."""

    def __init__(
        self, runtime: Runtime, data: TomlTable, levels: Levels, now: int, *, is_baseline: bool = False
    ) -> None:
        self.admitted: dict[str, tuple[Raw, Event, str]] = {}  # the events that are foreseen, by the key of their row
        self._runtime = runtime
        self._data = data
        self._levels = levels
        self._now = now
        self._is_baseline = is_baseline

    def foreseen(self, row: Judged) -> Settled | None:
        """Return what will become of a row, as far as can be told without holding the store."""
        kept = self._levels.first(row.key)
        crossed = self._levels.reached(row, kept)
        if not crossed.is_news:
            return None if row.level is None else Settled(row, crossed, "known", kept.event_id if kept else None)
        if self._is_baseline:
            return Settled(row, crossed, "new")
        try:
            raw = self._event(row, crossed)
            self.admitted[row.key] = raw, *self._runtime.gate.admit(raw, self._now)
        except RejectedError as error:
            return Settled(row, crossed, "new", error=error)
        return Settled(row, crossed, "new")

    def accept(self, transaction: "Transaction", row: Judged) -> Settled | None:
        """Accept an event when a row newly reaches a level, and remember that it did."""
        kept = self._levels.kept(transaction, row.key)
        crossed = self._levels.reached(row, kept)
        if not crossed.is_news or self._is_baseline:
            if crossed.state is not None:
                is_new = crossed.level is not None
                last = kept.event_id if kept is not None and not is_new else ""
                transaction.remember(self._levels.silent(crossed.state) if is_new else crossed.state, last)
            if crossed.level is not None:
                return Settled(row, crossed, "taken")
            return None if row.level is None else Settled(row, crossed, "known", kept.event_id if kept else None)
        raw = self._event(row, crossed)
        try:
            event, payload = self._admit(row, raw)
            runs = accept(self._runtime, transaction, event, payload, self._now)
        except RejectedError as error:
            self._refuse(transaction, row, crossed, raw, error)
            return Settled(row, crossed, "refused", error=error)
        if crossed.state is not None:
            transaction.remember(crossed.state, event.id)
        if isinstance(runs, First):
            return Settled(row, crossed, "duplicate", runs.event.id)
        return Settled(row, crossed, "emitted", event.id, runs)

    def _event(self, row: Judged, crossed: Reached) -> Raw:
        type_ = self._data["emit" if crossed.fallen is None else "cleared"]
        return self._levels.event(row, crossed, self._runtime.project.declaration(type_))

    def _admit(self, row: Judged, raw: Raw) -> tuple[Event, str]:
        """Return the event as it was foreseen, unless another run has changed what it tells."""
        foreseen, event, payload = self.admitted.get(row.key, (None, None, ""))
        return (event, payload) if event is not None and raw == foreseen else self._runtime.gate.admit(raw, self._now)

    def _refuse(
        self, transaction: "Transaction", row: Judged, crossed: Reached, raw: Raw, error: RejectedError
    ) -> None:
        """Bury the event of a row. That it has crossed is not remembered: the next run tries again."""
        words = refusal(row, raw.type, error)
        if words == crossed.refused:
            return  # it is a dead letter already
        bury_line(transaction, raw, encode(raw.payload), error, self._now, None)
        kept = self._levels.kept(transaction, row.key)
        value = kept.value if kept else {"held": Held().data(), "again": 0}
        transaction.remember(self._levels.keep(row.key, {**value, "refused": words}), kept.event_id if kept else "")
