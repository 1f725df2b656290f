"""How a project stands, on one page: what ran, what waits, what failed, and what mends it. Nothing is changed."""

from typing import TYPE_CHECKING

from ..engine.records import DELIVERS, MACHINES
from ..engine.runtime import Runtime
from ..engine.tally import no_runs
from ..engine.unfinished import backlog
from ..model.documents.events import RunCounts
from ..model.documents.status import (
    CheckStandingDocument,
    DeliverDocument,
    LastMessageDocument,
    LinedUp,
    LinedUpDocument,
    LinkDocument,
    OpenDocument,
    PutOffDocument,
    RecentDocument,
    State,
    StatusDocument,
    StoreStandingDocument,
)
from ..project import Project, load_beside
from ..store.contract.reading import DeliverySelection, NotArrived, PutOff
from ..store.contract.sending import OPEN
from ..system.clock import DAY, Clock, format_duration, format_time
from ..system.errors import StoreError
from .about import title, who
from .slack import workspaces
from .slack.status import status as of_slack
from .troubles import troubles
from .troubles.checks import CheckStanding, standings
from .troubles.symptoms import Symptom

if TYPE_CHECKING:
    from ..store.contract.protocols import Store

LAST = 10  # messages


def status(path: str | None, clock: Clock) -> StatusDocument:
    """Return how a project stands, whatever its files and its store are like. One of an older version is migrated."""
    with Runtime(load_beside(path, keep=False), clock, keep=False) as runtime:
        try:
            store = runtime.stored
            return _document(runtime.project, store, (clock if store is None else store.clock(clock)).now())
        except StoreError as error:
            return _document(runtime.project, None, clock.now(), error)


def _document(project: Project, store: "Store | None", now: int, error: StoreError | None = None) -> StatusDocument:
    found = troubles(project, error or store, now)
    waiting = store.deliveries.not_arrived(0) if store is not None else []
    return {
        "project": project.root,
        "at": format_time(now),
        "state": state_of(found),
        "troubles": [it.document() for it in found],
        "checks": [] if error is not None else [_check(it) for it in standings(project, store, now)],
        "waiting": [_open(row) for row in waiting],
        "put_off": [_put_off(row) for row in store.deliveries.put_off(now)] if store is not None else [],
        "failed_runs": backlog(store, project).runs if store is not None else 0,
        "deliver": _deliver(store),
        "last_24h": _recent(store, now),
        "pipelines": _pipelines(project, {} if store is None else store.runs.days(now, 1)),
        "connections": [_link(project, name) for name in ("", *workspaces.named(project))],
        "store": None if store is None else _store(store, waiting, now),
        "messages": _messages(project, store),
    }


def state_of(found: list[Symptom]) -> State:
    """Return in one word whether all is well."""
    marks = {it.mark for it in found}
    return "trouble" if "problem" in marks else "attention" if "warning" in marks else "well"


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _check(it: CheckStanding) -> CheckStandingDocument:
    return {
        "name": it.name,
        "health": it.health,
        "every": None if it.every is None else format_duration(it.every),
        "last_run": _time(it.last_run),
        "last_good": _time(it.last_good),
        "next_at": _time(it.next_at),
        "took_ms": it.took,
        "exit": it.exit,
        "rows": it.rows,
        "crossed": it.crossed,
        "source": it.source,
        "source_age_s": None if it.source_age is None else it.source_age // 1000,
    }


def _open(row: NotArrived) -> OpenDocument:
    return {
        "destination": row.destination,
        "target": row.target,
        "status": row.status,  # type: ignore[typeddict-item]
        "count": row.number,
        "since": format_time(row.since),
        "next_at": _time(row.next_at),
        "why": row.error,
    }


def _put_off(row: PutOff) -> PutOffDocument:
    return {
        "reason": row.reason,  # type: ignore[typeddict-item]
        "target": row.target,
        "count": row.number,
        "next_at": format_time(row.next_at),
    }


def _deliver(store: "Store | None") -> DeliverDocument | None:
    note = store.note(DELIVERS, "") if store is not None else None
    if note is None:
        return None
    return {
        "last_run": format_time(note["started_at"]),
        "last_good": _time(note.get("good_at")),
        "sent": note.get("sent"),
        "error": note.get("error"),
    }


def _recent(store: "Store | None", now: int) -> RecentDocument:
    if store is None:
        return {"accepted": 0, "repeated": 0, "unmatched": 0, "refused": 0}
    it = store.upkeep.recent(now - DAY)
    return {"accepted": it.accepted, "repeated": it.repeated, "unmatched": it.unmatched, "refused": it.refused}


def _pipelines(project: Project, days: dict[str, list[RunCounts]]) -> list[LinedUpDocument]:
    found: list[LinedUpDocument] = []
    for row in sorted(project.pipelines + project.broken, key=lambda row: str(row["name"])):
        (ran,) = days.get(row["name"], [no_runs()])
        status: LinedUp = "broken" if row in project.broken else row["status"]
        found.append({"name": row["name"], "status": status, "match": row["match"], "last_24h": ran})
    return found


def _link(project: Project, workspace: str) -> LinkDocument:
    row = of_slack(project, workspace, is_asked=False)
    problem = next((f"{it['problem']}; {it['hint']}" for it in row["problems"]), None)
    return {
        "workspace": row["workspace"],
        "connection": row["connection"],
        "secret": row["secret"],
        "problem": problem,
    }


def _store(store: "Store", waiting: list[NotArrived], now: int) -> StoreStandingDocument:
    seen = store.notes(MACHINES).values()
    return {
        "path": store.path,
        "bytes": store.upkeep.size().used,
        "machines": sorted({note["name"] for note in seen if now - note["last_at"] < DAY}),
        "oldest_open": _time(min((row.since for row in waiting if row.status in OPEN), default=None)),
    }


def _messages(project: Project, store: "Store | None") -> list[LastMessageDocument]:
    if store is None:
        return []
    found: list[LastMessageDocument] = []
    for row in store.deliveries.find(DeliverySelection(since=0), LAST):
        (event,) = store.history.events([row["event"]]) or (None,)
        found.append(
            {
                "id": row["id"],
                "event": row["event"],
                "queued_at": row["queued_at"],
                "pipeline": row["pipeline"],
                "target": row["target"],
                "status": row["status"],
                "who": "" if event is None else who(project, event.payload, event.key),
                "title": title(row["destination"], store.deliveries.whole(row["id"])["body"]),
            }
        )
    return found
