"""The life of `serve`: it opens, takes requests and delivers, and finishes what is in hand when it is told to stop."""

import asyncio
import resource
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import uvicorn

from ..engine.connections import Show
from ..engine.group import Writer
from ..engine.renewing import Renewing
from ..engine.runtime import Runtime
from ..project import load
from ..store.contract.accepting import AwayError
from ..store.opening import is_file
from ..system import ending
from ..system.errors import MachineError, UsageError
from .app import Application
from .crew import Crew
from .door import Door
from .log import Output
from .protocol import HEAD_BYTES, MOST_CONNECTIONS, PatientProtocol
from .sending import Worker

IDLE = 75  # seconds for which a connection may ask nothing: longer than proxies keep theirs
GRACE = 30  # seconds in which what is in hand is finished
LAST = 5  # and for connections to end
BACKLOG = 2048


class Options(NamedTuple):
    """How it is served. `forwarded` names the proxies whose word counts for where a request comes from."""

    host: str
    port: int
    is_open: bool
    deliver: bool
    forwarded: str | None
    certfile: str | None
    keyfile: str | None
    is_quiet: bool
    workers: int


class Life:
    """One run of `serve`, from its start to its end.

    `show` draws what a terminal connection does not send, `output` takes the log, `said` words for people, `troubled`
    what went wrong.
    """

    def __init__(
        self,
        path: str | None,
        options: Options,
        show: Show,
        output: Output,
        said: Callable[[str], None],
        troubled: Callable[[Exception], None],
    ) -> None:
        self._path = path
        self._options = options
        self._show = show
        self._output = output
        self._said = said
        self._troubled = troubled
        self._door = Door(options.is_open)
        self._signals: list[int] = []

    def run(self) -> bool:
        """Serve until a signal ends it; say whether that was Ctrl-C."""
        config = self._config()
        _allow_files(2 * MOST_CONNECTIONS)
        with Runtime(load(self._path)) as runtime:
            self._remark(runtime)
            self._check_workers(runtime)
        listening = self._listening()

        def begun() -> None:  # a signal that comes after these words finds who minds it
            self._said(f"listening on {self._address(listening)}")

        if self._options.workers > 1:
            work = partial(self._alone, config, listening, _nothing)
            return Crew(self._options.workers, work, self._said, begun).run()
        return self._alone(config, listening, begun)

    def _alone(self, config: uvicorn.Config, listening: socket.socket, begun: Callable[[], None]) -> bool:
        """Serve in this process."""
        try:
            runtime = Runtime(load(self._path))
            runtime.clock  # noqa: B018 (a database is asked: the first request may be one whose time is judged)
            renewing = Renewing(runtime, lambda: Runtime(load(self._path).sound()), self._troubled)
            return asyncio.run(self._serve(config, listening, renewing, begun))
        finally:
            ending.forget()
            self._output.close()

    def _check_workers(self, runtime: Runtime) -> None:
        if self._options.workers > 1 and is_file(runtime.project.store_path):
            words = "--workers: a store in a file has one writer at a time, and more would wait for each other"
            raise UsageError(words, "PostgreSQL takes many: [store] url in ingestlayer.toml")

    def _remark(self, runtime: Runtime) -> None:
        try:
            has_keys = any(key.revoked_at is None for key in runtime.store.keys.every())
        except AwayError as error:
            if not runtime.project.has_spool:
                raise
            self._troubled(error)  # what comes is kept
            return
        if not (has_keys or self._options.is_open or runtime.project.sources):
            self._said("there are no keys: `ingestlayer keys create NAME` makes one, --open needs none")

    async def _serve(
        self, config: uvicorn.Config, listening: socket.socket, renewing: Renewing, begun: Callable[[], None]
    ) -> bool:
        self._told = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._signalled, number)
        begun()
        door = self._door
        worker = Worker(self._opened, self._troubled) if self._options.deliver else None
        writer = Writer(renewing, door.answered, worker.wake if worker else _nothing, self._troubled)
        door.start(renewing, writer)
        server = _Server(config)
        writer.start()
        if worker is not None:
            worker.start()
        serving = asyncio.create_task(server.serve([listening]))
        try:
            await asyncio.wait([serving, asyncio.create_task(self._told.wait())], return_when=asyncio.FIRST_COMPLETED)
            await self._finish(door, worker)
        finally:
            server.should_exit = True
            server.force_exit = len(self._signals) > 1
            await serving
            await asyncio.to_thread(writer.close)
            door.close()
        return signal.SIGINT in self._signals

    def _signalled(self, number: int) -> None:
        self._signals.append(number)
        ending.tell()
        self._told.set()

    async def _finish(self, door: Door, worker: Worker | None) -> None:
        """Refuse what is new; wait for what is in hand. A second signal ends the waiting."""
        door.is_stopping = True
        if worker is not None:
            worker.stop()
        ends = asyncio.get_running_loop().time() + GRACE
        while door.in_hand or (worker is not None and not worker.is_done()):
            if len(self._signals) > 1 or asyncio.get_running_loop().time() > ends:
                return
            await asyncio.sleep(0.02)

    def _config(self) -> uvicorn.Config:
        options = self._options
        config = uvicorn.Config(
            Application(self._door, self._log, self._troubled),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=options.forwarded is not None,
            forwarded_allow_ips=options.forwarded,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=LAST,
            h11_max_incomplete_event_size=HEAD_BYTES,
            ssl_certfile=options.certfile,
            ssl_keyfile=options.keyfile,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            words = error.strerror or type(error).__name__
            raise UsageError(f"--ssl-certfile {options.certfile}: {words}", "name files in PEM form") from None
        return config

    def _listening(self) -> socket.socket:
        host, port = self._options.host, self._options.port
        try:
            # Of a socket that is said to be TCP, asyncio lets no answer wait for the one before to be acknowledged.
            (family, kind, protocol, _, address), *_ = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise UsageError(f"--host {host}: {error.strerror or error}") from None
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
        except OSError as error:
            listening.close()
            hint = "another program has it: name another --port" if port else ""
            raise MachineError(f"{host} port {port} cannot be listened on: {error.strerror}", hint) from None
        return listening

    def _address(self, listening: socket.socket) -> str:
        host, port = listening.getsockname()[:2]
        name = f"[{host}]" if ":" in host else host
        return f"{'https' if self._options.certfile else 'http'}://{name}:{port}"

    def _opened(self) -> Runtime:
        return Runtime(load(self._path), show=self._show)

    def _log(self, facts: dict[str, object]) -> None:
        if not self._options.is_quiet:
            self._output.line(facts)


def _allow_files(count: int) -> None:
    """Let this process have so many files open, where it may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        most = count if hard == resource.RLIM_INFINITY else min(count, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Server(uvicorn.Server):
    """Uvicorn's server, but for signals: these are ours."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _nothing() -> None:
    """Wake nobody, or say nothing: another process does."""
