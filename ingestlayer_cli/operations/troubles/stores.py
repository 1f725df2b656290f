"""What is wrong with the store, where it lies, and the clock by which it was written."""

import os
import shutil
from collections.abc import Iterator
from shlex import quote
from typing import TYPE_CHECKING

from ...engine.records import DELIVERS, MACHINES
from ...engine.refusing import RULES
from ...engine.spool import kept, kept_of_check, path_of, path_of_check
from ...project import Project
from ...store.contract.accepting import SpoolError
from ...store.opening import is_file
from ...system.clock import DAY, MINUTE, format_time
from ...system.errors import count_of
from ...system.mounts import network_type
from ...system.typed import TomlTable
from .symptoms import Symptom, size, trouble

if TYPE_CHECKING:
    from ...model.documents.projects import Mark
    from ...store.contract.protocols import Store

MANY = 10_000  # events that are kept are counted up to that
LITTLE_ROOM, NO_ROOM = 1 << 30, 50 << 20  # bytes
SKEW = 5 * MINUTE  # that a clock may have been ahead


def place(project: Project) -> Iterator[Symptom]:
    """Yield whether the store can be written where it is, and how much room there is."""
    path = project.store_path
    if not is_file(path):
        yield from _kept(project)
        yield disk(project.root)
        return
    there = os.path.dirname(path)
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        hint = "make it and its folder writable for this user"
        yield trouble("store", "problem", "store_unwritable", path, f"{path} cannot be written", hint=hint)
    yield from _moved(project)
    yield disk(there)


def _moved(project: Project) -> Iterator[Symptom]:
    """Yield that the store is to be elsewhere, and was left where it was: what it knows is not known there."""
    path, before = project.store_path, os.path.join(project.home, "store.db")
    if os.path.exists(before) and not (os.path.exists(path) and os.path.samefile(path, before)):
        words, why = f"the store is to be {path}, and the one before is {before}", "what it remembers may be told again"
        command = f"mkdir -p {quote(os.path.dirname(path))} && mv {quote(before)} {quote(path)}"
        if os.path.exists(path):
            command = f"mv {quote(before)} {quote(before)}.before"
        mark: Mark = "warning" if os.path.exists(path) else "problem"
        by_hand = "stop what uses it"
        yield trouble("store", mark, "store_moved", path, words, why=why, by_hand=by_hand, command=command)


def _kept(project: Project) -> Iterator[Symptom]:
    """Yield how many events are kept on this machine, because the store was out of reach, and what cannot be read."""
    number, since = 0, None
    try:
        number, since = kept(project)
    except SpoolError as error:
        yield _unreadable(path_of(project), error)
    if number:
        words = f"{count_of(number, 'event is', 'events are')} kept on this machine"
        hint = "`ingestlayer deliver` hands over what is kept once the store is in reach"
        yield trouble(
            *("store", "warning", "events_kept", "spool", words),
            why="the store was out of reach",
            since=since,
            hint=hint,
            command="ingestlayer deliver",
        )
    for name in project.checks:
        rows, at = 0, None
        try:
            rows, at = kept_of_check(project, name)
        except SpoolError as error:
            yield _unreadable(path_of_check(project, name), error)
        if not rows:
            continue
        those = count_of(rows, "row is", "rows are")
        words = f"{those} kept on this machine for the check {name}"
        yield trouble(
            *("store", "warning", "events_kept", name, words),
            why="the store was out of reach",
            since=at,
            hint="the next run of it that reaches the store judges what is kept",
            command=f"ingestlayer check {name}",
        )


def _unreadable(path: str, error: SpoolError) -> Symptom:
    words = "what is kept on this machine is not handed over"
    return trouble("store", "problem", "spool_unreadable", path, words, why=error.message, hint=error.hint)


