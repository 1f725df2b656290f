"""Why an event went, or did not go, where: the story told from what is stored, nothing of it worked out anew."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..engine.unfinished import retry_times, when
from ..model.events import Event
from ..project import Project
from ..project.match import matches
from ..store.contract.protocols import Store
from ..store.contract.reading import Lined, Stored
from ..store.contract.sending import OVER, WAITING, place_of
from ..system.clock import format_time
from ..system.document import Document
from ..system.errors import UsageError
from ..system.typed import Values
from .came_to import STATES, came_to, states, utc
from .naming import named

if TYPE_CHECKING:
    from ..model.documents.stories import (
        AcceptedDocument,
        AskedDocument,
        PlaceDocument,
        RefusalDocument,
        RefusedDocument,
        StoredRunDocument,
        StoryDeliveryDocument,
        StoryDocument,
        StoryPipelineDocument,
        ToldStepDocument,
    )

# Returns of pipelines, which may be paused, those that would send something for an event now.
Foretell = Callable[[Event, list[str]], set[str]]


def find(store: Store, word: str) -> "tuple[Stored, AskedDocument | None] | None":
    """Return the event that a word names and how it does: by its id, a delivery's, the start of one, @last, @-2, or
    an idempotency key. None where the word is none of these.
    """
    if word.startswith("@"):
        return named(store, word), None
    if with_key := store.history.with_key(word):
        return with_key[0], {"key": word}
    if word.startswith("dlv_"):
        rows = store.deliveries.starting(word)
        if len(rows) != 1:
            words = f"{word} is the start of several deliveries' ids" if rows else f"there is no delivery {word}"
            raise UsageError(words, "`ingestlayer deliveries list` shows those that wait")
        return named(store, rows[0]["event"]), {"delivery": rows[0]["id"]}
    return (named(store, word), None) if word.startswith("evt_") else None


# An event that was accepted --------------------------------------------------------------------------------


def tell(
    store: Store,
    project: Project,
    item: Stored,
    now: int,
    asked: "AskedDocument | None" = None,
    foretell: Foretell = lambda event, names: set(),
) -> "Document[StoryDocument]":
    """Tell the story of a stored event: its acceptance, every pipeline, every message and its attempts.

    What the pipelines would do now is asked of `foretell`, and only for what can be done about it.
    """
    event = item.event
    others = [other.event.id for other in store.history.with_key(event.key)] if event.key is not None else []
    last = item.last_duplicate_at
    accepted: AcceptedDocument = {
        "at": format_time(item.accepted_at),
        "duplicates": item.duplicates,
        "last_duplicate_at": None if last is None else format_time(last),
        "conflicts": store.refusals.conflicts(event.id) if event.key is not None else [],
        "same_key": [id_ for id_ in others if id_ != event.id],
    }
    lined = store.runs.line_up(event.id)
    pipelines = _pipelines(event.type, lined, _runs(store, project, event.id, now))
    idle = {data["name"] for data in (*project.pipelines, *project.broken) if data["status"] != "active"}
    told: StoryDocument = {
        "status": "accepted",
        "asked": asked,
        "event": event.document(),
        "accepted": accepted,
        "line_up_kept": lined is not None,
        "pipelines": pipelines,
        "summary": _summary(pipelines),
        "hints": list(dict.fromkeys(_hints(event, pipelines, idle, foretell, format_time(now)))),
    }
    return Document(told)


def _runs(store: Store, project: Project, event_id: str, now: int) -> "dict[str, list[StoredRunDocument]]":
    """Return the runs of an event by their pipeline, as the story has them."""
    sent = store.deliveries.of_event(event_id, now)
    waiting = retry_times(store, project, event_id)
    found: dict[str, list[StoredRunDocument]] = {}
    for run in store.runs.of_event(event_id):
        told: StoredRunDocument = {
            "number": run.number,
            "version": run.version,
            "replayed_at": None if run.replayed_at is None else format_time(run.replayed_at),
            "outcome": run.outcome,
            "dropped_by": run.dropped_by,
            "reason": run.reason,
            "steps": [_step(store, run.pipeline, entry) for entry in run.trace if "step" in entry],
            "destinations": _destinations(run.trace, sent.get(run.number, [])),
        }
        if run.number in waiting:
            told["retry_at"] = waiting[run.number]
        found.setdefault(run.pipeline, []).append(told)
    return found


def _step(store: Store, pipeline: str, entry: Values) -> "ToldStepDocument":
    """Return what a step did; where an earlier event is the reason, with what this pipeline made of that one."""
    told = cast("ToldStepDocument", {**entry})
    if "by" in told:
        outcomes = [row for row in store.runs.outcomes(told["by"]) if row.pipeline == pipeline]
        told["came_to"] = came_to(outcomes) if outcomes else "it is not stored any more"
    return told


def _destinations(trace: list[Values], sent: "list[StoryDeliveryDocument]") -> "list[PlaceDocument]":
    """Return what was decided on each destination; a chosen one with its delivery."""
    left = list(sent)
    found = []
    for entry in trace:
        if "destination" not in entry:
            continue
        label, target = entry["destination"], entry["target"]
        if "reason" in entry:
            found.append(_place(label, target, False, entry["reason"], None))
            continue
        delivery = next((row for row in left if row.get("meant", row["target"]) == target), None)
        if delivery is not None:
            left.remove(delivery)
        found.append(_place(label, target, True, entry.get("note", ""), delivery))
    return found + [_place(row["destination"], row["target"], True, "", row) for row in left]


def _place(
    label: str, target: str, chosen: bool, note: str, delivery: "StoryDeliveryDocument | None"
) -> "PlaceDocument":
    return {"destination": label, "target": target, "chosen": chosen, "note": note, "delivery": delivery}


def _pipelines(
    type_: str, lined: list[Lined] | None, runs: "dict[str, list[StoredRunDocument]]"
) -> "list[StoryPipelineDocument]":
    """Return every pipeline that there was, with its runs or why it had none; those that ran come first."""
    found: list[StoryPipelineDocument] = []
    for row in lined or []:
        own = runs.pop(row.name, [])
        fits = matches(row.match, type_)
        ran = any(run["replayed_at"] is None for run in own)
        found.append(
            {
                "pipeline": row.name,
                "version": row.version,
                "status": row.status,
                "match": row.match,
                "matches": fits,
                "ran": ran,
                "why_not": None if ran else _why_not(row, type_, fits),
                "runs": own,
            }
        )
    for name, own in runs.items():
        ran = any(run["replayed_at"] is None for run in own)
        found.append(
            {
                "pipeline": name,
                "version": own[0]["version"],
                "status": None,
                "match": None,
                "matches": None,
                "ran": ran,
                "why_not": None if lined is None or ran else "there was no such pipeline when the event came",
                "runs": own,
            }
        )
    return sorted(found, key=lambda row: not row["runs"])


def _why_not(row: Lined, type_: str, fits: bool) -> str:
    if not fits:
        return f"does not match {type_}: it takes {', '.join(row.match)}"
    if row.status == "draft":
        return "was a draft when the event came: a draft runs on nothing"
    if row.status != "active":
        by = f" by {row.paused['by']}" if row.paused else ""
        why = f" ({row.paused['why']})" if row.paused and row.paused["why"] else ""
        return f"was {row.status}{by} when the event came{why}; active, it would have run"
    return "matches, but its run is not kept"


def _deliveries(pipelines: "list[StoryPipelineDocument]") -> "list[StoryDeliveryDocument]":
    places = (place for row in pipelines for run in row["runs"] for place in run["destinations"])
    return [place["delivery"] for place in places if place["delivery"] is not None]


def _summary(pipelines: "list[StoryPipelineDocument]") -> str:
    """Return the end of the story in one line."""
    sent = _deliveries(pipelines)
    parts = states((place_of(row), row["status"]) for row in sent)
    waiting = [row for row in sent if row["status"] in WAITING and not row["due"] and not row["in_hand_of"]]
    later = [at for row in waiting if (at := row["next_at"])]
    if later and parts[-1].startswith(STATES["pending"]):
        parts[-1] += f" until {utc(min(later))}"
    runs = [(row["pipeline"], run) for row in pipelines for run in row["runs"]]
    failed = [_failed(name, run) for name, run in runs if run["outcome"] == "failed"]
    if parts:
        return "; ".join([*parts, *failed])
    if failed:
        return f"nothing was sent: {', '.join(failed)}"
    if runs:
        by = [f"{run['dropped_by']} of {name}" for name, run in runs if run["dropped_by"]]
        return "nothing was sent: " + (f"dropped by {', '.join(by)}" if by else runs[0][1]["reason"] or "no message")
    paused = [row["pipeline"] for row in pipelines if row["matches"] and row["status"] != "active"]
    if paused:
        return f"nothing was sent: {', '.join(paused)} {'was' if len(paused) == 1 else 'were'} not active"
    return "nothing was sent: no pipeline took it"


def _failed(name: str, run: "StoredRunDocument") -> str:
    if "retry_at" not in run:
        return f"{name} failed"
    return f"{name} failed, and is run again {when(run['retry_at'])}"


def _hints(
    event: Event, pipelines: "list[StoryPipelineDocument]", idle: set[str], foretell: Foretell, now: str
) -> list[str]:
    """Return what a person can do next, and what helps; `idle` are the pipelines that are not active now."""
    sent = [row for row in _deliveries(pipelines) if not row["superseded_by"]]
    hints = [row["hint"] for row in sent if row["status"] not in OVER and row["hint"]]
    dead = [row["id"] for row in sent if row["status"] == "dead" and "retry" not in (row["hint"] or "")]
    if dead:
        hints.append(f"when that is mended: ingestlayer deliveries retry {' '.join(dead)}")
    hints += _hints_of_waiting([row for row in sent if row["status"] in WAITING and not row["in_hand_of"]], now)
    waits = any("retry_at" in run for row in pipelines for run in row["runs"])
    if waits:
        hints.append("to run it again, once that is mended: ingestlayer deliver")
    steps = [step for row in pipelines for run in row["runs"] for step in run["steps"]]
    before = [step for step in steps if step["verdict"] == "drop" and "by" in step]
    unheard = [step["by"] for step in before if not step["came_to"].startswith((STATES["delivered"], STATES["shown"]))]
    hints += [f"nobody heard of that one, either: ingestlayer why {id_}" for id_ in unheard]
    return hints if sent or waits else hints + _hints_of_nothing(event, pipelines, idle, foretell)


def _hints_of_waiting(waiting: "list[StoryDeliveryDocument]", now: str) -> list[str]:
    """Return what makes messages go, or says when they do; where an older one of its thread is before one, of that."""
    hints = [f"it waits for {row['before']['id']}: {hint}" for row in waiting if (hint := _cause(row))]
    first = [row["before"] if row["waits_for"] else row for row in waiting]
    if any((row["next_at"] or now) <= now for row in first):
        hints.append("to send what is due: ingestlayer deliver")
    if early := {row["id"]: at for row in first if (at := row["next_at"] or now) > now}:
        hints.append(f"from {utc(min(early.values()))} on it is sent with: ingestlayer deliver")
        # What was not tried yet is put off by its hours, a digest or a budget, which a retry alone would do again.
        waits = {row["id"] for row in first if row["status"] == "pending"}
        if tried := [id_ for id_ in early if id_ not in waits]:
            hints.append(f"to make it due now: ingestlayer deliveries retry {' '.join(tried)}")
        if put_off := [id_ for id_ in early if id_ in waits]:
            hints.append(f"to send it now all the same: ingestlayer deliveries retry --now {' '.join(put_off)}")
    return hints


def _cause(row: "StoryDeliveryDocument") -> str:
    """Return what helps the older message that a delivery is behind; nothing where that helps itself as well."""
    before = row.get("before")
    hint = (before and (before["hint"] or before["error"])) or ""
    return "" if hint in (row["hint"], row["error"]) else hint


def _hints_of_nothing(
    event: Event, pipelines: "list[StoryPipelineDocument]", idle: set[str], foretell: Foretell
) -> list[str]:
    """Return what can be done where nothing was sent. To run it again is no remedy where it would end the same."""
    names = [row["pipeline"] for row in pipelines if row["matches"] and not row["runs"] and row["pipeline"] in idle]
    would = foretell(event, names)
    hints = [f"to let it run from now on: ingestlayer pipelines resume {name}" for name in names]
    hints.append(f"what the pipelines as they are now would do: ingestlayer preview --event {event.id}")
    if would:
        then = "to send it after all" if would.difference(names) else "and then, to send it after all"
        hints.append(f"{then}: ingestlayer replay {event.id}")
    return hints


# One that was refused --------------------------------------------------------------------------------------


def refused(store: Store, word: str | None = None, type_: str | None = None) -> "Document[RefusedDocument] | None":
    """Tell of the newest refusal: of all, of a type, or in which a word stands; None when there is none."""
    found = store.refusals.newest(word, type_)
    if found is None:
        return None
    letter, others = found
    told: RefusedDocument = {"status": "refused", "refused": letter, "others": others, "hints": remedies(letter)}
    return Document(told)


def remedies(letter: "RefusalDocument") -> list[str]:
    """Return what can be done about a refusal."""
    hint = _REMEDIES.get(letter["kind"], "").format(type=letter["type"])
    hints = [hint] if hint else []
    first = letter["message"].partition(" ")[0]
    if letter["kind"] == "conflict" and first.startswith("evt_"):
        hints.append(f"the first one's story: ingestlayer why {first}")
    return hints


_REMEDIES = {
    "schema": "correct it and emit it again; the declared fields: ingestlayer emit {type} --help",
    "undeclared": 'declare it in events/{type}.toml, or set [events] undeclared = "accept"; then emit it again',
    "type": "a type is dotted words of letters, digits, _ and -: usage.limit_reached",
    "json": "write it as JSON and emit it again",
    "key": "give it a key with --key, or the fields that the declared key needs; then emit it again",
    "timestamp": "write RFC 3339 (2026-11-03T09:30:00Z) or a duration (2h ago); then emit it again",
    "conflict": "nothing of it was sent; give it a key of its own, or correct it, and emit it again",
    "project": "mend the files that it names, then: ingestlayer replay --refused",
    "source": "declare it in events/{type}.toml, or mend [sources] in ingestlayer.toml, then: ingestlayer replay"
    " --refused",
    "size": "make the payload smaller and emit it again",
}
