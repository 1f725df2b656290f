"""The built-in recipes: a folder each, with its files for a project and `recipe.toml`, which tells what it is for.

What several of them need stands once, in `common/`: the project file, the tables and files of entities, and the
declarations that more than one listens to. So any two of them fit into one project.
"""

import os
import tomllib
from typing import TYPE_CHECKING, NamedTuple

from ..system.errors import UsageError, near_miss

if TYPE_CHECKING:
    from ..model.documents.projects import RecipeDocument

_FOLDER = os.path.dirname(__file__)
_COMMON = "common"
_ABOUT = "recipe.toml"  # of the recipe itself, no file of a project
_SOURCES = "sources"  # of the webhooks that it may be fed by: what is chosen of them
PROJECT = "ingestlayer.toml"
STARTER = "starter"  # what `init` makes when no recipe is named: every part of a project once


class Recipe(NamedTuple):
    """What a recipe is for: a title, one line and one paragraph, and the event type to try it with.

    `entities` are the kinds that it looks up, `checks` the names of its checks, `shared` the files in `common/` that it
    needs beside its own. `sources` are the services whose webhooks it has a table for, and an example of a request.
    """

    name: str
    title: str
    summary: str
    description: str
    event: str
    entities: list[str]
    checks: list[str]
    shared: list[str]
    sources: list[str]

    @property
    def sample(self) -> str:
        """The batch to try it with, as a file of the project."""
        return f"samples/{self.name}.ndjson"

    def document(self) -> "RecipeDocument":
        """Return it as `--json` shows it: {name, title, summary, description, event, sample, files}."""
        return {
            "name": self.name,
            "title": self.title,
            "summary": self.summary,
            "description": self.description,
            "event": self.event,
            "sample": self.sample,
            "files": sorted(files(self.name)),
        }


def names() -> list[str]:
    """Return the names of all recipes, sorted; the starter is none."""
    found = (name for name in os.listdir(_FOLDER) if os.path.isfile(os.path.join(_FOLDER, name, _ABOUT)))
    return sorted(name for name in found if name != STARTER)


def about(name: str) -> Recipe:
    """Return what a recipe is for; UsageError for an unknown one."""
    if name not in (*names(), STARTER):
        raise UsageError(f"there is no recipe {name}{near_miss(name, names())}", "`ingestlayer recipes` lists them")
    data = tomllib.loads(_read(name, _ABOUT).decode())
    head = (data["title"], data["summary"], data["description"].strip(), data["event"])
    more = (data.get("entities", []), data.get("checks", []), data.get("shared", []))
    return Recipe(name, *head, *more, _services(name))


def _services(name: str) -> list[str]:
    folder = os.path.join(_FOLDER, name, _SOURCES)
    found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(file.removesuffix(".toml") for file in found if file.endswith(".toml"))


def files(name: str, source: str | None = None) -> dict[str, bytes]:
    """Return the files that a project gets, by their names in it; UsageError for an unknown recipe, or source of it."""
    recipe = about(name)
    found = {".gitignore": ignored()}
    checks = (_text("checks", check) for check in recipe.checks)
    tables = [*(_text("entities", kind) for kind in recipe.entities), *checks]
    if source is not None:
        tables.append(_source(recipe, source))
        found[f"samples/{source}.json"] = _read(name, _SOURCES, f"{source}.json")
    found[PROJECT] = "\n".join([head(), *tables]).encode()
    for file in map(_file, recipe.entities):
        found[file] = _read(_COMMON, "entities", file)
    for file in recipe.shared:
        found[file] = _read(_COMMON, *file.split("/"))
    for folder, below, inside in os.walk(os.path.join(_FOLDER, name)):
        below[:] = [it for it in below if it != _SOURCES]
        for path in (os.path.join(folder, file) for file in inside):
            target = os.path.relpath(path, os.path.join(_FOLDER, name)).replace(os.sep, "/")
            if target != _ABOUT:
                found[target] = _read(path)
    return found