def disk(folder: str) -> Symptom:
    """Return how much room there is on the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if free >= LITTLE_ROOM:
        return Symptom("disk", "ok", f"{size(free)} free")
    mark: Mark = "problem" if free < NO_ROOM else "warning"
    hint = "free some space, or: ingestlayer store prune"
    return trouble(
        "disk", mark, "store_full", folder, f"{size(free)} free", hint=hint, command="ingestlayer store prune"
    )


def machines(project: Project, store: "Store", now: int) -> Iterator[Symptom]:
    """Yield that several machines, or a network, are between the store and its locks."""
    if not is_file(project.store_path):  # it is made for that
        return
    seen = [note for note in store.notes(MACHINES).values() if now - note["last_at"] < DAY]
    # Machines whose times do not overlap are one that was started anew, or another in its place.
    both = [one for one in seen if any(_overlap(one, other) for other in seen if other is not one)]
    network = network_type(project.store_path)
    command = "ingestlayer store copy --to env:DATABASE_URL"
    if both:
        names = " and ".join(sorted({note["name"] for note in both}))
        words = f"several machines write to one SQLite file: {names}"
        why = f"it is on {network}" if network else "its locks hold on one machine alone"
        since = max(note["first_at"] for note in both)
        hint = f"let one of them do it, or put the store into PostgreSQL: {command}"
        yield trouble("store", "problem", "two_machines", project.store_path, words, why=why, since=since, hint=hint)
    elif network:
        words = f"the store is on a network file system, {network}"
        hint = f"put it on a disk of this machine ([store] path), or into PostgreSQL: {command}"
        yield trouble("store", "warning", "network_store", project.store_path, words, hint=hint)


def _overlap(one: TomlTable, other: TomlTable) -> bool:
    return bool(one["first_at"] <= other["last_at"] and other["first_at"] <= one["last_at"])


def refused(store: "Store", now: int) -> Iterator[Symptom]:
    """Yield that events were refused within a day, and how many are kept to be accepted later: nobody heard of them."""
    kept_ = sum(len(store.refusals.of_rule(rule, None, 0, MANY)) for rule in RULES)
    if kept_:
        words = f"{count_of(kept_, 'event is', 'events are')} kept, which the project's files did not let be judged"
        yield trouble(
            *("events", "problem", "events_put_aside", "events", words),
            by_hand="correct the files: ingestlayer validate",
            command="ingestlayer replay --refused",
        )
    recent = store.upkeep.recent(now - DAY)
    if recent.refused > kept_:
        words = f"{count_of(recent.refused - kept_, 'event was', 'events were')} refused in the last 24 hours"
        yield trouble(
            *("events", "warning", "events_refused", "events", words),
            why=recent.refusal or "",
            since=recent.refused_since,
            command="ingestlayer why --refused",
        )


def clock(store: "Store", now: int) -> Iterator[Symptom]:
    """Yield what says that the clock is wrong, or was."""
    last = store.upkeep.latest()
    early = store.upkeep.count_after(now + DAY)
    is_behind = last is not None and last > now + SKEW
    if last is not None and is_behind and not _is_set_right(store, last):
        words = f"the store was written to at {format_time(last)}, and the clock says {format_time(now)}"
        hint = "set the clock right; what it left in the outbox is set right by `ingestlayer deliver`"
        by_hand, command = "set the clock right", "ingestlayer deliver"
        yield trouble("clock", "problem", "clock_behind", "clock", words, hint=hint, by_hand=by_hand, command=command)
    if early:
        words = f"{count_of(early, 'event is', 'events are')} of a time that is still to come"
        why = f"what {'it' if early == 1 else 'they'} reached is held until then"
        hint = f"ingestlayer events list --since {format_time(now + DAY)}"
        yield trouble("clock", "warning", "clock_ahead", "clock", words, why=why, hint=hint)
    if not early and not is_behind:
        yield Symptom("clock", "ok", f"{format_time(now)}")


def _is_set_right(store: "Store", last: int) -> bool:
    """Say whether `deliver` has met that time, and has set right what waited for it."""
    note = store.note(DELIVERS, "")
    return note is not None and note.get("ahead") == last
