"""What there is of a project whose settings or declarations are broken: enough for what needs its store alone."""

from ..system.errors import ProjectError
from ..system.typed import TomlTable
from .compile import Compiler
from .facts import Facts, settings_of
from .find import FILE
from .settings import project_file


def what_there_is(root: str, last: TomlTable, trouble: ProjectError) -> TomlTable:
    """Return a project's data as far as its files tell, the rest as it was kept `last`, else the defaults."""
    try:
        facts = Compiler(root, last).read()
        declarations = {**last.get("declarations", {}), **facts.declarations}
        found = {**_settings(facts, last), "declarations": declarations, **facts.line_up()}
    except ProjectError:  # a folder cannot be read
        found = {**_kept(last), "declarations": {}, "pipelines": [], "broken": []}
    return {**found, "trouble": trouble}


def _settings(facts: Facts, last: TomlTable) -> TomlTable:
    source = facts.sources[FILE]
    if facts.settings is not None:
        return settings_of(facts.settings)
    data = source.data if source.data is not None else source.above()
    part = None if source.data is None else source.sound_part(project_file(), data)
    kept = _kept(last)
    if part is None:
        return {**kept, "store": {**kept["store"], **_path(data)}}
    found = settings_of(part)
    # A table that is not there may be one whose name is misspelt: its defaults are not what was meant.
    if all(kind in data and kind not in source.wrong for kind in found["connections"]):
        return {**found, "connections_of": "file"}
    return {**found, **{name: kept[name] for name in ("connections", "connections_of")}}


def _kept(last: TomlTable) -> TomlTable:
    known = last or settings_of(project_file()())
    names = [name for name in known if name not in ("declarations", "pipelines", "broken")]
    return {**{name: known[name] for name in names}, "connections_of": "before" if last else ""}


def _path(data: TomlTable) -> dict[str, str]:
    """Return where the store is, as far as an unchecked file says it."""
    table = data.get("store")
    names = {"path": "path", "url": "url", "schema": "schema_"} if isinstance(table, dict) else {}
    found = {ours: table.get(name) for name, ours in names.items()} if isinstance(table, dict) else {}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}
