"""What is wrong with the store, where it lies, and the clock by which it was written."""

import os
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...project import Project
from ...system.clock import DAY, MINUTE, format_time
from .symptoms import Symptom, counted, size, trouble

if TYPE_CHECKING:
    from ...model.documents.projects import Mark
    from ...store.contract.protocols import Store

LITTLE_ROOM, NO_ROOM = 1 << 30, 50 << 20  # bytes
SKEW = 5 * MINUTE  # that a clock may have been ahead


def place(project: Project) -> Iterator[Symptom]:
    """Yield whether the store can be written where it is, and how much room there is."""
    path = project.store_path
    there = os.path.dirname(path)
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        hint = "make it and its folder writable for this user"
        yield trouble("store", "problem", "store_unwritable", path, f"{path} cannot be written", hint=hint)
    yield disk(there)


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


def clock(store: "Store", now: int) -> Iterator[Symptom]:
    """Yield what says that the clock is wrong, or was."""
    last = store.upkeep.latest()
    early = store.upkeep.count_after(now + DAY)
    if last is not None and last > now + SKEW:
        words = f"the store was written to at {format_time(last)}, and the clock says {format_time(now)}"
        hint = "set the clock right; what it left in the outbox is set right by `ingestlayer deliver`"
        yield trouble("clock", "problem", "clock_behind", "clock", words, since=now, hint=hint)
    if early:
        words = f"{counted(early, 'event is', 'events are')} of a time that is still to come"
        why = "what they reached is held until then"
        hint = f"ingestlayer events list --since {format_time(now + DAY)}"
        yield trouble("clock", "warning", "clock_ahead", "clock", words, why=why, hint=hint)
    if not early and (last is None or last <= now + SKEW):
        yield Symptom("clock", "ok", f"{format_time(now)}")
