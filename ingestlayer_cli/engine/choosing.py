"""Whether a claimed delivery goes now, alone or with others: its hours, its digest, its budget; judged again."""

from collections.abc import Callable
from time import monotonic

from ..model.sending import Recheck
from ..store.contract.sending import AT_ONCE, Attempt, Claimed, Gathered
from ..system.typed import TYPE_CHECKING
from .attempts import Said, outside_hours

if TYPE_CHECKING:
    from ..store.contract.protocols import Store

JUDGING = 15  # seconds that the messages which are to be one are judged again for


class Choosing:
    """Chooses in a store, for one owner; `notes` is what is to be told of attempts, by the id of their delivery."""

    def __init__(self, store: "Store", owner: str, recheck: Recheck | None, notes: dict[str, str]) -> None:
        self._store = store
        self._owner = owner
        self._recheck = recheck
        self._notes = notes

    def chosen(self, claimed: Claimed, rate: str | None, zone: str, at: int, said: Said | None) -> Claimed | None:
        """Return a claimed delivery as it is sent now, maybe for others too; None where it is not.

        `rate` is the budget of its target, whose times are told as in a `zone`.
        """
        if AT_ONCE in claimed.directions:
            return claimed
        if (later := outside_hours(claimed.directions, at)) is not None:
            self._store.outbox.record(claimed, later, self._owner)
            return None
        if "recheck" in claimed.directions and (gone := self._gone(claimed, at)) is not None:
            self._store.outbox.record(claimed, gone, self._owner)
            if said is not None:
                said(claimed, gone)
            return None
        still = self._still(claimed, at, said)
        if claimed.thread is None and rate:
            from .flood import within

            found = within(self._store.gathering, claimed, rate, at, self._owner, still, zone)
            if isinstance(found, Attempt):
                self._store.outbox.record(claimed, found, self._owner)
                return None
            claimed = found
        if "digest" in claimed.directions and not claimed.held_back:
            from .gathering import gathered

            claimed = gathered(self._store.gathering, claimed, at, self._owner, still)
        return claimed

    def _gone(self, row: "Claimed | Gathered", now: int) -> Attempt | None:
        """Judge again what has waited; return what ends it where it is not so any more."""
        if self._recheck is None:
            return None
        holds, words = self._recheck(row.id, row.directions, now)
        if holds and words:
            self._notes[row.id] = words
        return None if holds else Attempt(now, 0, "dropped", "dropped", counts=False, due_at=now, error=words)

    def _still(self, claimed: Claimed, now: int, said: Said | None) -> "Callable[[list[Gathered]], list[Gathered]]":
        """Return what chooses, of messages that would be one with a claimed one, those that are still so.

        The others are dropped. What there is no time to judge is not chosen: it is another message.
        """
        ends = monotonic() + JUDGING

        def chosen(rows: "list[Gathered]") -> "list[Gathered]":
            left = []
            for row in rows:
                if "recheck" not in row.directions:
                    left.append(row)
                elif monotonic() > ends:
                    break
                elif (gone := self._gone(row, now)) is None:
                    left.append(row)
                elif self._store.gathering.drop(row, gone, self._owner) and said is not None:
                    said(claimed._replace(id=row.id), gone)
            return left

        return chosen
