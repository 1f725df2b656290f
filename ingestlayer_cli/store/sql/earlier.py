"""What earlier transactions added, changed by a later one: when something is run, or sent, again."""

from collections.abc import Callable

from ...system.typed import TYPE_CHECKING
from ..contract.accepting import Queued, Rate
from ..contract.sending import STATUSES
from .names import WAITS, among
from .queued import spans

if TYPE_CHECKING:
    from .link import Link

_SUPERSEDE = (
    "UPDATE deliveries SET status = CASE WHEN status IN ('shown', 'dropped') THEN status ELSE 'dead' END,"
    " error = 'superseded by ' || ?, hint = NULL, settled_at = ?, superseded_by = ?"
    " WHERE event = ? AND pipeline = ? AND destination = ? AND superseded_by IS NULL AND lease_until IS NULL"
)
_NOT_DELIVERED = among(status for status in STATUSES if status != "delivered")


class SqlEarlier:
    """See `contract.roles.transaction.Earlier`."""

    def __init__(self, connection: "Link", event: Callable[[str], int], rate: Callable[[Rate], int]) -> None:
        """`event` is the number of an event by its id, `rate` the one of a rate, which is kept."""
        self._connection = connection
        self._event = event
        self._rate = rate

    def take_dead_letter(self, place: int) -> bool:
        return self._connection.execute("DELETE FROM dead_letters WHERE seq = ?", (place,)).rowcount == 1

    def take_up(self, event_id: str, number: int, tries: int) -> bool:
        execute, of_event = self._connection.execute, "event = (SELECT seq FROM events WHERE id = ?)"
        sql = f"DELETE FROM unfinished WHERE {of_event} AND run = ? AND tries = ?"
        found = execute(sql, (event_id, number, tries)).rowcount
        if found:
            execute(f"DELETE FROM runs WHERE {of_event} AND number = ?", (event_id, number))
        return bool(found)

    def give_up(self, event_id: str, why: str) -> int:
        event = self._event(event_id)
        waiting = "number IN (SELECT run FROM unfinished u WHERE u.event = runs.event)"
        sql = f"UPDATE runs SET reason = coalesce(reason || '; ', '') || ? WHERE event = ? AND {waiting}"
        self._connection.execute(sql, (why, event))
        return self._connection.execute("DELETE FROM unfinished WHERE event = ?", (event,)).rowcount

    def hasten(self, queued: Queued, now: int, rate: Rate | None = None) -> None:
        if queued:
            paced = None if rate is None else self._rate(rate)
            self._connection.executemany(
                "UPDATE deliveries SET due_at = CASE status WHEN 'retrying' THEN min(due_at, ?) ELSE due_at END,"
                f" rate = coalesce(?, rate) WHERE status {WAITS} AND lease_until IS NULL"
                " AND carried_by IS NULL AND seq BETWEEN ? AND ?",
                [(now, paced, *ends) for ends in spans(queued)],
            )

    def supersede(self, event_id: str, pipeline: str, by: dict[tuple[str, str], str], now: int) -> None:
        execute, event = self._connection.execute, self._event(event_id)
        for (destination, target), id_ in by.items():
            given = (id_, now, id_, event, pipeline, destination, target)
            execute(f"{_SUPERSEDE} AND target = ? AND status {_NOT_DELIVERED}", given)
        for (destination, _), id_ in by.items():
            execute(f"{_SUPERSEDE} AND status = 'dead'", (id_, now, id_, event, pipeline, destination))
