"""The `connection` of `[slack]`, or of one of its workspaces, edited where it stands in ingestlayer.toml."""

import os
import re
from collections.abc import Iterator

from ...project.edit import BOM, parsed, read, replace, replaced, told
from ...project.find import FILE
from ...project.positions import Path, Positions
from ...system.errors import ProjectError
from ...system.typed import TomlTable


def switch(root: str, connection: str, workspace: str = "") -> bool:
    """Set the connection, nothing else of the file; say whether it had another one.

    A workspace that the file does not have is added.
    """
    path = os.path.join(root, FILE)
    text, data = read(path, FILE)
    table: Path = ("slack", "workspaces", workspace) if workspace else ("slack",)
    now = _at(data, table).get("connection")
    if now == connection:
        return False
    wanted = told(_with(data, table, connection))
    bom = BOM if text.startswith(BOM) else ""
    for edited in _edits(text.removeprefix(BOM), table, connection, now is not None):
        if told(parsed([edited])) == wanted:
            replace(path, FILE, bom + edited)
            return True
    words = f'write connection = "{connection}" below [{".".join(map(str, table))}]'
    raise ProjectError(f"{FILE}: its connection cannot be edited", words)


def _at(data: TomlTable, table: Path) -> TomlTable:
    for name in table:
        data = data.get(str(name)) or {}
    return data


def _with(data: TomlTable, table: Path, connection: str) -> TomlTable:
    if not table:
        return {**data, "connection": connection}
    name = str(table[0])
    return {**data, name: _with(data.get(name) or {}, table[1:], connection)}


def _edits(text: str, table: Path, connection: str, is_there: bool) -> Iterator[str]:
    """Yield candidates, the best one first; which of them is right TOML, and says what is wanted, the caller sees."""
    positions = Positions(text)
    if is_there:
        yield replaced(text, positions.place((*table, "connection"), 0), connection)
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    pair = f'connection = "{connection}"'
    line = positions.place(table)[0]
    lines = re.findall(r"[^\n]*\n|[^\n]+", text) or [""]
    before, here, after = "".join(lines[: line - 1]), lines[line - 1], "".join(lines[line:])
    # Below the table's header.
    gap = "" if here.endswith("\n") else newline
    yield f"{before}{here}{gap}{pair}{newline}{after}"
    # Inside `slack = { … }`.
    row, column = positions.place(table, 0)
    at = sum(map(len, lines[: row - 1])) + column
    yield f"{text[:at]} {pair},{text[at:]}"
    yield f"{text[:at]} {pair} {text[at:].lstrip(' ')}"
    # A table of its own, at the end.
    gap = "" if not text or text.endswith("\n") else newline
    yield f"{text}{gap}{newline if text else ''}[{'.'.join(map(str, table))}]{newline}{pair}{newline}"
    # Above `slack.api_url = …`, which may stand below a table of its own.
    for start in range(len(table)):
        dotted = ".".join(map(str, table[start:]))
        yield f"{before}{dotted}.{pair}{newline}{here}{after}"
