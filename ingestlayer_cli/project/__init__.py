"""The project as the program runs it: what was compiled, from the cache when no file has changed."""

import json
import os
import time
from binascii import crc32
from functools import cache

from .. import destinations, steps
from ..model.declarations import Declaration
from ..model.events import OURS
from ..system.errors import Problem, ProjectError
from ..system.stamps import stamp_in
from ..system.typed import TYPE_CHECKING, Any, TomlTable, Values
from .find import FILE, HOME, files_in, find, store_place

if TYPE_CHECKING:
    from .facts import Facts

FOLDERS = ("events", "pipelines")
# The rooms whose code makes compiled data of files, beside the families of members.
_COMPILING = ("system", "language", "model", "project")

# A file changed this short ago could change again without its times moving: its cache is not kept.
_GRAIN = 50_000_000  # nanoseconds


__all__ = ["Project", "find", "load", "read"]


class Project:
    """A checked project, which does not change. Paths are absolute; times in milliseconds."""

    def __init__(self, root: str, data: TomlTable, files: list[list[Any]] | None = None) -> None:
        self.root = root
        self.files = files  # the stamps of all files that it was made of; None where they may change unseen
        # What ingestlayer.toml says of connections, by kind of destination.
        self.connections: dict[str, TomlTable] = data["connections"]
        self.entities: dict[str, TomlTable] = data["entities"]
        self.pipelines: list[TomlTable] = data["pipelines"]
        self.broken: list[TomlTable] = data["broken"]  # pipelines whose files are wrong: their runs fail
        self.trouble: ProjectError | None = data.get("trouble")  # why it is but what can still be told of a project
        # Whether its connections are those of its file, else of what was kept before it broke; or of nothing.
        self.connections_of: str = data.get("connections_of", "file")
        self.pauses: Values = {}  # what the store notes of pipelines that it says are paused: see `pauses`
        self.lost_pauses: list[str] = []  # the names in its notes that no pipeline has, or had
        self.line_up = line_up(self.pipelines + self.broken)
        self.accepts_undeclared: bool = data["events"]["undeclared"] == "accept"
        self.timezone: str = data["timezone"]
        self.retention: int = data["store"]["retention"]
        self.store_path = store_place(root, data["store"]["path"], data["store"]["url"], data["store"]["schema_"])
        self.has_spool: bool = data["store"]["spool"]
        self.home = os.path.join(root, HOME)
        self.serve: TomlTable = data["serve"]
        self.sources: dict[str, TomlTable] = data["sources"]
        self._declarations: dict[str, TomlTable] = data["declarations"]
        self.checks: dict[str, TomlTable] = {name: {"name": name, **table} for name, table in data["checks"].items()}
        self.heartbeat: str | None = data["deliver"]["heartbeat"]  # of `deliver`: the name of an address
        self._compiled: dict[str, Declaration] = {}

    @property
    def problems(self) -> list[Problem]:
        """What is wrong with the files."""
        if self.trouble is not None:
            return self.trouble.details
        return [Problem(*problem) for row in self.broken for problem in row["problems"]]

    def sound(self) -> "Project":
        """Return the project itself; ProjectError where anything is wrong with its files."""
        if self.trouble is not None:
            raise self.trouble
        if self.problems:
            from .facts import project_error

            raise project_error(self.problems)
        return self

    @property
    def names(self) -> list[str]:
        """The names of all pipelines, broken ones too."""
        return sorted(row["name"] for row in self.pipelines + self.broken)

    @property
    def types(self) -> list[str]:
        """The declared event types."""
        return list(self._declarations)

    @property
    def written(self) -> tuple[int, int]:
        """How many events and pipelines have files: `check.stale` may have none, and [alerts] has not."""
        from .own import ALERTS

        events = sum(bool(data["file"]) for data in self._declarations.values())
        return events, sum(name != ALERTS for name in self.names)

    def _own(self, type_: str) -> TomlTable | None:
        from .own import OWN

        return OWN.get(type_)

    @property
    def hears_of_itself(self) -> bool:
        """Whether an active pipeline takes our own events, by name."""
        active = (row for row in self.pipelines if row["status"] == "active")
        return any(pattern.startswith(OURS) for row in active for pattern in row["match"])

    @property
    def longest_window(self) -> int:
        """The longest declared idempotency window."""
        return max((data["window"] for data in self._declarations.values()), default=0)

    def declaration(self, type_: str) -> Declaration | None:
        """Return the compiled declaration of an event type, if it has one."""
        # A batch may hold anything where a type belongs.
        if not isinstance(type_, str):
            return None
        if type_ not in self._compiled:
            data = self._own(type_) if type_.startswith(OURS) else self._declarations.get(type_)
            if data is None:
                return None
            self._compiled[type_] = Declaration(data)
        return self._compiled[type_]


def line_up(rows: list[TomlTable]) -> str:
    """Return what is kept with each event: which pipelines there were."""
    names = ("name", "version", "status", "match", "paused")
    return json.dumps([{name: row[name] for name in names if name in row} for row in rows])


