"""The tool's troubles: the one place where `status`, `doctor`, alerts and metrics look.

What is looked at here costs next to nothing, and asks nobody over the network; what else there is, `doctor` has.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...engine.runtime import PAUSED
from ...project import Project
from ...project.pauses import heeding
from ...system.errors import StoreError
from . import checks, files, outbox, secrets, stores
from .symptoms import NOT_CONNECTED, Symptom, guarded, trouble

if TYPE_CHECKING:
    from ...store.contract.protocols import Store


def look(project: Project, store: "Store | StoreError | None", now: int, is_asked: bool = False) -> Iterator[Symptom]:
    """Yield what is found of a project and its store; None: there is none yet; an error: it cannot be read.

    `is_asked`: whoever it sends to is asked how the connection is.
    """
    is_read = not isinstance(store, StoreError)
    if isinstance(store, StoreError):
        yield trouble("store", "problem", "store_broken", project.store_path, store.message, hint=store.hint)
        store = None
    if store is not None and store.is_outdated:  # what it lacks cannot be asked for
        words, command = "the store is of an older version: it is brought up to date", "ingestlayer status"
        yield trouble("store", "warning", "store_outdated", project.store_path, words, command=command)
        is_read, store = False, None
    if store is not None:
        project = heeding(project, store.notes(PAUSED))
    yield from guarded("files", files.files(project))
    yield from guarded("store", stores.place(project))
    if store is not None:
        yield from guarded("store", stores.machines(project, store, now))
        yield from guarded("clock", stores.clock(store, now))
        yield from guarded("events", stores.refused(store, now))
    yield from guarded("entities", files.entities(project, now))
    if is_read:  # what ran is told by the store
        yield from guarded("checks", checks.checks(project, store, now))
    yield from guarded("secrets", secrets.secrets(project))
    waiting = list(guarded("deliveries", outbox.messages(project, store, now))) if store is not None else []
    yield from guarded("slack", _links(project, store, now, is_asked, waiting))
    yield from waiting
    if store is not None:
        yield from guarded("runs", outbox.runs(project, store, now))


def _links(
    project: Project, store: "Store | None", now: int, is_asked: bool, waiting: list[Symptom]
) -> Iterator[Symptom]:
    """Yield how the connections are, but for those that are known by what waits for them."""
    from ..slack.skew import skew  # which have what is here for their own
    from ..slack.symptoms import connections

    told = {it.subject for it in waiting if it.kind == NOT_CONNECTED}
    if store is not None and not is_asked:  # whoever is asked tells what time it is
        yield from skew(store, now)
    sends = store is not None and outbox.delivers(store, now)
    yield from (
        it for it in connections(project, is_asked, sends) if it.kind != NOT_CONNECTED or it.subject not in told
    )


def troubles(project: Project, store: "Store | StoreError | None", now: int) -> list[Symptom]:
    """Return what is wrong, problems before warnings, the oldest first."""
    found = [it for it in look(project, store, now) if it.mark != "ok"]
    return sorted(found, key=lambda it: (it.mark != "problem", it.since or now))
