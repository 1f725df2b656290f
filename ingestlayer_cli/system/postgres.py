"""Connections to PostgreSQL, over which no answer is waited for without an end.

A server that was stopped, or hangs, is found out by asking it anew. What takes long, as an index does, or waits for
others, goes on for as long as its server answers at all: its kernel's word that a question has arrived is no answer.
"""

from collections.abc import Generator
from time import monotonic

from psycopg import Connection, OperationalError
from psycopg.errors import ConnectionTimeout

from .ending import hurried
from .typed import Any, NoReturn

CONNECT = 5  # seconds for one server to answer who connects
QUIET = 10  # seconds without a word after which it is asked anew
ANSWER = 5  # seconds for the answer to that
SILENT = "it gives no answer"  # what is raised then, in words


class PatientConnection(Connection[Any]):
    """A connection whose every wait has an end."""

    is_long = False  # whether what is said takes so long that a pooler may have no server for others meanwhile
    ends: float | None = None  # when what is waited for has to be there, however well the server answers others
    _is_asked = False  # whether it only asks for another one

    def wait(self, gen: Any, *args: Any, **named: Any) -> Any:
        return super().wait(self._watched(gen), *args, **named)

    def _watched(self, gen: Any) -> Generator[Any, Any, Any]:
        """Go the same way, and look at the clock where nothing has come for a moment."""
        heard = monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and self.ends is not None and monotonic() > self.ends:
                    self._lose()
                if ready or self.is_long:
                    heard = monotonic()
                elif monotonic() - heard > hurried(ANSWER if self._is_asked else QUIET):
                    if self._is_asked or not self._answers():
                        self._lose()
                    heard = monotonic()
                wanted = gen.send(ready)
        except StopIteration as ended:
            return ended.value

    def _lose(self) -> NoReturn:
        self.close()
        raise OperationalError(SILENT)

    def _answers(self) -> bool:
        """Ask the server whether it is there, as somebody who comes to it."""
        own = self.info
        where: dict[str, Any] = {"host": own.host, "hostaddr": own.hostaddr, "port": own.port, "password": own.password}
        where["connect_timeout"] = int(hurried(CONNECT))
        try:
            with PatientConnection.connect(own.dsn, **where, autocommit=True) as other:
                other._is_asked = True
                other.execute("SELECT 1")
        except ConnectionTimeout:
            return False
        except OperationalError as error:  # that it takes nobody is an answer
            return str(error) != SILENT
        return True
