"""Projects to run the program in, and the stand-in for Slack that they post to; one name means one thing everywhere."""

import gc
import os
import secrets
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest

from ingestlayer_cli import commands
from tests.support.bench import Bench
from tests.support.checks import Checked
from tests.support.clock import FakeClock
from tests.support.customers import Customers
from tests.support.folder import Folder, copied
from tests.support.leftovers import pytest_runtest_protocol  # noqa: F401
from tests.support.order import pytest_collection_modifyitems, pytest_terminal_summary  # noqa: F401
from tests.support.person import Person
from tests.support.pipe import Pipe
from tests.support.postgres import shared as shared_server
from tests.support.posting import TOKEN, Posting
from tests.support.program import ingestlayer
from tests.support.receiver import Receiver
from tests.support.situations import Morning
from tests.support.standin import SlackStandin
from tests.support.sweep import leaks
from tests.support.tested import make

TESTS = Path(__file__).parent


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: a shell's background job, and so its children, would ignore it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect without looking for garbage among what stays to the end: neither now nor in each test."""
    gc.disable()
    _make_own_share(session.config)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _make_own_share(config: pytest.Config) -> None:
    """Let each worker begin with the files of its own share: what it makes of them is kept, and not made by the others.

    In a fresh copy of the tree, to make it takes three times as long as to load it.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None or config.args != config.getini("testpaths"):
        return
    files = sorted(TESTS.rglob("test_*.py"))
    for file in files[int(worker.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]:
        with suppress(Exception):  # what is wrong with a file is told as it is collected
            import_module(".".join(file.relative_to(TESTS.parent).with_suffix("").parts))


def pytest_xdist_auto_num_workers() -> int:
    """Two a core: most tests wait for a process, a disk or an answer for half of their time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def _no_secret_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test, look for secrets in everything that the tests wrote."""
    yield
    assert list(leaks(tmp_path_factory.getbasetemp())) == []


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's, and nothing of an earlier test, changes what the program does in this process."""
    monkeypatch.setattr(commands.settings, "project", None)
    monkeypatch.setattr(commands.settings, "debug", False)
    for name in os.environ:
        if name.startswith(("INGESTLAYER_", "SLACK_", "FORCE_COLOR", "NO_COLOR", "HTTP_PROXY", "HTTPS_PROXY")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with SlackStandin() as standin:
        yield standin


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """What is told of runs; its address is the secret env:PING_URL."""
    found = Receiver(of_deliveries=False)
    monkeypatch.setenv("PING_URL", f"{found.url}/ping/hunter2")
    yield found
    found.close()
    assert found.problems == []


# Every engine of a store ---------------------------------------------------------------------------------------------

ENGINES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server that all tests of this run share."""
    own = tmp_path_factory.getbasetemp()
    with shared_server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as url:
        yield url


@pytest.fixture
def postgres(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The place of a store in PostgreSQL of this test's own; its address is the secret env:DATABASE_URL."""
    import psycopg

    schema = f"test_{secrets.token_hex(6)}"
    monkeypatch.setenv("DATABASE_URL", postgres_server)
    yield f"env:DATABASE_URL#{schema}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of a store, of each engine."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    return str(request.getfixturevalue("postgres"))


# The project that `init` makes --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that `init` makes, checked once: its copies start from the cache."""
    root = tmp_path_factory.mktemp("template") / "project"
    assert ingestlayer("init", root, cwd=root.parent).code == 0
    time.sleep(0.06)  # younger files are not cached: they could change unseen
    assert ingestlayer("validate", cwd=root).code == 0
    assert (root / ".ingestlayer" / "project.json").exists()
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path) -> Folder:
    """The project that `init` makes, with an empty store."""
    return copied(template, tmp_path / "project")


@pytest.fixture(scope="module")
def shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """One project for the tests of a module that leave nothing behind that another would see."""
    return copied(template, tmp_path_factory.mktemp("shared") / "project")


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Folder]:
    """Make a project for several tests of a module."""
    return lambda name: copied(template, tmp_path_factory.mktemp(name) / "project")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks, which notes what it is sent."""
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still unless it is moved."""
    return FakeClock()


# Smaller ones, each for what is tested with it ----------------------------------------------------------------------


@pytest.fixture
def posting(tmp_path: Path, slack: SlackStandin) -> Posting:
    """A project that posts each event's message to the stand-in: processes, and the flow in this one."""
    return Posting(tmp_path / "project", slack)


@pytest.fixture
def shared_posting(posting: Posting, postgres: str) -> Posting:
    """The same, with its store in PostgreSQL."""
    posting.share(os.environ["DATABASE_URL"], postgres.partition("#")[2])
    return posting


@pytest.fixture(params=ENGINES)
def posting_on(request: pytest.FixtureRequest) -> Posting:
    """The same, with its store in each engine."""
    found: Posting = request.getfixturevalue("posting" if request.param == "sqlite" else "shared_posting")
    return found


@pytest.fixture
def bench(tmp_path: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str]) -> Bench:
    """A project that posts to the stand-in, and the program run on it in this process."""
    return Bench(tmp_path / "project", slack, capsys)


@pytest.fixture
def person(tmp_path: Path, slack: SlackStandin) -> Person:
    """A person with a home and a project that is connected to nothing yet."""
    return Person(tmp_path, slack)


@pytest.fixture
def morning(
    tmp_path: Path, slack: SlackStandin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Morning:
    """A project that is well, on a clock that stands still; the program is run on it in this process."""
    found = Morning(tmp_path / "home" / "quota", slack, capsys, monkeypatch)
    found.run("check")
    found.run("deliver")
    return found


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    """Pipelines of the steps of a test, on a clock of their own."""
    return Pipe(tmp_path)


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """A project with one check, `api`, of usage.csv."""
    return Checked(tmp_path / "project")


@pytest.fixture
def customers(tmp_path: Path) -> Customers:
    """A project with a customer file and a pipeline that writes traits from events."""
    return Customers(tmp_path / "project")


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """A project whose pipeline carries tests, on a terminal of 80 columns that is a pipe."""
    monkeypatch.setenv("COLUMNS", "80")
    return make(tmp_path / "project")
