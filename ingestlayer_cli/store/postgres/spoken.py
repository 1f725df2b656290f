"""SQL as SQLite understands it, said to PostgreSQL.

The parts of a store that engines share are written for SQLite. What differs is little: the marks of values, lists of
them, which index is meant, a word that is reserved here, and that a query in FROM has a name. `max`, `min` and `instr`
of values are functions that the schema brings. Texts are ordered as SQLite does it by the collation of their columns.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache

from ...system.typed import Any
from .arrays import array

_LIST = "IN (SELECT value FROM json_each(?))"
_INDEX = re.compile(r" (?:INDEXED BY \w+|NOT INDEXED)")
_NO_INDEX = re.compile(r"(?:(?<=\()|(?<=WHERE )|(?<=AND )|(?<=OR ))\+(?=\w+\.)")  # `+e.type`: not by an index
_INNER = re.compile(r"\b(?:FROM|JOIN|LATERAL) (?=\((?:SELECT|VALUES)\b)")
_NAMED = re.compile(r" (?!WHERE\b|GROUP\b|ORDER\b|LIMIT\b|UNION\b|JOIN\b|LEFT\b|ON\b)\w")
_USER = re.compile(r"(?<![\w.'])user(?![\w'])")


@lru_cache(maxsize=1_000)
def spoken(sql: str) -> tuple[str, tuple[int, ...]]:
    """Return a statement, and which of its values are lists, given as JSON."""
    parts = sql.split(_LIST)
    marks = [part.count("?") for part in parts]
    lists = tuple(sum(marks[: at + 1]) + at for at in range(len(parts) - 1))
    said = "= ANY(?)".join(parts).replace("json_each(?)", "json_array_elements(?::json)")
    said = _USER.sub('"user"', _NO_INDEX.sub("", _INDEX.sub("", said)))
    said = _with_names(said).replace(" LIKE ", " ILIKE ")  # whatever the case of the letters
    # Nothing in SQLite's words for "no limit" but a number below 0.
    said = said.replace("LIMIT ?", "LIMIT nullif(?::bigint, -1)")
    return said.replace("%", "%%").replace("?", "%s"), lists


def bound(values: Sequence[Any], lists: tuple[int, ...]) -> Sequence[Any]:
    """Return the values of a statement, with its lists as lists."""
    if not lists:
        return values
    given = list(values)
    for at in lists:
        given[at] = array(json.loads(given[at]))
    return given


def _with_names(sql: str) -> str:
    """Give a name to each query in FROM that has none: before PostgreSQL 16 it must have one."""
    at = 0
    while found := _INNER.search(sql, at):
        at, depth = found.end(), 0
        for end in range(at, len(sql)):
            depth += (sql[end] == "(") - (sql[end] == ")")
            if not depth:
                if not _NAMED.match(sql, end + 1):
                    sql = f"{sql[: end + 1]} q{end}{sql[end + 1 :]}"
                break
    return sql
