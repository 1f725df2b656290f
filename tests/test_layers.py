"""Imports inside the package point down only."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "ingestlayer_cli"

# A room (a folder, or the doors beside them) may import the rooms of lower lines, and itself.
LAYERS = [
    ["system"],
    ["secrets", "language"],
    ["entities", "model"],
    ["steps", "destinations"],
    ["store"],
    ["project"],
    ["recipes", "engine", "sdk"],
    ["checks"],
    ["operations"],
    ["server"],
    ["reference"],
    ["render"],
    ["completion"],
    ["commands"],
    ["doors"],
]
DOORS = {"api", "app", "main", "__main__"}  # the modules beside the folders
RANKS = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def parts_of(path: Path) -> tuple[str, ...]:
    """Return the dotted name of a module below the package, in parts."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def room_of(path: Path) -> str:
    """Return the room of a module; the package itself is none."""
    first = (parts_of(path) or ("",))[0]
    return "doors" if first in DOORS else first


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Return what a module is made of."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imported(path: Path) -> set[tuple[int, str]]:
    """Return (line, room) of every import of our own; `from . import __version__` is of no room."""
    found = set()
    inside = parts_of(path) if path.name == "__init__.py" else parts_of(path)[:-1]
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names = [name.name.split(".") for name in node.names if name.name.startswith("ingestlayer_cli.")]
            found |= {(node.lineno, parts[1]) for parts in names}
        elif isinstance(node, ast.ImportFrom):
            base: tuple[str, ...] = tuple((node.module or "").split(".")) if node.module else ()
            if node.level:
                base = inside[: len(inside) - node.level + 1] + base
            elif base[:1] == ("ingestlayer_cli",):
                base = base[1:]
            else:
                continue
            rooms = {base[0]} if base else {name.name for name in node.names} - {"__version__"}
            found |= {(node.lineno, "doors" if room in DOORS else room) for room in rooms}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(parts_of(path)) or "ingestlayer_cli")
def test_a_module_imports_only_what_is_below_it(path: Path) -> None:
    room = room_of(path)
    if not room:  # the package is the door for programs: it imports, lazily, what it likes
        return
    upward = [
        f"{path.name}:{line} imports {other}"
        for line, other in sorted(imported(path))
        if other != room and RANKS[other] >= RANKS[room]
    ]
    assert upward == []


KNOWN = {parts_of(other) for other in MODULES}


@cache
def modules_imported(path: Path) -> set[str]:
    """Return our own modules that a module imports anywhere in it; of `from package import name` the submodule."""
    inside = parts_of(path) if path.name == "__init__.py" else parts_of(path)[:-1]
    known = KNOWN
    found: set[tuple[str, ...]] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            names = [tuple(name.name.split(".")) for name in node.names]
            found |= {name[1:] for name in names if name[0] == "ingestlayer_cli"}
        elif isinstance(node, ast.ImportFrom):
            base: tuple[str, ...] = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = inside[: len(inside) - node.level + 1] + base
            elif base[:1] == ("ingestlayer_cli",):
                base = base[1:]
            else:
                continue
            below_it = [name.name for name in node.names if name.name != "__version__"]  # it is of no module
            found |= {below if (below := (*base, name)) in known else base for name in below_it}
    return {".".join(parts) for parts in found if parts in known}


