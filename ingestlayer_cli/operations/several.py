"""The story of somebody: all that was accepted, all that was refused, and what the checks know, the newest first."""

import shlex
from typing import TYPE_CHECKING

from ..engine.runtime import Runtime
from ..store.contract.protocols import Store
from ..store.contract.reading import Selection, Stored
from ..system.document import Document
from ..system.errors import UsageError
from .finding import Meant, meant, near, refusals
from .held import known_to_checks
from .why import Foretell, refused, remedies, tell

if TYPE_CHECKING:
    from ..model.documents.events import WentDocument
    from ..model.documents.stories import (
        CauseDocument,
        FoundDeliveryDocument,
        FoundDocument,
        FoundEventDocument,
        FoundRefusalDocument,
        FoundRunDocument,
        KnowingDocument,
        RefusalDocument,
        RefusedDocument,
        StoredRunDocument,
        StoryDeliveryDocument,
        StoryDocument,
    )

    Story = Document[StoryDocument] | Document[RefusedDocument] | Document[FoundDocument]


def story_of(runtime: Runtime, store: Store, word: str, foretell: Foretell, most: int) -> "Story":
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
    told: list[FoundEventDocument | FoundRefusalDocument] = [_accepted(runtime, store, item, now) for item in events]
    told += [_refused(row) for row in refusal]
    told.sort(key=lambda row: str(row["at"]), reverse=True)
    document: FoundDocument = {
        "status": "found",
        "word": word,
        "meant": found.entities,
        "found": told[:most],
        "more": len(told) > most,
        "checks": checks,
        "summary": _summary(told, checks),
        "hints": _hints(runtime, store, found, told, checks, foretell),
    }
    return Document(document)


def _unknown(found: Meant, checks: "list[KnowingDocument]", like: str) -> UsageError:
    words = f"nothing that is stored is called {found.word}{like}"
    words += ": no event, no delivery, no idempotency key, nothing refused"
    if found.entities:
        words = f"{found.note()}: nothing that is stored is about it"
    if failing := [f"check {row['check']}: {row['error']}" for row in checks if row["error"]]:
        words += f"; {'; '.join(failing)}"
    hint = "`ingestlayer events list` shows the latest; `ingestlayer why --where EXPR` finds one by its fields"
    return UsageError(words, hint)


def _accepted(runtime: Runtime, store: Store, item: Stored, now: int) -> "FoundEventDocument":
    """Return an event and what became of it, in a few words for each pipeline."""
    story = tell(store, runtime.project, item, now).told
    rows = story["pipelines"]
    return {
        "status": "accepted",
        "at": story["accepted"]["at"],
        "event": story["event"],
        "duplicates": story["accepted"]["duplicates"],
        "summary": story["summary"],
        "runs": [_run(row["pipeline"], run) for row in rows for run in row["runs"]],
        "did_not_run": [
            {"pipeline": row["pipeline"], "why": row["why_not"] or ""}
            for row in rows
            if row["matches"] and not row["ran"]
        ],
    }


def _run(pipeline: str, run: "StoredRunDocument") -> "FoundRunDocument":
    places = run["destinations"]
    return {
        "pipeline": pipeline,
        "outcome": run["outcome"],
        "dropped_by": run["dropped_by"],
        "reason": run["reason"],
        **_cause(run),
        "skipped": [f"not {place['target']}: {place['note']}" for place in places if not place["chosen"]],
        "deliveries": [_delivery(place["delivery"]) for place in places if place["delivery"] is not None],
    }


def _cause(run: "StoredRunDocument") -> "CauseDocument":
    told: CauseDocument = {}
    for step in run["steps"][-1:] if run["outcome"] == "dropped" else ():
        if "by" in step:
            told["by"] = step["by"]
        if "came_to" in step:
            told["came_to"] = step["came_to"]
    return told


def _delivery(row: "StoryDeliveryDocument") -> "FoundDeliveryDocument":
    went: WentDocument = {"target": row["target"]}
    if "meant" in row:
        went["meant"] = row["meant"]
    return {"id": row["id"], **went, "status": row["status"], "error": row["error"], "next_at": row["next_at"]}


def _refused(row: "RefusalDocument") -> "FoundRefusalDocument":
    return {"status": "refused", "at": row["at"], "refused": row}


def _summary(told: "list[FoundEventDocument | FoundRefusalDocument]", checks: "list[KnowingDocument]") -> str:
    """Return what came of the newest."""
    if not told:
        return "no event of it was accepted or refused" + (": see what the checks know" if checks else "")
    newest = told[0]
    return f"the last one: {newest['summary'] if newest['status'] == 'accepted' else 'refused, nothing was sent'}"


def _hints(
    runtime: Runtime,
    store: Store,
    found: Meant,
    told: "list[FoundEventDocument | FoundRefusalDocument]",
    checks: "list[KnowingDocument]",
    foretell: Foretell,
) -> list[str]:
    """Return what helps with the newest, and where there is more."""
    hints: list[str] = []
    for row in told[:1]:
        if row["status"] == "refused":
            hints += remedies(row["refused"])
        else:
            (item,) = store.history.starting(row["event"]["id"], 1)
            hints += tell(store, runtime.project, item, runtime.clock.now(), None, foretell).told["hints"]
    for row in told:
        if row["status"] == "accepted":
            hints.append(f"the whole story of one: ingestlayer why {row['event']['id']}")
            break
    for known in checks:
        if known["rows"] or not known["looked"]:
            key = shlex.quote(found.about.texts[-1])
            hints.append(f"what its source says now: ingestlayer check {known['check']} --only {key} --dry-run")
    return list(dict.fromkeys(hints))
