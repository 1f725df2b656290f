"""Reading the outbox for its operator, and the operator's word on a delivery."""

import json

from ...system.clock import format_time
from ...system.typed import TYPE_CHECKING, Any
from ..contract.reading import DeliverySelection, LastSettled, NotArrived, PutOff
from ..contract.sending import AT_ONCE, GIVEN_UP, OVER, STATUSES, WAITING, Attempt, went
from .about import about_event, stands_in
from .base import Base
from .doubts import settle_where
from .lookups import of_other_types
from .names import IS_OPEN, WAITS
from .outbox import HELD_BACK
from .short import shortest

if TYPE_CHECKING:
    from ...model.documents.deliveries import (
        AttemptDocument,
        DeliveryDocument,
        StandingDeliveryDocument,
        TriedDocument,
        WholeDeliveryDocument,
    )
    from ...model.documents.stories import FollowingDocument, StoryDeliveryDocument
    from .link import Link

_COLUMNS = (
    "d.seq, d.id, e.id, d.pipeline, d.destination, d.target, d.status, d.attempts, d.queued_at,"
    f" CASE WHEN d.status {WAITS} AND d.carried_by IS NULL THEN max(d.due_at, l.free_at) END,"
    " d.error, d.hint, d.settled_at, d.receipt, d.lease_by, d.superseded_by, d.carried_by"
)
_SINCE = "CASE WHEN status IN ('dead', 'shown') THEN settled_at ELSE queued_at END"
_OLDER = (  # what waits in the lane of a delivery `d`, and was queued before it
    " FROM deliveries w WHERE w.lane = d.lane AND w.seq < d.seq"
    f" AND w.status {WAITS} AND w.lease_until IS NULL AND w.carried_by IS NULL"
)
_LISTED = [status for status in STATUSES if status not in OVER]
_BY_STATUS = "d.status <> 'delivered'"  # so that there is an index for it
# Directions are JSON: in a text of it, a quotation mark has a backslash before it.
_PUT_OFF_FOR = (
    f"CASE WHEN d.digest = {HELD_BACK} THEN 'budget' WHEN d.digest IS NOT NULL THEN 'digest'"
    " WHEN d.directions LIKE '%\"hours\":%' THEN 'hours' END"
)
_FROM = " FROM deliveries d JOIN events e ON e.seq = d.event JOIN lanes l ON l.seq = d.lane"


