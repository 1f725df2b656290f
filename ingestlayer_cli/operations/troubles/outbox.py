"""What is wrong with what was accepted: messages that did not arrive, runs that failed."""

from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

from ...engine.causes import Causes, pipeline_of
from ...engine.connections import account_of, connection
from ...engine.records import DELIVERS
from ...engine.unfinished import when
from ...model import families
from ...project import Project
from ...store.contract.reading import NotArrived
from ...store.contract.sending import WAITING
from ...store.contract.unfinished import UnfinishedGroup
from ...system.clock import DAY, MINUTE, format_time
from ...system.errors import count_of
from .symptoms import NOT_CONNECTED, Symptom, age, trouble

if TYPE_CHECKING:
    from ...model.documents.projects import Mark
    from ...store.contract.protocols import Store

OVERDUE = 15 * MINUTE  # that a message may wait once it is due
HELD = MINUTE  # that a channel is held for is worth a word
WEEK = 7 * DAY


def messages(project: Project, store: "Store", now: int, but: str = "") -> Iterator[Symptom]:
    """Yield what of the outbox did not arrive, but for the events whose type starts so."""
    rows = store.deliveries.not_arrived(now - OVERDUE, but)
    broken = {way_of(row) for row in rows if row.status in WAITING and row.outcome == "not-connected"}
    for place in sorted(broken):
        yield _not_connected(project, place, [row for row in rows if row.status in WAITING and way_of(row) == place])
    idle = _why_idle(store, now)
    for row in rows:
        if row.status in WAITING and way_of(row) not in broken:
            yield _waiting(row, idle, now)
        elif row.status == "unknown":
            yield _unknown(store, row, now)
        elif row.status == "dead":
            yield _dead(project, row, now)
        elif row.status == "shown" and now - row.newest < WEEK and not _is_drawn(project, row.destination):
            yield _shown(row)
    if not any(row.status != "shown" for row in rows):
        yield Symptom("deliveries", "ok", "nothing waits")


def way_of(row: NotArrived) -> tuple[str, str]:
    """Return the connection that a delivery goes over: its label, and its target where each has its own."""
    apart = families.member("destinations", families.kind_of(row.destination)).apart
    return row.destination, row.target if apart else ""


def _is_drawn(project: Project, label: str) -> bool:
    return connection(project.connections, label).is_drawn


def _not_connected(project: Project, place: tuple[str, str], rows: list[NotArrived]) -> Symptom:
    label, target = place
    said = next(row for row in rows if row.outcome == "not-connected")
    kind, account = families.kind_of(label), account_of(label)
    command = "ingestlayer deliver"
    if kind in project.connections:  # it has settings, and a command that connects it
        workspace = f" --workspace {account}" if account else ""
        command = f"ingestlayer {kind} connect{workspace} && {command}"
    waiting = count_of(sum(row.number for row in rows), "message waits", "messages wait")
    words = f"{target or label}: not connected, {waiting}"
    return trouble(
        *("deliveries", "problem", NOT_CONNECTED, target or label, words),
        why=said.error or "",
        since=min(row.since for row in rows),
        hint=said.hint or f"mend it, then: {command}",
        command=command,
    )


def delivers(store: "Store", now: int) -> bool:
    """Say whether `deliver` ran well within a day, wherever that was."""
    note = store.note(DELIVERS, "")
    return note is not None and not note.get("error") and 0 <= now - (note.get("good_at") or 0) < DAY


def _why_idle(store: "Store", now: int) -> str:
    """Say why what is due is not sent: that `deliver` is not started; nothing where it was just at work."""
    note = store.note(DELIVERS, "")
    if note is None:
        return "`ingestlayer deliver` never ran here"
    if 0 <= now - note["started_at"] < OVERDUE:
        return ""
    return f"`ingestlayer deliver` ran last {age(abs(now - note['started_at']))} ago"


def _waiting(row: NotArrived, idle: str, now: int) -> Symptom:
    words = f"{row.target}: {count_of(row.number, 'message waits', 'messages wait')}"
    if row.late:
        mark: Mark = "problem" if idle else "warning"
        words = f"{row.target}: {count_of(row.late, 'message waits', 'messages wait')} for over {age(OVERDUE)}"
        return trouble(
            "deliveries",
            mark,
            "delivery_late",
            row.target,
            words,
            why="; ".join(filter(None, (row.error, idle))),
            since=row.since,
            hint="run `ingestlayer deliver`, and let cron run it every minute",
            command="ingestlayer deliver",
        )
    if row.held_until > now + HELD:
        return trouble(
            *("deliveries", "warning", "channel_held", row.target, f"{words}, and it is held"),
            why=row.error or "",
            since=row.since,
            hint=f"it goes on at {format_time(row.held_until)}: ingestlayer deliver",
            command="ingestlayer deliver",
        )
    return Symptom("deliveries", "ok", words, subject=row.target, since=row.since, why=row.error or "")