def circles(graph: dict[str, set[str]]) -> list[tuple[str, ...]]:
    """Return the groups of modules of which each reaches the others and itself."""
    reached = {name: set(below) for name, below in graph.items()}
    for middle in graph:  # Warshall's
        for below in reached.values():
            if middle in below:
                below |= reached[middle]
    return sorted({tuple(sorted(other for other in reached[name] if name in reached[other])) for name in graph} - {()})


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Wherever the import stands: at the top, in a function, or for the types alone."""
    graph = {".".join(parts_of(path)): modules_imported(path) for path in MODULES}
    assert circles(graph) == []


def test_a_circle_is_seen() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [("a", "b", "c")]


def test_what_looks_for_mistakes_is_loaded_by_the_commands_that_show_them_alone() -> None:
    users = {
        ".".join(parts_of(path))
        for path in MODULES
        if any(name.startswith("project.lint") for name in modules_imported(path))
    }
    outside = {user for user in users if not user.startswith("project.lint.")}
    assert outside == {"commands.init", "commands.validate", "operations.doctor"}


def test_every_room_has_one_rank_and_every_rank_a_room() -> None:
    """One that stood twice would have the later rank, and nobody would see it."""
    rooms = [room for layer in LAYERS for room in layer]
    assert sorted(rooms) == sorted({room_of(path) for path in MODULES} - {""})


def test_the_families_do_not_know_each_others_members() -> None:
    for path in [*(PACKAGE / "steps").glob("*.py"), *(PACKAGE / "destinations").glob("*.py")]:
        allowed = {"base", *(other.stem for other in path.parent.glob("_*.py"))}
        for node in nodes(path):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                names = {node.module} if node.module else {name.name for name in node.names}
                assert names <= allowed, f"{path.name}:{node.lineno}"


def test_sqlite_is_spoken_in_the_store_and_in_the_side_index_alone() -> None:
    speakers = {room_of(path) for path in MODULES if "sqlite3" in path.read_text().replace("`sqlite3", "")}
    assert speakers == {"store", "entities", "checks"}  # a check may read somebody's SQLite file


SQL = re.compile(r"\b(SELECT .* FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM|PRAGMA) ", re.DOTALL)


def test_sql_is_written_by_the_store_and_by_the_side_index_alone() -> None:
    speakers = set()
    for path in MODULES:
        texts = [node.value for node in nodes(path) if isinstance(node, ast.Constant)]
        if any(isinstance(text, str) and SQL.search(text) for text in texts):
            speakers.add("/".join(parts_of(path)[:-1]) or path.stem)
    assert speakers == {"store/sql", "store/sqlite", "store/postgres", "entities"}


def test_outside_the_store_its_doors_and_its_contract_alone_are_known() -> None:
    known = {
        name
        for path in MODULES
        if room_of(path) != "store"
        for name in modules_imported(path)
        if name.split(".")[0] == "store"
    }
    assert {".".join(name.split(".")[:2]) for name in known} == {"store.opening", "store.contract"}


TIMES = ("time.time", "datetime.now", "datetime.utcnow")


def test_time_is_told_by_the_clock_alone() -> None:
    callers = set()
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                callers |= {path.name} if f"{node.value.id}.{node.attr}" in TIMES else set()
    assert callers == set()


# The rooms of Slack: where it may be called by its name.
SLACKS = ("destinations.slack", "operations.slack", "commands.slack", "render.slack")


def test_no_destination_is_asked_for_by_its_name() -> None:
    """What differs from one to the other is told by the member: compared, or looked up, no name of one stands."""
    kinds = {path.stem for path in (PACKAGE / "destinations").iterdir()} & {
        "slack",
        "webhook",
    }  # "file" is a source, too
    assert len(kinds) == 2
    found = []
    for path in MODULES:
        room = ".".join(parts_of(path))
        for node in nodes(path) if not room.startswith(SLACKS) else ():
            if isinstance(node, ast.Compare):
                asked = [node.left, *node.comparators]
            else:
                asked = [node.slice] if isinstance(node, ast.Subscript) else []
            found += [f"{room}:{it.lineno}" for it in asked if isinstance(it, ast.Constant) and it.value in kinds]
    assert found == []


def test_a_class_name_stands_once() -> None:
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_what_is_printed_as_json_is_made_as_its_type() -> None:
    """A mapping that is written where it is printed has none, and nobody sees a wrong key of it."""
    found = []
    for path in MODULES:
        for node in [it for it in nodes(path) if isinstance(it, ast.Call)]:
            if getattr(node.func, "attr", getattr(node.func, "id", "")) in ("say_json", "say_json_line", "Document"):
                found += [f"{path.name}:{it.lineno}" for it in node.args if isinstance(it, ast.Dict | ast.BinOp)]
    assert found == []


BARE = re.compile(r"\bDocument\b(?!\[)")


def test_a_result_says_which_document_it_is() -> None:
    bare = []
    for path in MODULES:
        for node in nodes(path) if "Document" in path.read_text() else ():
            types = [node.annotation] if isinstance(node, ast.arg | ast.AnnAssign) else []
            types += [node.returns] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else []
            bare += [f"{path.name}:{it.lineno}" for it in types if it and BARE.search(ast.unparse(it))]
    assert bare == []
