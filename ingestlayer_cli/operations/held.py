"""What the checks of a project know of somebody: the levels that are held, and the row of the source as it is now."""

import json
from typing import Any

from ..checks.run import CheckOptions, check
from ..engine.runtime import Runtime
from ..project import Project
from ..project.check_table import kind_of, scope_of
from ..store.contract.protocols import Store
from ..store.contract.reading import About
from ..system.clock import format_time
from ..system.errors import IngestlayerError
from .came_to import came_to

MOST = 20  # keys of a check


def held_of(project: Project, store: Store, about: About) -> dict[str, list[dict[str, Any]]]:
    """Return by check the levels that are held of the keys that are meant, the newest first."""
    found = {}
    for name in project.checks:
        rows = []
        for place, text, event, _ in store.states(scope_of(name), ""):
            period, _, key = place.partition(" ")
            if not place or not _is_about(key, about):
                continue
            reached = json.loads(text)["held"]["reached"]
            if reached:
                level, since = reached[-1][:2]
                own = {"key": key, "period": None if period == "ever" else period}
                rows.append({**own, "level": level, "since": format_time(since), "event": event or None})
        if rows:
            found[name] = sorted(rows, key=lambda row: str(row["since"]), reverse=True)[:MOST]
    return found


def known_to_checks(runtime: Runtime, store: Store, about: About) -> list[dict[str, Any]]:
    """Return what each check knows: what is held, with what became of its event, and the source as it is."""
    held = held_of(runtime.project, store, about)
    found = []
    for name, data in runtime.project.checks.items():
        told: dict[str, Any] = {"check": name, **_source(runtime, store, data)}
        told["held"] = [{**row, "came_to": _told(store, row["event"])} for row in held.get(name, ())]
        told |= _now(runtime, data, about)
        if told["held"] or told["rows"] or told["problems"] or told["error"]:
            found.append(told)
    return found


def _is_about(key: str, about: About) -> bool:
    key = key.lower()
    if about.whole:
        return any(text.lower() in key.split(":") or text.lower() == key for text in about.texts)
    return any(text.lower() in key for text in about.texts)


def _source(runtime: Runtime, store: Store, data: dict[str, Any]) -> dict[str, Any]:
    """Return the source of a check, when it was last read well, and since when it fails."""
    kept = store.state(scope_of(data["name"]), "")
    health = kept.value if kept else {}
    times = {name: health.get(of) for name, of in (("read_at", "at"), ("failing_since", "failing_since"))}
    told = {name: None if at is None else format_time(at) for name, at in times.items()}
    return {"source": data["source"] or " ".join(data["command"]), "rows_read": health.get("rows"), **told}


def _told(store: Store, event: str | None) -> str:
    if event is None:
        return "nobody was told: it was taken as known"
    outcomes = store.runs.outcomes(event)
    if not outcomes and not store.history.events([event]):
        return "its event is not stored any more"
    return came_to(outcomes)


def _now(runtime: Runtime, data: dict[str, Any], about: About) -> dict[str, Any]:
    """Return the rows as the source has them now. Only a file is read: what else there is may take its time."""
    told: dict[str, Any] = {"looked": False, "rows": [], "problems": [], "error": None}
    if data["command"] or kind_of(data["source"]) != "file":
        return told
    for text in about.texts:
        try:
            result = check(runtime, data, CheckOptions(dry_run=True, only=text, deliver=False))
        except IngestlayerError as error:
            return {**told, "error": error.message}
        if "error" in result:
            return {**told, "looked": True, "error": result["error"]["message"]}
        unit = result["unit"]
        told["looked"] = True
        told["rows"] += [row for row in result["highest"] if _is_about(row["key"], about)]
        for row in result["problems"]:
            if row["key"] is not None and _is_about(row["key"], about):
                words = row["problem"].removeprefix(f"{row['key']}: ")
                told["problems"].append({"place": f"{unit} {row[unit]}", "key": row["key"], "problem": words})
    return told
