"""Many values as one: what a statement takes as an array, and what it makes rows of."""

import re
from collections.abc import Iterable
from functools import cache

from ...system.typed import Any
from .schema import MIGRATIONS


def array(values: Iterable[Any]) -> str:
    """Return values, each None, a number or a text, as PostgreSQL writes an array."""
    return f"{{{','.join([_cell(value) for value in values])}}}"


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"') if "\\" in value or '"' in value else value
        return f'"{text}"'
    return str(value)


def rows_of(table: str, columns: str) -> str:
    """Return SQL for the rows of which these columns are given, each as an array."""
    numbers = _numbers(table)
    kinds = ("bigint" if column in numbers else "text" for column in columns.split(", "))
    return f"SELECT * FROM unnest({', '.join(f'?::{kind}[]' for kind in kinds)})"


@cache
def _numbers(table: str) -> set[str]:
    """Return the columns of a table that are numbers."""
    script = "".join(MIGRATIONS)
    made = script.partition(f"CREATE TABLE {table} (")[2].partition("\n);")[0]
    found = re.findall(r"^    (\w+) BIGINT", made, re.MULTILINE)
    return {*found, *re.findall(rf"ALTER TABLE {table} ADD COLUMN (\w+) BIGINT", script)}
