"""Levels that are not of the kind that the values of a check are: 80 over a ratio, 0.8 over a percentage."""

from collections.abc import Iterator
from itertools import islice
from statistics import median
from typing import BinaryIO

from ...entities.reading.faults import WholeFileError
from ...entities.reading.stream import Reader
from ...entities.reading.written import numbers_of
from ...language.expressions import Node, evaluator, refs, to_number
from ..usage_table import CheckTable

ROWS = 1_000  # of a source that are looked at, from its start
FEW = 3  # values of a column that say less than what kind it is
RATIO = 2.0  # hardly anybody uses more than twice of what there is


def meant(table: CheckTable, reader: Reader, file: BinaryIO) -> str | None:
    """Say what was probably meant by the levels of a check, going by the first rows of its file."""
    values = list(islice(_values(table, reader, file), ROWS))
    if not values:
        return None
    kind = None
    if table.levels[0] >= 5 and max(values) <= RATIO and _are_ratios(table.value, values):
        kind, levels = "a ratio", [level / 100 for level in table.levels]
    elif _is_quotient(table.value):  # of columns: a ratio, however far over the limit
        return None
    elif 0 < table.levels[0] < 1 and table.levels[-1] <= RATIO < median(values) and max(values) <= 100 * RATIO:
        kind, levels = "a percentage", [level * 100 for level in table.levels]
    if kind is None:
        return None
    rows = "the first row" if len(values) == 1 else f"the first {len(values):,} rows"
    span = f"{min(values):.6g} to {max(values):.6g} in {rows} of {table.source}"
    return f"the value is {span}, which is {kind}: levels = [{', '.join(f'{level:.15g}' for level in levels)}]?"


def _are_ratios(node: Node, values: list[float]) -> bool:
    """Say whether small values are those of a ratio: of a quotient they are, of a column where there are some."""
    if _is_quotient(node):
        return True
    return len(values) >= FEW and any(0 < value < 1 for value in values) and max(values) > 0.5


def _is_quotient(node: Node) -> bool:
    return node[0] == "/" and not _has_literal(node)


def _has_literal(node: Node) -> bool:
    return node[0] == "lit" or (node[0] not in ("ref", "list") and any(map(_has_literal, node[1:])))


def _values(table: CheckTable, reader: Reader, file: BinaryIO) -> Iterator[float]:
    """Yield the values of the rows that have one."""
    names = list(dict.fromkeys(path[1] for path in refs(table.value) if len(path) == 2))
    run, plain = evaluator(table.value), numbers_of(table.format.model_dump())

    def read(found: object) -> float | None:
        return to_number(plain(found) if plain is not None and isinstance(found, str) else found)

    try:
        for *_, value, fault in reader.records(file):
            if fault is not None or isinstance(value, tuple):
                continue
            row = reader.values(value)
            numbers = {name: read(row.get(table.columns.get(name, name))) for name in names}
            found = None if None in numbers.values() else to_number(run({"row": numbers}))
            if found is not None and found >= 0:
                yield found
    except WholeFileError:
        return
