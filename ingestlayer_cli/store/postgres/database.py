"""An open PostgreSQL database: its transactions, beside those of others, and its reads."""

from collections import ChainMap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from ...model.memory import Seen, State
from ...system.clock import Clock
from ...system.errors import StoreError
from ...system.typed import Any, TypeVar
from ..contract.accepting import AwayError, RepeatError
from ..sql.base import Base
from .clock import DatabaseClock
from .errors import HopelessError, is_silent
from .fitting import fit
from .link import VERSION_OF, PostgresLink
from .locks import SHARE, Locks, Needed
from .schema import VERSION
from .transaction import OF_HASHES, PostgresTransaction

T = TypeVar("T")

# What a server counts begins anew when it has gone down without writing all of it.
_LIFE = "SELECT stats_reset::text FROM pg_stat_bgwriter"
FEWEST, MOST = 100, 250  # events that are accepted together
PATIENCE = 5  # times that others may be in the way of a transaction before it takes the store for itself
LOSSES = 5  # in a row, after which the database is taken to be away


class LostError(RepeatError):
    """The connection was lost, and nothing of the transaction is committed."""


class PostgresDatabase(Base):
    """One thread at a time may use it."""

    _of_hashes = OF_HASHES
    is_in_place = True  # nobody puts another one in its place

    def __init__(self, link: PostgresLink, version: int = VERSION) -> None:
        self.link = link
        self.version = version  # opened for reading, it may be an older one
        self.path = link.address.place
        self.versions: dict[tuple[str, str], int] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self._is_asking = False  # what became of a commit
        self.witness: tuple[str, tuple[Any, ...]] | None = None  # what finds that this transaction was committed
        self._is_inside = False  # a transaction
        self._needed: Needed = {}
        self._needs_all = False
        self._repeats = 0  # of a transaction, in a row
        self.most_together = FEWEST
        self._losses = 0  # of its connection, in a row

    @property
    def is_outdated(self) -> bool:
        return self.version < VERSION

    def clock(self, own: Clock) -> Clock:
        return DatabaseClock(self.link)

    @contextmanager
    def transaction(self, may_repeat: bool = False) -> Iterator[PostgresTransaction]:
        """Commit what is written inside at the end; roll everything back on any exception."""
        if self.link.is_lost:
            self.link.renew()
        locks = Locks(self.link, may_repeat, self._needed, self._needs_all)
        self._needed, self._needs_all = {}, False
        self._is_inside, self._is_asking = True, False
        try:
            with self._errors():
                self.link.keep_time()
                self._begin(locks)
                # Numbers that are handed out inside may not exist afterwards.
                versions, numbers = ChainMap({}, self.versions), ChainMap({}, self.numbers)
                transaction = PostgresTransaction(self.link, versions, numbers, locks)
                yield transaction
                self._commit(transaction, locks)
        except BaseException as error:
            self._repeats = self._repeats + 1 if isinstance(error, RepeatError) else 0
            self._needed, self._needs_all = locks.needed, locks.needs_all or self._repeats > PATIENCE
            self.link.roll_back()
            self._losses = self._losses + 1 if isinstance(error, LostError) else 0
            if self._losses > LOSSES and isinstance(error, LostError):  # it may be lost by what is done
                raise AwayError(error.message, error.hint) from None
            raise
        else:
            self._repeats = self._losses = 0
            self._learn(locks, transaction.number_of_events)
            self.versions.update(versions.maps[0])
            self.numbers.update(numbers.maps[0])
        finally:
            self._is_inside, self.witness = False, None

    def _learn(self, locks: Locks, events: int) -> None:
        """Accept as many together as will share the store with others, by the locks that these have needed."""
        if events >= FEWEST // 2:
            most = 0 if locks.has_all else int(0.8 * self.link.room / SHARE * events / max(locks.number, 1))
            self.most_together = max(FEWEST, min(MOST, most))

    def alone(self) -> AbstractContextManager[PostgresTransaction]:
        self._needs_all = True
        return self.transaction()

    def _begin(self, locks: Locks) -> None:
        """Begin with the first statement: a transaction that says nothing is none."""
        how = "pg_advisory_xact_lock" if locks.has_all else "pg_advisory_xact_lock_shared"
        own = f"SELECT {how}({locks.all}), pg_advisory_xact_lock({locks.own})"
        self.link.open((own, VERSION_OF), self._check_version)

    def _check_version(self, found: Any) -> None:
        if found != VERSION:  # another program has brought it to one that this one does not know
            raise StoreError(f"the store {self.link.address.label} is of version {found} now", "try again")

    def _commit(self, transaction: PostgresTransaction, locks: Locks) -> None:
        """Write what was gathered, and commit; where the connection is lost by it, ask what became of it.

        It is never guessed. What has an event is committed with what is written last: by that, it is told.
        """
        link, number, life, is_said = self.link, None, None, False
        try:
            transaction.flush()
            if link.skip_opening():
                return
            event = transaction.first_event
            if event is None and self.witness is None:
                number, life = link.execute(f"SELECT pg_current_xact_id_if_assigned()::text, ({_LIFE})").fetchone()
            link.hear()
            is_said = True
            link.commit()
        except Exception as error:
            if not is_said or not link.is_away(error):
                raise
            self._is_asking = True  # where nobody answers it may be committed: it is not simply done again
            if is_silent(error):
                raise
            link.renew()
            self._wait_for(locks)
            if not (self._is_there(event) if event else self._is_committed(number, life)):
                raise LostError(f"the connection to the store {link.address.label} was lost", "try again") from None

    def _wait_for(self, locks: Locks) -> None:
        """Wait until a transaction has ended, whatever the server has still heard of it."""
        self.link.begin()
        self.link.execute("SELECT pg_advisory_xact_lock(?::bigint)", (locks.own,))
        self.link.run("ROLLBACK")

    def _is_there(self, event: str) -> bool:
        """Say whether an event was committed, once its transaction has ended."""
        return bool(self.link.execute("SELECT 1 FROM events WHERE id = ?", (event,)).fetchone())

    def _is_committed(self, number: str | None, life: str | None) -> bool:
        """Say whether a transaction without events was; one without a number has written nothing.

        A server that went down gives the number of what it lost to the next one: in another `life` it tells nothing,
        and what has no witness is done again.
        """
        if self.witness is not None:
            return bool(self.link.execute(*self.witness).fetchone())
        from time import sleep

        from psycopg.errors import InvalidParameterValue

        while number is not None:
            try:
                said = self.link.execute("SELECT pg_xact_status(?::text::xid8)", (number,)).fetchone()[0]
            except InvalidParameterValue:  # it is in the future: a server that went down has never heard of it
                return False
            if said != "in progress":
                return bool(said == "committed") and self.link.execute(_LIFE).fetchone()[0] == life
            sleep(0.05)
        return True

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say what went wrong; where the server went away meanwhile, it is to be done again."""
        try:
            with self.link.errors():
                yield
        except HopelessError:
            self.link.close()  # the next one may lead to another server
            raise
        except AwayError as error:
            if self._is_asking:
                raise
            raise LostError(error.message, error.hint) from None

    def repeated(self, work: Callable[[], T]) -> T:
        """Do work that is one transaction of this store until nobody is in its way."""
        while True:
            try:
                return work()
            except RepeatError:
                continue

    def rows(self, sql: str, *values: Any) -> list[Any]:
        losses = 0
        while True:
            if self.link.is_lost and not self._is_inside:
                self.link.renew()
            try:
                with self.link.errors():
                    found: list[Any] = self.link.execute(sql, values).fetchall()
                    return found
            except HopelessError:
                raise
            except AwayError:
                losses += 1
                if self._is_inside or not self.link.is_lost or losses > LOSSES:
                    raise

    @contextmanager
    def as_of_now(self) -> Iterator[None]:
        """Hold one snapshot of the database."""
        self.rows("SELECT 1")  # connected anew, where that is needed
        with self.link.errors():
            self.link.begin("ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._is_inside = True
        try:
            yield
        finally:
            self._is_inside = False
            self.link.roll_back()

    def has_unfinished(self) -> bool:
        return bool(self.rows("SELECT EXISTS (SELECT 1 FROM unfinished)")[0][0])

    def seen(self, scope: str, key: str, after: int, before: int) -> Seen | None:
        return super().seen(scope, fit(key), after, before)

    def state(self, scope: str, key: str) -> State | None:
        return super().state(scope, fit(key))

    def written(self) -> object:
        """Nothing tells cheaply that others have written: what was looked up is looked up again."""
        return None

    def wait_at_most(self, seconds: float) -> None:
        self.link.wait_at_most(seconds)

    def expect_many(self) -> None:
        """Nothing is to be got ready."""

    def close(self) -> None:
        self.link.close()
