"""The story of somebody: all that was accepted, all that was refused, and what the checks know, the newest first."""

import shlex
from typing import Any

from ..engine.runtime import Runtime
from ..store.contract.protocols import Store
from ..store.contract.reading import Selection, Stored
from ..system.document import Document
from ..system.errors import UsageError
from .finding import Meant, meant, near, refusals
from .held import known_to_checks
from .why import Foretell, refused, remedies, tell

_KEPT = ("id", "target", "meant", "status", "error", "next_at")  # of a delivery


def story_of(runtime: Runtime, store: Store, word: str, foretell: Foretell, most: int) -> Document:
    """Return what is known of a word that names no single event: `most` events and refusals, or all of the only one.

    UsageError when nothing is.
    """
    now, found = runtime.clock.now(), meant(runtime, store, word)
    events = list(store.history.select(Selection(about=found.about), limit=most + 1))
    refusal = refusals(store, found.about, most + 1)
    checks = known_to_checks(runtime, store, found.about)
    is_known = any(row["held"] or row["rows"] or row["problems"] for row in checks)
    if not (events or refusal or is_known):
        raise _unknown(found, checks, "" if found.entities else near(runtime, store, word))
    if not events and not is_known and (only := refused(store, word)):
        return only
    if len(events) == 1 and not refusal and not is_known:
        return tell(store, runtime.project, events[0], now, {"text": word}, foretell)
    told = [_accepted(runtime, store, item, now) for item in events]
    told += [{"status": "refused", "at": row["at"], "refused": row} for row in refusal]
    told.sort(key=lambda row: str(row["at"]), reverse=True)
    result = Document(status="found", word=word, meant=found.entities, found=told[:most], more=len(told) > most)
    result.update(checks=checks, summary=_summary(told, checks))
    result["hints"] = _hints(runtime, store, found, told, checks, foretell)
    return result


def _unknown(found: Meant, checks: list[dict[str, Any]], like: str) -> UsageError:
    words = f"nothing that is stored is called {found.word}{like}"
    words += ": no event, no delivery, no idempotency key, nothing refused"
    if found.entities:
        words = f"{found.note()}: nothing that is stored is about it"
    if failing := [f"check {row['check']}: {row['error']}" for row in checks if row["error"]]:
        words += f"; {'; '.join(failing)}"
    hint = "`ingestlayer events list` shows the latest; `ingestlayer why --where EXPR` finds one by its fields"
    return UsageError(words, hint)


def _accepted(runtime: Runtime, store: Store, item: Stored, now: int) -> dict[str, Any]:
    """Return an event and what became of it, in a few words for each pipeline."""
    story = tell(store, runtime.project, item, now)
    runs = []
    for row in story["pipelines"]:
        for run in row["runs"]:
            places = run["destinations"]
            sent = [place["delivery"] for place in places if place["delivery"] is not None]
            told = {name: run[name] for name in ("outcome", "dropped_by", "reason")}
            last = run["steps"][-1] if run["steps"] else {}
            told |= {name: last[name] for name in ("by", "came_to") if run["outcome"] == "dropped" and name in last}
            passed = [f"not {place['target']}: {place['note']}" for place in places if not place["chosen"]]
            told["skipped"] = passed
            told["deliveries"] = [{name: it[name] for name in _KEPT if name in it} for it in sent]
            runs.append({"pipeline": row["pipeline"], **told})
    idle = [
        {"pipeline": row["pipeline"], "why": row["why_not"]}
        for row in story["pipelines"]
        if row["matches"] and not row["ran"]
    ]
    accepted = {"status": "accepted", "at": story["accepted"]["at"], "event": story["event"]}
    duplicates = story["accepted"]["duplicates"]
    return {**accepted, "duplicates": duplicates, "summary": story["summary"], "runs": runs, "did_not_run": idle}


def _summary(told: list[dict[str, Any]], checks: list[dict[str, Any]]) -> str:
    """Return what came of the newest."""
    if not told:
        return "no event of it was accepted or refused" + (": see what the checks know" if checks else "")
    newest = told[0]
    return f"the last one: {newest['summary'] if newest['status'] == 'accepted' else 'refused, nothing was sent'}"


def _hints(
    runtime: Runtime,
    store: Store,
    found: Meant,
    told: list[dict[str, Any]],
    checks: list[dict[str, Any]],
    foretell: Foretell,
) -> list[str]:
    """Return what helps with the newest, and where there is more."""
    hints = []
    for row in told[:1]:
        if row["status"] == "refused":
            hints += remedies(row["refused"])
        else:
            (item,) = store.history.starting(row["event"]["id"], 1)
            hints += tell(store, runtime.project, item, runtime.clock.now(), None, foretell)["hints"]
    for row in told:
        if row["status"] == "accepted":
            hints.append(f"the whole story of one: ingestlayer why {row['event']['id']}")
            break
    for row in checks:
        if row["rows"] or not row["looked"]:
            key = shlex.quote(found.about.texts[-1])
            hints.append(f"what its source says now: ingestlayer check {row['check']} --only {key} --dry-run")
    return list(dict.fromkeys(hints))