class SqlDeliveries:
    """See `contract.roles.deliveries.Deliveries`."""

    def __init__(self, store: Base) -> None:
        self._store = store
        self._rows = store.rows

    def find(self, selection: DeliverySelection, limit: int | None) -> "list[DeliveryDocument]":
        where, values = _where(selection)
        rows = self._rows(
            f"SELECT {_COLUMNS}{_FROM} WHERE {where} ORDER BY d.seq DESC LIMIT ?",
            *values,
            -1 if limit is None else limit,
        )
        return [_document(row) for row in rows]

    def count(self, selection: DeliverySelection) -> int:
        where, values = _where(selection)
        events = "" if selection.about is None else " JOIN events e ON e.seq = d.event"
        return int(self._rows(f"SELECT count(*) FROM deliveries d{events} WHERE {where}", *values)[0][0])

    def open_pipelines(self) -> list[str]:
        return [name for (name,) in self._rows("SELECT DISTINCT pipeline FROM deliveries WHERE status <> 'delivered'")]

    def channels(self) -> list[str]:
        return [name.partition(" ")[2].removeprefix("#") for (name,) in self._rows("SELECT name FROM lanes")]

    def starting(self, prefix: str) -> "list[DeliveryDocument]":
        return [_document(row) for row in self._starting(prefix)]

    def _starting(self, prefix: str) -> list[Any]:
        return self._rows(f"SELECT {_COLUMNS}{_FROM} WHERE d.id >= ? AND d.id < ? LIMIT 2", prefix, prefix + "\uffff")

    def shortest(self, ids: list[str]) -> list[str]:
        return shortest(self._rows, "deliveries", ids)

    def whole(self, id_: str) -> "WholeDeliveryDocument":
        tried, body = self._tried(id_)
        return {**self.starting(id_)[0], **tried, "body": json.loads(body)}

    def _tried(self, id_: str) -> "tuple[TriedDocument, str]":
        """Return what was tried with a delivery, and its body."""
        seq, body, directions, before = self._rows(
            "SELECT d.seq, d.body, d.directions, (SELECT p.id FROM deliveries p INDEXED BY deliveries_in_thread"
            " WHERE p.thread = d.thread AND p.thread IS NOT NULL AND p.seq < d.seq"
            f" AND p.status {IS_OPEN} AND d.status {WAITS}"
            " ORDER BY p.seq LIMIT 1) FROM deliveries d WHERE d.id = ?",
            id_,
        )[0]
        told = json.loads(directions) if directions else {}
        rows = self._rows(
            "SELECT at, took, outcome, error, process FROM attempts WHERE delivery = ? ORDER BY number", seq
        )
        attempts: list[AttemptDocument] = [
            {
                "at": format_time(at),
                "took_ms": took,
                "outcome": outcome,
                "error": error,
                "process": process.split("/")[0],
            }
            for at, took, outcome, error, process in rows
        ]
        tried: TriedDocument = {
            "thread": told.get("thread"),
            "update": told.get("update", False),
            "waits_for": before,
            "attempts_made": attempts,
        }
        return tried, body

    def of_event(self, event_id: str, now: int) -> "dict[int, list[StoryDeliveryDocument]]":
        rows = self._rows(
            "SELECT d.id, d.run, CASE WHEN l.free_at > max(d.due_at, ?) THEN l.free_at END,"
            f" max(d.due_at, l.free_at) <= ?, (SELECT count(*){_OLDER}), (SELECT w.id{_OLDER} ORDER BY w.seq LIMIT 1)"
            " FROM events e JOIN deliveries d ON d.event = e.seq JOIN lanes l ON l.seq = d.lane"
            " WHERE e.id = ? ORDER BY d.seq",
            *(now, now, event_id),
        )
        found: dict[int, list[StoryDeliveryDocument]] = {}
        for id_, run, free_at, due, behind, oldest in rows:
            standing, (tried, _) = _standing(self._starting(id_)[0]), self._tried(id_)
            waits = standing["status"] in WAITING
            document: StoryDeliveryDocument = {
                **standing,
                **tried,
                "held_until": format_time(free_at) if waits and free_at is not None else None,
                "due": waits and bool(due),
                "behind": behind if waits else 0,
                **self._following(tried["waits_for"] or oldest if waits else None),
            }
            found.setdefault(run, []).append(document)
        return found

    def _following(self, id_: str | None) -> "FollowingDocument":
        """Return what a delivery goes after, as its story has it."""
        if id_ is None:
            return {}
        before = self.starting(id_)[0]
        return {
            "before": {
                "id": before["id"],
                "event": before["event"],
                "status": before["status"],
                "next_at": before["next_at"],
                "error": before["error"],
                "hint": before["hint"],
            }
        }

    def not_arrived(self, due_before: int, but: str = "") -> list[NotArrived]:
        others, values = of_other_types("deliveries.event", but)
        rows = self._rows(
            "SELECT g.destination, g.target, g.status, g.count, g.since, g.newest, g.late,"
            f" CASE WHEN g.status {WAITS} THEN max(g.due_at, l.free_at) END, l.free_at,"
            " d.id, d.pipeline, d.error, d.hint,"
            " (SELECT a.outcome FROM attempts a WHERE a.delivery = d.seq ORDER BY a.number DESC LIMIT 1) FROM"
            " (SELECT destination, target, lane, status, count(*) AS count, min(due_at) AS due_at,"
            f" min({_SINCE}) AS since, max({_SINCE}) AS newest,"
            f" sum(CASE WHEN status {WAITS} AND due_at < ? THEN 1 ELSE 0 END) AS late,"
            " CASE WHEN status IN ('dead', 'shown') THEN max(seq) ELSE min(seq) END AS one"
            " FROM deliveries WHERE status <> 'delivered' AND status <> 'dropped' AND superseded_by IS NULL"
            f" AND NOT (status = 'dead' AND error = ?){others} GROUP BY destination, target, lane, status) g"
            " JOIN deliveries d ON d.seq = g.one JOIN lanes l ON l.seq = g.lane ORDER BY g.since, d.seq",
            *(due_before, GIVEN_UP, *values),
        )
        return [NotArrived(*row) for row in rows]

    def put_off(self, now: int) -> list[PutOff]:
        rows = self._rows(
            f"SELECT {_PUT_OFF_FOR}, d.target, count(*), min(d.due_at) FROM deliveries d WHERE d.status = 'pending'"
            f" AND {_BY_STATUS} AND d.carried_by IS NULL AND d.superseded_by IS NULL AND d.due_at > ?"
            f" AND {_PUT_OFF_FOR} IS NOT NULL GROUP BY 1, 2 ORDER BY 4, 2, 1",
            now,
        )
        return [PutOff(*row) for row in rows]

    def last_settled(self, destination: str, target: str) -> LastSettled | None:
        rows = self._rows(
            "SELECT status, settled_at, receipt FROM deliveries"
            " WHERE destination = ? AND target = ? AND settled_at IS NOT NULL ORDER BY settled_at DESC LIMIT 1",
            *(destination, target),
        )
        return LastSettled(rows[0][0], rows[0][1], json.loads(rows[0][2] or "{}")) if rows else None

    def retry(self, ids: list[str], now: int, at_once: bool = False) -> int:
        with self._store.transaction() as transaction:
            transaction.connection.execute("DELETE FROM people WHERE user IS NULL")
            if at_once:
                self._hurry(transaction.connection, ids)
            rows = [(now, id_, id_) for id_ in ids]
            return transaction.connection.executemany(
                "UPDATE deliveries SET status = 'retrying', attempts = 0, due_at = ?, settled_at = NULL, hint = NULL"
                " WHERE id = coalesce((SELECT carried_by FROM deliveries WHERE id = ?), ?)"
                " AND status <> 'delivered' AND superseded_by IS NULL AND lease_until IS NULL AND NOT EXISTS"
                " (SELECT 1 FROM deliveries said WHERE said.carried_by = deliveries.id"
                " AND said.superseded_by IS NOT NULL)",
                rows,
            ).rowcount

    def _hurry(self, connection: "Link", ids: list[str]) -> None:
        """Let deliveries wait for nothing that their directions say, nor for their target's budget."""
        for id_ in ids:
            chosen = "id = coalesce((SELECT carried_by FROM deliveries WHERE id = ?), ?) AND lease_until IS NULL"
            row = connection.execute(f"SELECT directions FROM deliveries WHERE {chosen}", (id_, id_)).fetchone()
            if row is not None:
                told = json.dumps({**(json.loads(row[0]) if row[0] else {}), AT_ONCE: True})
                connection.execute(
                    f"UPDATE deliveries SET directions = ?, digest = NULL WHERE {chosen}", (told, id_, id_)
                )

    def settle(self, id_: str, attempt: Attempt, owner: str) -> bool:
        open_ = "status <> 'delivered' AND lease_until IS NULL"
        return settle_where(self._store, open_, (), id_, attempt, owner)