def load(path: str | None = None, *, keep: bool = True) -> Project:
    """Find and load a project; ProjectError lists every problem where more than single pipelines is broken.

    `keep=False` leaves the cache as it is: a preview writes nothing.
    """
    root = find(path)
    files = _stamps(root, _names(root))
    if (kept := _cached(root, files)) is not None:
        return kept
    facts, stamps = _read(root, keep)
    return Project(root, facts.usable(), stamps)


def load_beside(path: str | None = None, *, keep: bool = True) -> Project:
    """Return what there is of a project whatever its files are like, for what needs its store alone.

    Its `trouble` says what is wrong, unless it is but single pipelines.
    """
    root = find(path, even_gone=True)
    try:
        return load(root, keep=keep)
    except ProjectError as error:
        from .beside import what_there_is

        return Project(root, what_there_is(root, _last(root), error))


def is_current(project: Project) -> bool:
    """Say whether a project is as its files are."""
    if project.files is None:
        return False
    try:
        files = _stamps(project.root, _names(project.root))
        return _matches(project.root, files, project.files)
    except ProjectError:
        return False


def edition(root: str) -> list[list[Any]]:
    """Return what an edit of a project's own files changes; nothing where they cannot be listed."""
    try:
        return _stamps(root, _names(root))
    except ProjectError:
        return []


def read(root: str, *, keep: bool = True) -> "Facts":
    """Read and check every file of a project; the result holds what is compiled and what is wrong."""
    return _read(root, keep)[0]


def _read(root: str, keep: bool) -> "tuple[Facts, list[list[Any]] | None]":
    """Return also the stamps of the files, unless one is so young that it could change again unseen."""
    from .compile import Compiler

    started = time.time_ns()
    facts = Compiler(root, _last(root)).read()
    if not facts.is_usable:
        return facts, None
    stamps = _stamps(root, facts.files + facts.others)
    if not all(max(stamp[2:4]) < started - _GRAIN for stamp in stamps):
        return facts, None
    if keep:
        _keep(root, stamps, facts.usable())
    return facts, stamps


def _names(root: str) -> list[str]:
    """Return the project's TOML files, relative, in a fixed order."""
    return [FILE, *(name for folder in FOLDERS for name in files_in(root, folder))]


def _stamps(root: str, names: list[str]) -> list[list[Any]]:
    stamps: list[list[Any]] = []
    for name in names:
        try:
            stamps.append([name, *stamp_in(os.stat(os.path.join(root, name)))])
        except OSError:
            stamps.append([name, -1, 0, 0, 0])
    return stamps


@cache
def _code() -> int:
    """Return a number that another state of the code would hardly have; of this process's: it is asked for once."""
    package = os.path.dirname(os.path.dirname(__file__))
    rooms = [os.path.join(package, room) for room in _COMPILING]
    return hash(tuple(map(_modules, (*rooms, *steps.__path__, *destinations.__path__))))


def _modules(folder: str) -> int:
    """Return the same of the modules in a folder and below it; a new name shows in the time of the inode."""
    names = sorted(os.listdir(folder))
    stamps = [stamp_in(os.stat(f"{folder}/{name}")) for name in names if name.endswith(".py")]
    below = [_modules(f"{folder}/{name}") for name in names if "." not in name and name != "__pycache__"]
    return hash((*stamps, *below))


_ODD = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _cached(root: str, files: list[list[Any]]) -> Project | None:
    """Return the kept project when this code made it of these very files; anything odd about it counts as none."""
    try:
        kept, body = _kept(root)
        return Project(root, json.loads(body), kept) if _matches(root, files, kept) else None
    except _ODD:
        return None


def _last(root: str) -> TomlTable:
    """Return the project as this code kept it last, of whatever files; nothing where it did not."""
    try:
        return dict(json.loads(_kept(root)[1]))
    except _ODD:
        return {}


def _kept(root: str) -> tuple[list[list[Any]], bytes]:
    """Return the stamps of the files of the kept project, and its data, as this very code has written them."""
    path = _cache_path(root)
    if not os.path.isfile(path):
        raise ValueError(path)
    with open(path, "rb") as file:
        head, _, body = file.read().partition(b"\n")
    known = json.loads(head)
    if known["code"] != _code() or known["sum"] != crc32(body):
        raise ValueError(path)
    files: list[list[Any]] = known["files"]
    return files, body


def _matches(root: str, files: list[list[Any]], kept: list[list[Any]]) -> bool:
    """Say whether the TOML files that there are, and what they name (blocks files), are those that were kept."""
    others = kept[len(files) :]
    if kept[: len(files)] != files or any(name.endswith(".toml") for name, *_ in others):
        return False
    return _stamps(root, [name for name, *_ in others]) == others


def _keep(root: str, stamps: list[list[Any]], data: TomlTable) -> None:
    """Write the cache in one move. A folder that cannot be written costs time, no more."""
    path = _cache_path(root)
    part = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        body = json.dumps(data, separators=(",", ":")).encode()
        head = json.dumps({"code": _code(), "files": stamps, "sum": crc32(body)}).encode()
        with open(part, "wb") as file:
            file.write(head + b"\n" + body)
        os.replace(part, path)
    except OSError:
        if os.path.exists(part):
            os.unlink(part)


def _cache_path(root: str) -> str:
    return os.path.join(root, HOME, "project.json")
