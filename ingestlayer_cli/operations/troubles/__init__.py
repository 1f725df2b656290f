"""The tool's troubles: the one place where `status`, `doctor`, alerts and metrics look.

What is looked at here costs next to nothing, and asks nobody over the network; what else there is, `doctor` has.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...engine.runtime import PAUSED
from ...project import Project
from ...project.pauses import heeding
from . import checks, files, outbox, secrets, stores
from .symptoms import Symptom, guarded

if TYPE_CHECKING:
    from ...store.contract.protocols import Store


def look(project: Project, store: "Store | None", now: int, is_asked: bool = False) -> Iterator[Symptom]:
    """Yield what is found of a project and its store; None: there is none yet, or it cannot be opened.

    `is_asked`: whoever it sends to is asked how the connection is.
    """
    from ..slack.symptoms import connections  # which has what is here for its own

    if store is not None:
        project = heeding(project, store.notes(PAUSED))
    yield from guarded("files", files.files(project))
    yield from guarded("store", stores.place(project))
    if store is not None:
        yield from guarded("store", stores.machines(project, store, now))
        yield from guarded("clock", stores.clock(store, now))
        yield from guarded("events", stores.refused(store, now))
    yield from guarded("entities", files.entities(project, now))
    yield from guarded("checks", checks.checks(project, store, now))
    yield from guarded("secrets", secrets.secrets(project))
    yield from guarded("slack", connections(project, is_asked))
    if store is not None and not store.is_outdated:  # an older program noted nothing of them
        yield from guarded("deliveries", outbox.messages(project, store, now))
        yield from guarded("runs", outbox.runs(project, store, now))


def troubles(project: Project, store: "Store | None", now: int) -> list[Symptom]:
    """Return what is wrong, problems before warnings, the oldest first."""
    found = [it for it in look(project, store, now) if it.mark != "ok"]
    return sorted(found, key=lambda it: (it.mark != "problem", it.since or now))
