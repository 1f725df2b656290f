"""What the checks of a project know of somebody: the levels that are held, and the row of the source as it is now."""

import json
from typing import TYPE_CHECKING

from ..checks.run import CheckOptions, check
from ..engine.runtime import Runtime
from ..project import Project
from ..project.check_table import scope_of, source_kind
from ..store.contract.protocols import Store
from ..store.contract.reading import About
from ..system.clock import format_time
from ..system.errors import IngestlayerError
from ..system.typed import TomlTable, Values
from .came_to import came_to

if TYPE_CHECKING:
    from ..model.documents.stories import KnowingDocument, LevelDocument, LookedDocument

MOST = 20  # keys of a check


def held_of(project: Project, store: Store, about: About) -> "dict[str, list[LevelDocument]]":
    """Return by check the levels that are held of the keys that are meant, the newest first."""
    found = {}
    for name in project.checks:
        rows: list[LevelDocument] = []
        for place, text, event, _ in store.states(scope_of(name), ""):
            period, _, key = place.partition(" ")
            if not place or not _is_about(key, about):
                continue
            reached = json.loads(text)["held"]["reached"]
            if reached:
                level, since = reached[-1][:2]
                rows.append(
                    {
                        "key": key,
                        "period": None if period == "ever" else period,
                        "level": level,
                        "since": format_time(since),
                        "event": event or None,
                    }
                )
        if rows:
            found[name] = sorted(rows, key=lambda row: str(row["since"]), reverse=True)[:MOST]
    return found


def known_to_checks(runtime: Runtime, store: Store, about: About) -> "list[KnowingDocument]":
    """Return what each check knows: what is held, with what became of its event, and the source as it is."""
    held = held_of(runtime.project, store, about)
    found = []
    for name, data in runtime.project.checks.items():
        health = _health(store, data)
        told: KnowingDocument = {
            "check": name,
            "source": data["source"] or " ".join(data["command"]),
            "rows_read": health.get("rows"),
            "read_at": _time(health.get("at")),
            "failing_since": _time(health.get("failing_since")),
            "held": [{**row, "came_to": _told(store, row["event"])} for row in held.get(name, [])],
            **_now(runtime, data, about),
        }
        if told["held"] or told["rows"] or told["problems"] or told["error"]:
            found.append(told)
    return found


def _is_about(key: str, about: About) -> bool:
    key = key.lower()
    if about.whole:
        return any(text.lower() in key.split(":") or text.lower() == key for text in about.texts)
    return any(text.lower() in key for text in about.texts)


def _health(store: Store, data: TomlTable) -> Values:
    """Return when the source of a check was last read well, and since when it fails."""
    kept = store.state(scope_of(data["name"]), "")
    return kept.value if kept else {}


def _time(at: int | None) -> str | None:
    return None if at is None else format_time(at)


def _told(store: Store, event: str | None) -> str:
    if event is None:
        return "nobody was told: it was taken as known"
    outcomes = store.runs.outcomes(event)
    if not outcomes and not store.history.events([event]):
        return "its event is not stored any more"
    return came_to(outcomes)


def _now(runtime: Runtime, data: TomlTable, about: About) -> "LookedDocument":
    """Return the rows as the source has them now. Only a file is read: what else there is may take its time."""
    told: LookedDocument = {"looked": False, "rows": [], "problems": [], "error": None}
    if data["command"] or source_kind(data["source"]) != "file":
        return told
    for text in about.texts:
        try:
            result = check(runtime, data, CheckOptions(dry_run=True, only=text, deliver=False))
        except IngestlayerError as error:
            return {**told, "error": error.message}
        if "rows" not in result.told or "error" in result.told:
            return {**told, "looked": True, "error": result.told["error"]["message"]}
        unit = result.told["unit"]
        told["looked"] = True
        told["rows"] += [row for row in result.told["highest"] if _is_about(row["key"], about)]
        for bad in result.told["problems"]:
            if bad["key"] is not None and _is_about(bad["key"], about):
                words = bad["problem"].removeprefix(f"{bad['key']}: ")
                told["problems"].append({"place": f"{unit} {bad[unit]}", "key": bad["key"], "problem": words})
    return told