def _unknown(store: "Store", row: NotArrived, now: int) -> Symptom:
    may = f"{row.target}: {count_of(row.number, 'message')} may or may not have arrived"
    command, note = "ingestlayer deliver", store.note(DELIVERS, "")
    if note is not None and note["started_at"] - row.since > OVERDUE:  # it looked, and could not see it
        command = f"ingestlayer deliveries settle {row.id} --delivered"
    return trouble(
        *("deliveries", "problem" if now - row.since > OVERDUE else "warning", "delivery_unknown", row.target, may),
        why=row.error or "",
        since=row.since,
        hint=row.hint or command,
        command=command,
    )


def _dead(project: Project, row: NotArrived, now: int) -> Symptom:
    command = f"ingestlayer deliveries retry --status dead --channel {quote(row.target)} && ingestlayer deliver"
    if not _is_named(project, row):  # its pipeline was mended: what it sends today goes elsewhere
        command = f"ingestlayer replay --status dead --pipeline {quote(row.pipeline)}"
    told = "; then: ".join(filter(None, (row.hint, command)))
    return trouble(
        *("deliveries", "problem" if now - row.newest < DAY else "warning", "delivery_dead", row.target),
        f"{row.target}: {count_of(row.number, 'message is', 'messages are')} dead",
        why=row.error or "",
        since=row.since,
        hint=f"{told}; or give it up: ingestlayer deliveries settle {row.id} --dead",
        by_hand=row.hint or "",
        command=command,
    )


def _is_named(project: Project, row: NotArrived) -> bool:
    """Say whether the pipelines of today may send to a target."""
    from ..slack.status import posted_to

    if families.kind_of(row.destination) not in project.connections:
        return True
    names = posted_to(project, account_of(row.destination))
    return row.target in names or any("$" in name for name in names) or project.trouble is not None


def _shown(row: NotArrived) -> Symptom:
    words = f"{row.target}: {count_of(row.number, 'message was', 'messages were')} only shown on a terminal"
    command = "ingestlayer replay --status shown"
    hint = f"to send: {command}"
    return trouble(
        "deliveries", "warning", "delivery_shown", row.target, words, since=row.since, hint=hint, command=command
    )


def runs(project: Project, store: "Store", now: int, but: str = "") -> Iterator[Symptom]:
    """Yield the runs that failed and wait, by pipeline, but for events whose type starts so: nobody was told."""
    causes = Causes(project)
    by_pipeline: dict[str, list[UnfinishedGroup]] = {}
    for group in store.unfinished.groups(but):
        by_pipeline.setdefault(pipeline_of(group.cause), []).append(group)
    for name, groups in by_pipeline.items():
        count = sum(group.runs for group in groups)
        words = count_of(count, "run failed, and waits", "runs failed, and wait")
        first = min(groups, key=lambda group: group.since)
        if causes.is_idle(first.cause):
            yield _idle(project, name, words, first)
            continue
        times = [group.retry_at for group in groups if group.retry_at is not None]
        again = when(format_time(min(times)) if times else None)
        hint = f"mend that; it is run again {again}, or at once by: ingestlayer deliver; to give it up: "
        yield trouble(
            *("runs", "problem", "run_failed", name, f"{name}: {words}"),
            why=first.reason,
            since=first.since,
            hint=f"{hint}ingestlayer deliveries settle {first.event} --dead",
            by_hand=f"mend that; it is run again {again}",
            command="ingestlayer deliver",
        )


def _idle(project: Project, name: str, words: str, first: UnfinishedGroup) -> Symptom:
    if any(row["name"] == name for row in project.pipelines + project.broken):
        command = f"ingestlayer pipelines resume {name}"
        told = {"why": f"the pipeline {name} is not active", "hint": command}
    else:
        command, by_hand = "ingestlayer deliver", f"put pipelines/{name}.toml back"
        told = {"why": f"the pipeline {name} is not there", "hint": by_hand, "by_hand": by_hand}
    return trouble(
        *("runs", "warning", "run_idle", name, words),
        why=told["why"],
        since=first.since,
        hint=told["hint"],
        by_hand=told.get("by_hand", ""),
        command=command,
    )
