"""What of the store is forgotten: nothing that waits, and nothing sooner than those who remember by it say."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..checks.base import remembers
from ..engine.pipeline import places
from ..engine.runtime import Runtime
from ..model import families
from ..project import Project
from ..project.check_table import scope_of
from ..system.clock import DAY, format_time
from ..system.errors import StoreError

QUIET = 3 * DAY  # that a store may have been left alone before its upkeep doubts the clock
_EVER = -(1 << 62)  # before all times


class Owner(NamedTuple):
    """Who remembers: under which scope of the store, empty for threads; and for how long, None: for ever."""

    scope: str
    lasts: int | None


class Retention(NamedTuple):
    """For how many milliseconds events stay, and memory at least; None: for ever, as that of the `forever` scopes."""

    events: int
    memory: int | None
    forever: list[str]


def owners(project: Project) -> Iterator[Owner]:
    """Yield who remembers anything: steps, destinations with threads, checks; of paused pipelines, too."""
    for pipeline in project.pipelines:
        steps = pipeline["steps"]
        for place, data in zip(places(pipeline["name"], steps), steps, strict=True):
            yield Owner(place, families.member("steps", data["use"]).remembers(data))
        for data in pipeline["destinations"]:
            yield Owner("", families.member("destinations", data["use"]).remembers(data))
    if project.broken:  # who knows what these remember, and for how long
        yield Owner("", None)
    for name, data in project.checks.items():
        yield Owner(scope_of(name), remembers(data))


def retention(project: Project, wanted: int) -> Retention:
    """Return what is kept when events are wanted for so many milliseconds."""
    # An event is its idempotency key's memory: it stays for as long as any window; undeclared types have a day.
    events = max(wanted, project.longest_window, DAY if project.accepts_undeclared else 0)
    found = list(owners(project))
    forever = [owner.scope for owner in found if owner.lasts is None]
    memory = max([events, *(owner.lasts for owner in found if owner.lasts is not None)])
    return Retention(events, None if "" in forever else memory, forever)


def check_clock(runtime: Runtime) -> None:
    """Raise StoreError when the clock is so far ahead of all that the store knows that it may be wrong."""
    now, last = runtime.clock.now(), runtime.store.upkeep.latest()
    if last is not None and now - last > QUIET:
        raise StoreError(
            f"the clock says {format_time(now)}, and nothing was written to the store since {format_time(last)}:"
            " what is forgotten by a wrong clock is told again",
            "is the clock right? then: ingestlayer store prune --trust-clock",
        )


def prune(runtime: Runtime, kept: Retention, progress: Callable[[int], None] | None = None) -> int:
    """Forget what is older, in transactions that others go on beside; return how many events."""
    now = runtime.clock.now()
    memory_before = _EVER if kept.memory is None else now - kept.memory
    return runtime.store.upkeep.prune(runtime.clock, now - kept.events, memory_before, progress, kept.forever)
