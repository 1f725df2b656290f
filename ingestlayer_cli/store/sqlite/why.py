"""What is stored about one event, or one refusal, for the story of `why`."""

import json
from typing import Any

from ...system.clock import format_time
from ..contract.reading import Lined, StoredRun
from . import deliveries
from .connection import Store

_LETTER = "SELECT seq, at, kind, type, source, line, message, details, raw FROM dead_letters"


def line_up(store: Store, seq: int) -> list[Lined] | None:
    """Return the pipelines that there were when an event was accepted; None when that was not kept."""
    rows = store.select("SELECT l.pipelines FROM events e JOIN line_ups l ON l.seq = e.line_up WHERE e.seq = ?", seq)
    if not rows:
        return None
    return [Lined(row["name"], row["version"], row["status"], row["match"]) for row in json.loads(rows[0][0])]


def runs(store: Store, seq: int) -> list[StoredRun]:
    """Return the runs of an event in their order."""
    rows = store.select(
        "SELECT r.number, v.pipeline, v.version, r.outcome, r.dropped_by, r.reason, r.trace, r.replayed_at"
        " FROM runs r JOIN pipeline_versions v ON v.seq = r.version WHERE r.event = ? ORDER BY r.number",
        seq,
    )
    return [StoredRun(*row)._replace(trace=json.loads(row[6])) for row in rows]


def sent(store: Store, seq: int, now: int) -> dict[int, list[dict[str, Any]]]:
    """Return the deliveries of an event by the number of their run, each with its attempts.

    `held_until` is when its channel may be used again, `behind` how many older ones wait in that channel, `due`
    whether it may go now.
    """
    rows = store.select(
        "SELECT d.id, d.run, CASE WHEN l.free_at > max(d.due_at, ?) THEN l.free_at END, max(d.due_at, l.free_at) <= ?,"
        " (SELECT count(*) FROM deliveries w WHERE w.lane = d.lane AND w.seq < d.seq"
        " AND w.status IN ('pending', 'retrying') AND w.lease_until IS NULL)"
        " FROM deliveries d JOIN lanes l ON l.seq = d.lane WHERE d.event = ? ORDER BY d.seq",
        *(now, now, seq),
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for id_, run, free_at, due, behind in rows:
        document = deliveries.whole(store, id_)
        del document["body"], document["event"], document["pipeline"]
        waits = document["status"] in ("pending", "retrying")
        document["held_until"] = format_time(free_at) if waits and free_at is not None else None
        document["due"] = waits and bool(due)
        document["behind"] = behind if waits else 0
        found.setdefault(run, []).append(document)
    return found


def event_of(store: Store, delivery: str) -> str:
    """Return the id of the event of a delivery."""
    return str(deliveries.whole(store, delivery)["event"])


# What was refused ------------------------------------------------------------------------------------------


def refused(store: Store, word: str | None, type_: str | None = None) -> tuple[dict[str, Any], int] | None:
    """Return the newest refusal whose type is a word, or in which it stands, and how many others there are.

    Without a word: the newest of all, or of a type.
    """
    where, values = "1", []
    if type_ is not None:
        where, values = "type = ?", [type_]
    if word is not None:
        where += " AND (type = ? OR instr(raw, ?) OR instr(message, ?))"
        values += [word, json.dumps(word, ensure_ascii=False)[1:-1], word]
    rows = store.select(f"{_LETTER} WHERE {where} ORDER BY seq DESC LIMIT 1", *values)
    if not rows:
        return None
    count = store.select(f"SELECT count(*) FROM dead_letters WHERE {where}", *values)[0][0]
    return _letter(rows[0]), count - 1


def conflicts(store: Store, event_id: str) -> list[dict[str, Any]]:
    """Return the events that were refused because this one has their key, the newest first."""
    rows = store.select(
        f"{_LETTER} WHERE kind = 'conflict' AND substr(message, 1, ?) = ? ORDER BY seq DESC LIMIT 100",
        len(event_id),
        event_id,
    )
    return [_letter(row) for row in rows]


def _letter(row: Any) -> dict[str, Any]:
    _, at, kind, type_, source, line, message, details, raw = row
    return {
        "at": format_time(at),
        "kind": kind,
        "type": type_,
        "source": source,
        "line": line,
        "message": message,
        "details": json.loads(details),
        "raw": raw,
    }
