"""A connection to PostgreSQL, spoken to as SQLite is, and made anew where the server was away for a moment."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache
from time import monotonic, monotonic_ns, sleep

from ...system import ending
from ...system.errors import ProjectError, StoreError
from ...system.typed import TYPE_CHECKING, Any
from .address import Address
from .errors import errors, is_away
from .schema import quoted
from .spoken import bound, spoken
from .texts import understand

if TYPE_CHECKING:
    import psycopg

    from ...system.postgres import PatientConnection

OLDEST = 130_000  # PostgreSQL 13
PATIENCE = 15  # seconds that a server which was there is waited for: it may be restarted
COMMITTED = 30  # seconds for a commit, beside those for what is written before it
BUSY = 60  # seconds that a lock is waited for
AGAIN = 60  # seconds after which the database is asked for the time again
# A process that was stopped in the middle of a transaction holds others up no longer than this. Rows that change often
# are thought to be many more than they are: what is planned for them would be compiled for seconds. What is waited for
# is the program's to say, and not its user's: a copy, or a lock, may take longer than a page of some other program.
_SETTINGS = {
    "idle_in_transaction_session_timeout": f"'{2 * BUSY}s'",
    "statement_timeout": "'0'",
    "TimeZone": "'UTC'",
    "jit": "'off'",
    # What is committed is never lost.
    "synchronous_commit": "replace(current_setting('synchronous_commit'), 'off', 'on')",
}
VERSION_OF = "SELECT version FROM store"
# A way that lets nothing through any more, as a firewall's that forgot an idle connection, is one that is lost: without
# these it would be waited for a quarter of an hour.
_SILENCE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 30_000}
_HELLO = (
    "SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),"
    " current_setting('max_locks_per_transaction')::int"
    " * current_setting('max_connections')::int, (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
)
_NOW = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


class PostgresLink:
    """An open connection. One thread at a time may use it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.conninfo = address.conninfo()
        self._patience: float = BUSY
        self.version = 0  # of the store, as it was when it was connected to; 0 where there is none
        # By a pooler, as PgBouncer is one, each transaction may come to another server: none remembers anything.
        self._is_pooled = False
        self.room = 0  # for locks, of the server
        self.offset = 0  # of the database's clock to `monotonic_ns`, in milliseconds,
        self.measured_at = 0  # when it was measured last, by that
        self._opening: tuple[Sequence[str], Callable[[Any], None]] | None = None
        self._unheard: tuple[Any, Callable[[Any], None]] | None = None
        self._pipeline: AbstractContextManager[Any] | None = None
        self._sync: Callable[[], None]
        self._connection: PatientConnection = self._connect()

    @property
    def is_lost(self) -> bool:
        """Whether the server, or the way to it, has ended the connection."""
        return self._connection.closed

    def renew(self) -> None:
        """Connect anew, to a server that may be just starting."""
        self.close()
        ends = monotonic_ns() + int(min(PATIENCE, self._patience) * 1_000_000_000)
        while True:
            try:
                self._connection = self._connect()
                return
            except StoreError:
                if monotonic_ns() > ends or ending.is_told():
                    raise
            sleep(0.1)

    def close(self) -> None:
        self._opening = self._unheard = self._pipeline = None
        self._connection.close()

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer than this for a lock."""
        self._patience = seconds
        if not self._is_pooled:
            with self.errors():
                self._connection.execute(self._settings("FALSE").encode())

    def execute(self, sql: str, values: Any = (), /) -> Any:
        said, lists = spoken(sql)
        self._start()
        if self._is_pooled and self._pipeline is None and not self._connection.pgconn.transaction_status:
            with self._connection.pipeline():  # one transaction
                self._connection.execute(self._settings("TRUE").encode())
                return self._connection.execute(said.encode(), bound(values, lists))
        cursor = self._connection.execute(said.encode(), bound(values, lists))
        return cursor if self._pipeline is None else _Sent(self, cursor)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        said, lists = spoken(sql)
        given = [bound(row, lists) for row in rows]
        if not given:
            return _NONE
        self._start()
        cursor = self._connection.cursor()
        cursor.executemany(said.encode(), given)
        return cursor if self._pipeline is None else _Sent(self, cursor)

    def listen(self, file: int) -> None:
        """Write what is said from now on, and what is answered, to an open file: for who looks at it."""
        self._connection.pgconn.trace(file)

    def run(self, script: str) -> None:
        """Run SQL of several statements, without values, as it is."""
        self._connection.execute(script.encode())

    def run_long(self, script: str) -> None:
        """Run SQL that may take long, and keep others from the servers that a pooler has."""
        self._connection.is_long = self._is_pooled
        try:
            self.run(script)
        finally:
            self._connection.is_long = False

    def begin(self, how: str = "") -> None:
        """Begin a transaction, each statement of which is waited for."""
        for script in self._beginning(how):
            self.run(script)

    def _beginning(self, how: str = "") -> list[str]:
        return [f"BEGIN {how}", *([self._settings("TRUE")] if self._is_pooled else [])]

    # A transaction: no statement is waited for but by who reads its answer -------------------------------------------

    def open(self, scripts: Sequence[str], heard: Callable[[Any], None]) -> None:
        """Begin with the statement that comes next, by others before it; `heard` is told what the last of them found.

        From there on what is said is sent, and is waited for when an answer is read.
        """
        self._opening = [*self._beginning(), *scripts], heard

    def skip_opening(self) -> bool:
        """Say nothing, where nothing was said; False when something was."""
        opening, self._opening = self._opening, None
        return opening is not None

    def _start(self) -> None:
        if self._opening is not None:
            (scripts, heard), self._opening = self._opening, None
            self._pipeline = self._connection.pipeline()
            self._sync = self._pipeline.__enter__().sync
            cursors = [self._connection.execute(script.encode()) for script in scripts]
            self._unheard = cursors[-1], heard

    def hear(self) -> None:
        """Wait for the answers to what the transaction began by, once."""
        if self._unheard is not None:
            (cursor, heard), self._unheard = self._unheard, None
            heard((cursor.fetchone() or (None,))[0])

    def sync(self) -> None:
        """Wait for all answers."""
        self._sync()

    def commit(self) -> None:
        """Commit, and wait for all answers.

        A server that cannot write any more, or waits for a standby that is gone, does not end that: it is not waited
        for longer than what is said before may take.
        """
        self._connection.ends = monotonic() + self._patience + COMMITTED
        self.run("COMMIT")
        self.leave()
        self._connection.ends = None

    def leave(self) -> None:
        """Wait for all answers; what is said from now on is waited for each."""
        pipeline, self._pipeline, self._unheard = self._pipeline, None, None
        if pipeline is not None:
            pipeline.__exit__(None, None, None)

    def roll_back(self) -> None:
        """Undo what was said, if anything was; where that fails there is no connection any more."""
        if self.skip_opening() or self.is_lost:
            return
        try:
            with suppress(Exception):  # it is known: for that it is undone
                self.leave()
            self.run("ROLLBACK")
        except Exception:
            self.close()

    # Its beginning --------------------------------------------------------------------------------------------------

    def _connect(self) -> "PatientConnection":
        driver = _driver()
        own = self._own()
        with self.errors():
            made: PatientConnection = driver.connect(self.conninfo, autocommit=True, prepare_threshold=None, **own)
        try:
            understand(made)
            with self.errors():
                self._greet(made)
        except BaseException:
            made.close()
            raise
        return made

    def _own(self) -> dict[str, Any]:
        """Return what is set beside what the address says."""
        from psycopg import ProgrammingError
        from psycopg.conninfo import conninfo_to_dict

        from ...system.postgres import CONNECT

        try:
            said = conninfo_to_dict(self.conninfo)
        except ProgrammingError:
            words = f"{self.address.url} is no address of a PostgreSQL database"
            raise StoreError(words, "write it as libpq has it: postgresql://USER@HOST/DATABASE") from None
        defaults = {"connect_timeout": int(ending.hurried(CONNECT)), "application_name": "ingestlayer", **_SILENCE}
        return {**{n: v for n, v in defaults.items() if n not in said}, "client_encoding": "UTF8"}

    def _settings(self, is_local: str) -> str:
        """Return the statement that sets what is ours to say: it is no `options`, which poolers refuse or pass over."""
        path = quoted(self.address.schema).replace("'", "''")
        settings = {**_SETTINGS, "lock_timeout": f"'{int(self._patience * 1000)}'", "search_path": f"'{path}'"}
        return "SELECT " + ", ".join(f"set_config('{name}', {it}, {is_local})" for name, it in settings.items())

    def _greet(self, connection: "psycopg.Connection[Any]") -> None:
        from psycopg.errors import UndefinedTable

        sent, self.version = monotonic_ns(), 0
        # A pooler knows of no server's process yet, and calls it by a number of its own.
        is_pooled = f"pg_backend_pid() <> {connection.info.backend_pid}"
        settings = self._settings(is_pooled).encode()
        try:
            with connection.pipeline():
                connection.execute(settings)
                asked = connection.execute(f"{_HELLO}, {is_pooled}".encode())
                told = connection.execute(VERSION_OF.encode())
                self.version = int((told.fetchone() or (0,))[0])
        except UndefinedTable:
            connection.execute(settings)  # by that, they were undone
        version, encoding, self.room, now, self._is_pooled = asked.fetchone() or (0, "", 0, 0, False)
        self._measured(now, sent)
        if version < OLDEST:
            raise StoreError(f"PostgreSQL {version // 10_000} is too old", "the store needs PostgreSQL 13 or newer")
        if encoding != "UTF8":
            hint = "make the database with ENCODING 'UTF8'"
            raise StoreError(f"the store {self.address.label} is in a database of {encoding}", hint)

    def keep_time(self) -> None:
        """Ask for the time now and then: clocks run apart, and the database's may be set."""
        if monotonic_ns() - self.measured_at > AGAIN * 1_000_000_000:
            sent = monotonic_ns()
            self._measured(self._connection.execute(_NOW).fetchone()[0], sent)  # type: ignore[index]

    def _measured(self, now: int, sent: int) -> None:
        """Note what time it was by the database, between when that was asked and when it was answered."""
        self.measured_at = monotonic_ns()
        self.offset = now - (sent + self.measured_at) // 2_000_000

    def errors(self) -> AbstractContextManager[None]:
        """Turn what psycopg says into words with a remedy."""
        return errors(self.address, self.conninfo, self._patience)

    def is_away(self, error: Any) -> bool:
        """Say whether the connection is lost by an error."""
        return self._connection.closed or is_away(error)


class _Sent:
    """A statement of a transaction: it is waited for by who reads what it found."""

    def __init__(self, link: PostgresLink, cursor: Any) -> None:
        self._link = link
        self._cursor = cursor

    @property
    def rowcount(self) -> int:
        self._link.sync()
        self._link.hear()
        return int(self._cursor.rowcount)

    def fetchone(self) -> Any:
        self._link.hear()
        return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        self._link.hear()
        return list(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


class _Nothing:
    rowcount = 0


_NONE = _Nothing()


@cache
def _driver() -> Any:
    try:
        from ...system.postgres import PatientConnection
    except ImportError:
        from ...system.extras import to_install

        raise ProjectError("a store in PostgreSQL needs the package psycopg", to_install("postgres")) from None
    from logging import NullHandler, getLogger

    getLogger("psycopg").addHandler(NullHandler())  # what goes wrong is said once, and without where the server is
    return PatientConnection
