"""What a PostgreSQL server does meanwhile: the CPU that its processes use, and what its clients wait for."""

import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.postgres import Server

EVERY = 0.01  # seconds between two looks at what clients wait for
_TICKS = os.sysconf("SC_CLK_TCK")
_LOOK = (
    "SELECT state, wait_event_type FROM pg_stat_activity"
    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND application_name = 'ingestlayer'"
)


class Account:
    """Seconds of CPU, and how often clients were seen inside a statement or a transaction, by what they waited for."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.seen = Counter[str]()

    def share(self, *waits: str) -> float:
        """Return the share of the time inside transactions that clients waited for something of the server's."""
        return sum(self.seen[wait] for wait in waits) / max(self.seen.total(), 1)


@contextmanager
def account(server: Server) -> Iterator[Account]:
    """Take account of a server for the time of a `with`; what looking costs does not count."""
    import psycopg

    found, is_over = Account(), threading.Event()
    head = int((server.folder / "data" / "postmaster.pid").read_text().split()[0])
    with psycopg.connect(server.url, autocommit=True) as connection:

        def look() -> None:
            while not is_over.wait(EVERY):
                rows = connection.execute(_LOOK).fetchall()
                found.seen.update(wait or "nothing" for state, wait in rows if state != "idle")

        looking, own = threading.Thread(target=look), connection.info.backend_pid
        before = _used(head) - _of(own)[1]
        looking.start()
        try:
            yield found
        finally:
            is_over.set()
            looking.join()
            found.cpu = _used(head) - _of(own)[1] - before


def _used(head: int) -> float:
    """Return the seconds of CPU of a server's first process and of all that it started, ended or not."""
    children = (_of(int(it.name)) for it in Path("/proc").iterdir() if it.name.isdigit())
    return _of(head, ended=True)[1] + sum(used for parent, used in children if parent == head)


def _of(process: int, ended: bool = False) -> tuple[int, float]:
    """Return the parent of a process and the seconds that it used, with its children's that have ended."""
    try:
        cells = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0.0
    return int(cells[1]), sum(map(int, cells[11 : 15 if ended else 13])) / _TICKS