def _source(recipe: Recipe, source: str) -> str:
    """Return the table of a service's webhooks; UsageError when the recipe has none."""
    if source not in recipe.sources:
        others = f": it has {', '.join(recipe.sources)}" if recipe.sources else ""
        hint = "what else sends is a table of [sources.NAME] in ingestlayer.toml"
        near = near_miss(source, recipe.sources) or others
        raise UsageError(f"the recipe {recipe.name} has no source {source}{near}", hint)
    return _read(recipe.name, _SOURCES, f"{source}.toml").decode()


def ignored() -> bytes:
    """Return the .gitignore of a project."""
    # A file of that name here would hide files of this repository from its own git.
    return _read(_COMMON, "gitignore")


def head() -> str:
    """Return how a project file begins: the settings that every project has."""
    return _read(_COMMON, PROJECT).decode()


def _text(family: str, name: str) -> str:
    """Return a table of a project file, of `entities` or of `checks`, with its comment."""
    return _read(_COMMON, family, f"{name}.toml").decode()


def _file(kind: str) -> str:
    """Return the name of the file that the table of a kind of entities names."""
    return str(tomllib.loads(_text("entities", kind))["entities"][kind]["file"])


def _read(*parts: str) -> bytes:
    with open(os.path.join(_FOLDER, *parts), "rb") as file:
        return file.read()


class Written(NamedTuple):
    """What became of a recipe's files: made, left as they were, and changed."""

    created: list[str]
    kept: list[str]
    changed: list[str]


def write(name: str, directory: str, source: str | None = None, add: bool = True) -> Written:
    """Write a recipe's files below a directory. What is there stays as it is.

    With `add` a project file that is there gets the tables of the entities and checks that it lacks; of the entities
    that it has, it names the files. UsageError when a file cannot be written; ProjectError, before anything is, when it
    is no TOML.
    """
    wanted, written = files(name, source), Written([], [], [])
    project = os.path.join(directory, PROJECT)
    if add and os.path.lexists(project):
        added, own = _add_tables(project, about(name), source)
        (written.changed if added else written.kept).append(PROJECT)
        wanted = {file: wanted[file] for file in wanted if file != PROJECT and file not in own}
    return put(wanted, directory, written)


def put(wanted: dict[str, bytes], directory: str, written: Written) -> Written:
    """Write files below a directory, less those that are there; UsageError when one cannot be written."""
    for file, content in sorted(wanted.items()):
        path = os.path.join(directory, file)
        try:
            if os.path.lexists(path):
                written.kept.append(file)
                continue
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "xb") as made:
                made.write(content)
            written.created.append(file)
        except OSError as error:
            hint = "name a folder that you may write"
            raise UsageError(f"{path} cannot be written: {error.strerror}", hint) from None
    return written


def _add_tables(path: str, recipe: Recipe, source: str | None) -> tuple[bool, list[str]]:
    """Append the tables of entities, checks and a source that a project file lacks.

    Return whether there was one, and our files for the entities that it has with a file of its own.
    """
    from ..project import edit

    text, data = edit.read(path, PROJECT)
    known = data.get("entities", {})
    own = [_file(kind) for kind in recipe.entities if kind in known and known[kind].get("file") != _file(kind)]
    lacking = [_text("entities", kind) for kind in recipe.entities if kind not in known]
    lacking += [_text("checks", check) for check in recipe.checks if check not in data.get("checks", {})]
    if source is not None:
        table = _source(recipe, source)
        lacking += [] if tomllib.loads(table)["sources"].keys() <= data.get("sources", {}).keys() else [table]
    if lacking:
        newline = "\r\n" if "\r\n" in text else "\n"
        start = text if not text or text.endswith("\n") else text + newline
        edit.replace(path, PROJECT, start + "".join(newline + table.replace("\n", newline) for table in lacking))
    return bool(lacking), own
