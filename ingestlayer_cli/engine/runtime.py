"""What one call of the program works with: the project, the clock, the store, the entity files; opened when used."""

from collections.abc import Collection, Container
from contextlib import suppress
from functools import cached_property
from time import monotonic

from ..entities.files import EntityFiles
from ..model.gate import Gate
from ..project import Project, is_current
from ..project.match import matches
from ..store.opening import is_file, open_to_read, open_to_write
from ..system.clock import Clock
from ..system.errors import StoreError
from ..system.typed import TYPE_CHECKING, Directions, TomlTable, Values
from .connections import Connections, Show, draw_nothing
from .outside import OutsideStore
from .pipeline import Pipeline

if TYPE_CHECKING:
    from ..model.memory import Reacted
    from ..model.sending import Judgement
    from ..store.contract.accepting import SpoolError
    from ..store.contract.protocols import Store
    from .courier import Courier
    from .failing import FailingPipeline
    from .heartbeat import Heart, Heartbeats
    from .outbox import Outbox
    from .rechecking import Rechecking

PAUSED = "paused"  # the topic of the store's notes on pipelines that are paused, by name

SAME = 1.0  # seconds for which a database that was out of reach is taken to be so
HURRIED = 0.5  # seconds that a process which is to end stays for its heartbeats