def _where(selection: DeliverySelection) -> tuple[str, list[Any]]:
    terms, values = ["TRUE"], list[Any]()
    if selection.open_only:
        terms.append(f"d.status IN ({', '.join('?' * len(_LISTED))}) AND {_BY_STATUS} AND d.superseded_by IS NULL")
        values += _LISTED
    if selection.status is not None and selection.status != "delivered":
        terms.append(_BY_STATUS)
    for column, value in (("status =", selection.status), ("queued_at >=", selection.since)):
        if value is not None:
            terms.append(f"d.{column} ?")
            values.append(value)
    if selection.pipeline is not None:
        terms.append("d.pipeline = ?")
        values.append(selection.pipeline)
    if selection.digest is not None:
        terms.append("(d.id = ? OR d.carried_by = ?)")
        values += [selection.digest] * 2
    if selection.about is not None:
        term, texts = about_event(selection.about)
        if not selection.about.whole:  # a message says more than its event
            for text in selection.about.texts:
                said, of = stands_in("d.body", text)
                term, texts = f"{term} OR {said}", texts + of
        terms.append(f"({term})")
        values += texts
    if selection.target is not None:  # with its # or without
        terms.append("d.target IN (?, '#' || ?)")
        values += [selection.target] * 2
    return " AND ".join(terms), values


def _document(row: Any) -> "DeliveryDocument":
    _, id_, event, pipeline, *_ = row
    return {"id": id_, "event": event, "pipeline": pipeline, **_standing(row)}


def _standing(row: Any) -> "StandingDeliveryDocument":
    _, id_, _, _, destination, target, status, attempts, queued, due, *last = row
    error, hint, settled, receipt, by, superseded_by, carried_by = last
    told = json.loads(receipt) if receipt else None
    return {
        "id": id_,
        "destination": destination,
        **went(target, told),
        "status": status,
        "attempts": attempts,
        "queued_at": format_time(queued),
        "next_at": None if due is None else format_time(due),
        "settled_at": None if settled is None else format_time(settled),
        "error": error,
        "hint": hint,
        "receipt": told,
        "in_hand_of": by.split("/")[0] if by else None,
        "superseded_by": superseded_by,
        "carried_by": carried_by,
    }
