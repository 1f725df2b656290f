"""What a check needs of its file and what its levels are over, and the silence that nobody would hear of."""

import os
from collections.abc import Iterator
from contextlib import suppress

from ...entities.reading.faults import EmptyFileError, WholeFileError
from ...entities.table import form_of, reader_of
from ...language.expressions import Node, refs
from ...system.errors import near_miss
from ..check_table import CROSSED, STALE, source_kind
from ..facts import Facts
from ..find import FILE
from ..findings import Finding, finding
from ..match import matches
from ..positions import Path
from ..usage_table import CheckTable
from .levels import meant


def inspect(facts: Facts) -> Iterator[Finding]:
    """Yield the columns that the files of checks lack, and the silence that nobody would hear of."""
    for name, table in (facts.settings.checks if facts.settings else {}).items():
        yield from _of_file(facts, name, table)
        yield from _of_levels(facts, name, table)
        yield from _heartbeat(facts, ("checks", name), table.heartbeat)
        if table.stale_after is not None and not any(matches(row["match"], STALE) for row in facts.pipelines):
            words = f'no pipeline matches "{STALE}": nobody would hear of it'
            place = facts.sources[FILE].place(("checks", name, "stale_after"), 0)
            yield finding(place, words, "warning")
    if facts.settings:
        yield from _heartbeat(facts, ("deliver",), facts.settings.deliver.heartbeat)


def _heartbeat(facts: Facts, at: Path, secret: str | None) -> Iterator[Finding]:
    """Yield that the address of a monitor is not known here: no run fails by that, and nobody would be told."""
    place, _, name = (secret or "").partition(":")
    if place == "env" and not os.environ.get(name, "").strip():
        words = f"{name} is not set here: a run that does not see it tells its monitor nothing"
        found = finding(facts.sources[FILE].place((*at, "heartbeat"), 0), words, "warning")
        yield found._replace(is_expected=True)


def _of_file(facts: Facts, name: str, table: CheckTable) -> Iterator[Finding]:
    """Yield what is wrong with the header of a check's CSV, and what it lacks."""
    if table.source is None or source_kind(table.source) != "file" or form_of(table.source) != "csv":
        return
    reader = reader_of("csv", table.format.model_dump())
    try:
        with open(os.path.join(facts.root, table.source), "rb") as file:
            reader.prepare(file)
    except (OSError, EmptyFileError):
        return
    except WholeFileError as error:
        fault = error.fault
        words = f"{fault.words}: {fault.hint}" if fault.hint else fault.words
        yield finding(f"{table.source}:{fault.line}:{fault.column}", words)
        return
    for note in reader.notes:
        place = facts.sources[FILE].place(("checks", name, "source"), 0)
        yield finding(place, f"{table.source} {note}", "warning")
    columns = [column for column in reader.columns or () if column]
    yield from _Columns(facts, name, table, columns).findings()


def _of_levels(facts: Facts, name: str, table: CheckTable) -> Iterator[Finding]:
    """Yield what was probably meant by levels that do not fit the rows of the file."""
    form = form_of(table.source) if table.source and source_kind(table.source) == "file" else None
    if form is None or table.source is None:
        return
    words = None
    with suppress(OSError), open(os.path.join(facts.root, table.source), "rb") as file:
        words = meant(table, reader_of(form, table.format.model_dump()), file)
    if words is not None:
        yield finding(facts.sources[FILE].place(("checks", name, "levels"), 0), words, "warning")


class _Columns:
    """The columns that one check needs, and those that its CSV has."""

    def __init__(self, facts: Facts, name: str, table: CheckTable, columns: list[str]) -> None:
        self.facts = facts
        self.source = facts.sources[FILE]
        self.at: tuple[str, str] = ("checks", name)
        self.table = table
        self.columns = columns

    def findings(self) -> Iterator[Finding]:
        table = self.table
        for name, column in table.columns.items():
            if column not in self.columns:
                yield self._lacks(("columns", name), column, 0)
        for index, name in enumerate(table.key):
            if not self._has(name):
                yield self._lacks(("key", index), name, 0)
        for key in ("value", "where"):
            node: Node | None = getattr(table, key)
            for name in dict.fromkeys(".".join(path[1:]) for path in refs(node)) if node else ():
                if not self._has(name):
                    yield self._lacks((key,), name, self.source.offset_of((*self.at, key), name))
        declaration = self.facts.declarations.get(table.emit)
        for field, _, optional, *_ in declaration["fields"] if declaration else ():
            if not optional and field not in CROSSED and not self._has(field):
                near = near_miss(field, self.columns)
                words = f"{table.emit} requires {field}, and {table.source} has no such column{near}"
                remedy = f': map it, columns = {{ {field} = "…" }}'
                yield finding(self.source.place((*self.at, "emit"), 0), words + remedy)

    def _has(self, name: str) -> bool:
        return name in self.table.columns or name in self.columns

    def _lacks(self, at: tuple[str | int, ...], column: str, offset: int) -> Finding:
        near = near_miss(column, [*self.columns, *self.table.columns]) or f": there are {', '.join(self.columns[:20])}"
        return finding(self.source.place((*self.at, *at), offset), f"{self.table.source} has no column {column}{near}")