class Runtime:
    """Opened for one call; `close()` it, or use it in a `with`.

    `show` draws a message of the terminal connection; `keep=False` writes nothing beside the store. `connections` are
    given where several calls share them, and `courier` where one thread sends for all of them.
    """

    courier: "Courier | None" = None

    def __init__(
        self,
        project: Project,
        clock: Clock | None = None,
        show: Show = draw_nothing,
        keep: bool = True,
        connections: Connections | None = None,
    ) -> None:
        self.filed = project  # as its files say it
        self.project = project  # as it runs: `heed`
        self._clock = clock or (Clock() if is_file(project.store_path) else None)
        self._away: StoreError | None = None  # why the database was not reached for its time,
        self._away_at = 0.0  # and when, by the clock that is never set
        self._keeps = keep
        self.entities = EntityFiles(project.root, project.entities, clock or Clock(), project.home if keep else None)
        self.outside = OutsideStore(self.entities, self._stored, self._reacted)
        self.gate = Gate(project.types, project.declaration, project.accepts_undeclared)
        self.connections = connections or Connections(project.connections, show, project.root)
        self.spool_error: SpoolError | None = None  # what kept events from being handed over, when that was done last
        self._rechecking: Rechecking | None = None
        self.held_until: int | None = None  # while many are accepted: until when at most what they find together waits
        self._pauses: Values = {}
        self._pipelines: dict[str, list[Pipeline | FailingPipeline]] = {}

    @property
    def is_current(self) -> bool:
        """Whether the files of the project are as it read them, and the store is the one that it opened."""
        return is_current(self.project) and self.is_in_place

    @property
    def is_in_place(self) -> bool:
        """Whether the store is the one that it opened, if it has opened one."""
        store: Store | None = self.__dict__.get("store")
        return store is None or store.is_in_place

    @property
    def clock(self) -> Clock:
        """What time it is: by the database where several machines share it, else by this machine.

        It is by this machine, too, for as long as the database is out of reach.
        """
        if self._clock is not None:
            return self._clock
        store = self.__dict__.get("store") or self.__dict__.get("stored")
        if store is None and not self._was_away_just_now:
            try:
                store = self.store if self._keeps else self.stored
            except StoreError as error:  # whoever needs it says so
                self._away, self._away_at = error, monotonic()
        if store is None:
            return Clock()
        self.clock = store.clock(Clock())
        return self.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def known_clock(self) -> Clock | None:
        """The clock, where nothing has to be opened for it: other threads may ask."""
        return self._clock

    @property
    def _was_away_just_now(self) -> bool:
        """Whether asking again would take the same time for the same answer."""
        return bool(self._away_at) and monotonic() - self._away_at < SAME

    @cached_property
    def store(self) -> "Store":
        away, self._away = self._away, None
        if away is not None and self._was_away_just_now:
            raise away
        store = open_to_write(self.project.store_path)
        self.heed(store.notes(PAUSED))
        return store

    @cached_property
    def stored(self) -> "Store | None":
        """The store for reading alone, when there is one; one of an older version is brought up to date first."""
        store = open_to_read(self.project.store_path)
        if store is not None and store.is_outdated:
            store.close()
            return self.store
        if store is not None:
            self.heed(store.notes(PAUSED))
        return store

    def _stored(self, kind: str, keys: Collection[str]) -> Container[str]:
        """Return those of these keys that the store has, for a hint alone: it never fails."""
        with suppress(StoreError):
            store = self.store if self._keeps else self.stored
            return store.entities.of_keys(kind, keys) if store is not None else ()
        return ()

    def _reacted(self, pipeline: str, events: tuple[str, ...], emoji: str) -> "Reacted":
        """Ask whether somebody has reacted to what was posted for events."""
        from .reactions import reacted

        return reacted(self.store, self.connections, pipeline, events, emoji)

    def heed(self, pauses: Values) -> None:
        """Let run what the store's notes do not say is paused; a transaction that runs anything says it anew."""
        if pauses != self._pauses:
            from ..project.pauses import heeding

            self.project, self._pauses = heeding(self.filed, pauses), pauses
            self._pipelines.clear()

    @cached_property
    def outbox(self) -> "Outbox":
        from .outbox import Outbox

        return Outbox(self.store, self.connections, self.clock, recheck=self.recheck)

    def recheck(self, id_: str, directions: Directions, now: int) -> "Judgement":
        """Judge again a delivery that has waited."""
        known = self._rechecking
        if known is None or known.project is not self.project or known.store is not self.store:
            from .rechecking import Rechecking

            known = self._rechecking = Rechecking(self.project, self.store, self.outside)
        return known(id_, directions, now)

    def another(self) -> "Runtime":
        """Return one of the same project, for another thread."""
        return Runtime(self.filed, connections=self.connections)

    @cached_property
    def heartbeats(self) -> "Heartbeats":
        from .heartbeat import Heartbeats

        return Heartbeats()

    def heart(self, secret: str | None) -> "Heart | None":
        """Return what tells the monitor of runs whose address a secret is; None without one."""
        if secret is None:
            return None
        from .heartbeat import Heart

        return Heart(self.heartbeats, secret)

    def heart_faults(self, patience: float | None = None) -> list[str]:
        """Wait a little for the heartbeats that are on their way; return what went wrong."""
        beats: Heartbeats | None = self.__dict__.get("heartbeats")
        return [] if beats is None else beats.close() if patience is None else beats.close(patience)

    @property
    def unrecorded(self) -> set[str]:
        """The deliveries that were sent, and of which it could not be recorded what came of them."""
        outbox: Outbox | None = self.__dict__.get("outbox")
        return outbox.unrecorded if outbox is not None else set()

    def pipelines(self, type_: str) -> "list[Pipeline | FailingPipeline]":
        """Return the active pipelines that match an event type, compiled; those that are broken fail."""
        if type_ not in self._pipelines:
            project = self.project
            found: list[Pipeline | FailingPipeline] = [
                Pipeline(row, project.connections) for row in project.pipelines if _takes(row, type_)
            ]
            if failing := [row for row in project.broken if _takes(row, type_)]:
                from .failing import broken

                found += map(broken, failing)
            self._pipelines[type_] = found
        return self._pipelines[type_]

    def let_go(self) -> None:
        """Close the store; it is opened anew when it is used next."""
        for name in ("store", "stored"):
            store = self.__dict__.pop(name, None)
            if store is not None:
                store.close()

    def close(self, hurried: bool = False) -> None:
        """Close what is open; where it is `hurried`, hardly waiting for a monitor."""
        self.heart_faults(HURRIED if hurried else None)
        self.let_go()
        self.entities.close()

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(hurried=kind is KeyboardInterrupt)


def _takes(row: TomlTable, type_: str) -> bool:
    return row["status"] == "active" and matches(row["match"], type_)
