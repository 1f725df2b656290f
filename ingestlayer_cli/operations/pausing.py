"""Pausing a pipeline in the store: for every process that uses it, at once, and with no file edited."""

import os
from contextlib import closing, suppress

from ..engine.runtime import PAUSED, Runtime
from ..project import Project
from ..project.pauses import digest, heeding, holders
from ..store.contract.sending import Wanted
from ..store.opening import open_to_read
from ..system.clock import format_time
from ..system.errors import StoreError
from ..system.typed import Values


def pause(runtime: Runtime, name: str, why: str | None) -> bool:
    """Note that a pipeline is paused; False when that was noted already, for the same reason if one is given."""
    now = runtime.clock.now()
    with runtime.store.transaction() as transaction:
        notes = transaction.notes(PAUSED)
        holder = _holder(runtime.filed, notes, name)
        held = notes[holder] if holder is not None else {}
        if holder == name and why in (None, held["why"]):
            return False
        if holder is not None:
            transaction.drop_note(PAUSED, holder)
        told = {"by": held.get("by", _who()), "at": held.get("at", format_time(now))}
        note = {**told, "why": held.get("why", "") if why is None else why, "text": digest(_text(runtime.filed, name))}
        transaction.write_note(PAUSED, name, note, now)
    return True


def resume(runtime: Runtime, name: str) -> bool:
    """Forget that a pipeline is paused; False when nothing was noted."""
    with runtime.store.transaction() as transaction:
        holder = _holder(runtime.filed, transaction.notes(PAUSED), name)
        if holder is not None:
            transaction.drop_note(PAUSED, holder)
    return holder is not None


def as_it_runs(project: Project) -> Project:
    """Return a project with the pipelines paused that its store says are; of one that cannot be read, others tell."""
    with suppress(StoreError):
        if (store := open_to_read(project.store_path)) is not None:
            with closing(store):
                return heeding(project, store.notes(PAUSED))
    return project


def still_sent(runtime: Runtime, name: str) -> int:
    """Count what a pipeline queued before it was paused, and is sent all the same."""
    return sum(runtime.store.outbox.still_waiting(Wanted(pipeline=name)).values())


def _holder(project: Project, notes: Values, name: str) -> str | None:
    """Return the name under which the pause of a pipeline is noted: its own, or that of its file before."""
    return name if name in notes else holders(project, notes).get(name)


def _text(project: Project, name: str) -> str:
    rows = project.pipelines + project.broken
    return next((str(row["text"]) for row in rows if row["name"] == name), "")


def _who() -> str:
    """Return who is asking, `user@host`."""
    from getpass import getuser

    try:
        user = getuser()
    except (OSError, KeyError):  # no name for this uid
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
