"""What the pipelines did with stored events."""

import json
from collections.abc import Sequence

from ...system.clock import DAY
from ...system.typed import TYPE_CHECKING
from ..contract.accepting import NOTHING, Queued
from ..contract.reading import FirstRun, Lined, Outcome, Past, StoredRun, UsedVersion, Version
from ..contract.sending import OPEN, WAITING, went
from .base import Base
from .names import among
from .queued import span

if TYPE_CHECKING:
    from ...model.documents.events import RunCounts

# Ids are looked up in their order, so that what hangs on each event comes in the order of its own key, unsorted.
_CHOSEN = "e.id IN (SELECT value FROM json_each(?))"
_VERSION = "JOIN pipeline_versions v ON v.seq = r.version"
_RUNS = f"FROM events e JOIN runs r ON r.event = e.seq {_VERSION}"
_PAST = among(("delivered", *OPEN))
_DELIVERIES = "FROM events e JOIN deliveries d ON d.event = e.seq"

_Place = tuple[str, str, str]  # pipeline, destination, target


class SqlRuns:
    """See `contract.roles.history.Runs`."""

    def __init__(self, store: Base) -> None:
        self._rows = store.rows

    # Of one event -------------------------------------------------------------------------------------

    def of_event(self, event_id: str) -> list[StoredRun]:
        rows = self._rows(
            "SELECT r.number, v.pipeline, v.version, r.outcome, r.dropped_by, r.reason, r.trace, r.replayed_at"
            f" {_RUNS} WHERE e.id = ? ORDER BY r.number",
            event_id,
        )
        return [StoredRun(*row)._replace(trace=json.loads(row[6])) for row in rows]

    def outcomes(self, event_id: str) -> list[Outcome]:
        sent = self._rows(
            f"SELECT d.pipeline, d.target, d.status, d.attempts, d.receipt {_DELIVERIES}"
            " WHERE e.id = ? AND d.superseded_by IS NULL ORDER BY d.seq",
            event_id,
        )
        went_to = [
            Outcome(pipeline, went(target, json.loads(receipt) if receipt else None)["target"], *told)
            for pipeline, target, *told, receipt in sent
        ]
        ended = self._rows(
            f"SELECT v.pipeline, '', r.outcome, 0, coalesce(r.dropped_by, ''), coalesce(r.reason, '') {_RUNS}"
            " WHERE e.id = ? AND r.outcome <> 'queued' ORDER BY r.number",
            event_id,
        )
        return went_to + [Outcome(*row) for row in ended]

    def line_up(self, event_id: str) -> list[Lined] | None:
        rows = self._rows(
            "SELECT l.pipelines FROM events e JOIN line_ups l ON l.seq = e.line_up WHERE e.id = ?", event_id
        )
        if not rows:
            return None
        return [Lined(**row) for row in json.loads(rows[0][0])]

    def skipped(self, event_id: str, run: int) -> list[dict[str, str]]:
        rows = self._rows(
            "SELECT r.trace FROM events e JOIN runs r ON r.event = e.seq WHERE e.id = ? AND r.number = ?", event_id, run
        )
        return [entry for entry in json.loads(rows[0][0]) if "reason" in entry] if rows else []

    # Of many events -----------------------------------------------------------------------------------

    def past(self, ids: Sequence[str]) -> dict[str, Past]:
        chosen = json.dumps(list(ids))
        runs = dict(
            self._rows(
                "SELECT e.id, max(r.number) FROM events e JOIN runs r ON r.event = e.seq"
                f" WHERE {_CHOSEN} GROUP BY e.id",
                chosen,
            )
        )
        sent: dict[str, dict[_Place, tuple[str, Queued]]] = {id_: {} for id_ in ids}
        for id_, seq, lane, status, pipeline, destination, target, is_one_of_many in self._rows(
            "SELECT e.id, d.seq, d.lane, d.status, d.pipeline, d.destination, d.target, d.carried_by IS NOT NULL"
            f" OR EXISTS (SELECT 1 FROM deliveries c WHERE c.carried_by = d.id) {_DELIVERIES}"
            f" WHERE {_CHOSEN} AND d.status {_PAST} ORDER BY e.id, d.seq",
            chosen,
        ):
            place = pipeline, destination, target
            known, waiting = sent[id_].get(place, ("", NOTHING))
            if known == "together" or (is_one_of_many and status != "delivered"):
                sent[id_][place] = "together", NOTHING
            elif status in WAITING:
                sent[id_][place] = "waiting", Queued.joined((waiting, span(seq, seq, [lane])))
            elif known != "waiting" and "unknown" in (status, known):
                sent[id_][place] = "unknown", NOTHING
            elif not known:
                sent[id_][place] = "delivered", NOTHING
        return {id_: Past(runs.get(id_, 0), sent[id_]) for id_ in ids}

    def unknown(self, ids: Sequence[str]) -> Queued:
        rows = self._rows(
            f"SELECT d.seq, d.lane {_DELIVERIES} WHERE {_CHOSEN} AND d.status = 'unknown'", json.dumps(list(ids))
        )
        return Queued.joined(span(seq, seq, [lane]) for seq, lane in rows)

    def first_versions(self, ids: Sequence[str]) -> dict[str, list[Version]]:
        found: dict[str, list[Version]] = {id_: [] for id_ in ids}
        for id_, *version in self._rows(
            f"SELECT e.id, v.pipeline, v.version, v.text {_RUNS}"
            f" WHERE {_CHOSEN} AND r.replayed_at IS NULL ORDER BY e.id, r.number",
            json.dumps(list(ids)),
        ):
            found[id_].append(Version(*version))
        return found

    def firsts(self, ids: Sequence[str], bodies: bool) -> dict[str, dict[str, FirstRun]]:
        chosen = json.dumps(list(ids))
        found: dict[str, dict[str, FirstRun]] = {id_: {} for id_ in ids}
        by_run: dict[tuple[str, int], FirstRun] = {}
        for id_, pipeline, number, *told in self._rows(
            "SELECT e.id, v.pipeline, r.number, v.version, CASE r.given WHEN 0 THEN '' ELSE g.content END, r.outcome,"
            f" r.reason {_RUNS} LEFT JOIN given g ON g.seq = r.given WHERE {_CHOSEN} AND r.replayed_at IS NULL",
            chosen,
        ):
            version, given, outcome, reason = told
            found[id_][pipeline] = by_run[id_, number] = FirstRun(
                number, version, given, outcome, reason, targets=[], bodies=[], in_others=[]
            )
        body = "d.body" if bodies else "''"
        for id_, number, target, text, by in self._rows(
            f"SELECT e.id, d.run, d.target, {body}, d.carried_by {_DELIVERIES} WHERE {_CHOSEN} ORDER BY e.id, d.seq",
            chosen,
        ):
            run = by_run.get((id_, number))
            if run is not None:
                run.targets.append(target)
                run.bodies.append(text)
                run.in_others.extend([] if by is None else [target])
        return found

    # Of all ---------------------------------------------------------------------------------------------

    def pipelines(self) -> list[str]:
        return [name for (name,) in self._rows("SELECT DISTINCT pipeline FROM pipeline_versions")]

    def versions(self) -> dict[str, list[UsedVersion]]:
        found: dict[str, list[UsedVersion]] = {}
        rows = self._rows(
            "SELECT pipeline, version, first_used FROM pipeline_versions ORDER BY first_used DESC, seq DESC"
        )
        for pipeline, version, first_used in rows:
            found.setdefault(pipeline, []).append(UsedVersion(version, first_used))
        return found

    def texts(self, pipeline: str) -> dict[str, str]:
        order = "ORDER BY first_used DESC, seq DESC"
        return dict(self._rows(f"SELECT version, text FROM pipeline_versions WHERE pipeline = ? {order}", pipeline))

    def last_version(self, pipeline: str) -> str | None:
        latest = "SELECT max(r.event) FROM runs r WHERE r.version = v.seq AND r.outcome = o.column1"
        outcomes = "(VALUES ('queued'), ('dropped'), ('failed')) o"
        rows = self._rows(
            f"SELECT version, max(last) FROM (SELECT v.version, ({latest}) AS last FROM pipeline_versions v, {outcomes}"
            " WHERE v.pipeline = ?) ran WHERE last IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT 1",
            pipeline,
        )
        return str(rows[0][0]) if rows else None

    def days(self, now: int, days: int) -> "dict[str, list[RunCounts]]":
        start = now - days * DAY
        rows = self._rows(
            f"SELECT v.pipeline, r.outcome, (e.received_at - ? - 1) / ?, count(*) {_RUNS}"
            " WHERE e.received_at > ? AND e.received_at <= ? AND r.replayed_at IS NULL GROUP BY 1, 2, 3",
            *(start, DAY, start, now),
        )
        found: dict[str, list[RunCounts]] = {}
        for pipeline, outcome, day, count in rows:
            if pipeline not in found:
                found[pipeline] = [{"queued": 0, "dropped": 0, "failed": 0} for _ in range(days)]
            found[pipeline][day][outcome] += count
        return found
