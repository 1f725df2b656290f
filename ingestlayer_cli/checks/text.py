"""Rows of CSV, NDJSON and JSON text, from a file, from stdin or from a command."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from .base import SourceError, SourceRow

SAVE_AS_UTF8 = "save it as UTF-8"
_STARTS = {b"{": "ndjson", b"[": "json"}


class Text:
    """A source that is text. `form` is csv, ndjson or json; its reader finds the columns of a CSV."""

    def __init__(self, name: str, form: str) -> None:
        self.name = name
        self.form = form
        self.columns: list[str] | None = None

    @property
    def unit(self) -> str:
        return "row" if self.form == "json" else "line"

    def rows_in(self, file: BinaryIO) -> Iterator[SourceRow]:
        """Yield the rows of an open file, which stays open."""
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        read = {"csv": self._csv, "ndjson": self._ndjson, "json": self._json}[self.form]
        try:
            yield from read(text)
        except UnicodeDecodeError as error:
            words = f"{self.name} is not UTF-8: byte {error.object[error.start]:#04x}"
            raise SourceError(words, SAVE_AS_UTF8) from None
        finally:
            text.detach()

    def _csv(self, text: Iterable[str]) -> Iterator[SourceRow]:
        reader = csv.reader(text, strict=True)
        names: list[str] = []
        before = 0  # a cell may hold line breaks: a row begins where the one before it ended
        try:
            for cells in reader:
                number, before = before + 1, reader.line_num
                if not any(cells):
                    continue
                if not names:
                    names = self.columns = [cell.strip() for cell in cells]
                elif len(cells) == len(names):
                    yield SourceRow(number, dict(zip(names, [cell.strip() or None for cell in cells], strict=True)))
                else:
                    yield SourceRow(number, {}, f"has {len(cells)} cells, the header {len(names)}")
        except csv.Error as error:
            words = f"{self.name} is no CSV: line {before + 1}: {error}"
            raise SourceError(words, "look for a quote that is not closed") from None

    def _ndjson(self, text: Iterable[str]) -> Iterator[SourceRow]:
        for number, line in enumerate(text, start=1):
            if not line.strip():
                continue
            try:
                yield row_of(number, json.loads(line))
            except (ValueError, RecursionError) as error:
                yield SourceRow(number, {}, f"is not JSON: {first_line(error)}")

    def _json(self, text: Any) -> Iterator[SourceRow]:
        try:
            data = json.load(text)
        except UnicodeDecodeError:
            raise
        except (ValueError, RecursionError) as error:
            hint = "it holds a list of objects"
            raise SourceError(f"{self.name} is not JSON: {first_line(error)}", hint) from None
        for number, value in enumerate(objects_in(data, self.name), start=1):
            yield row_of(number, value)


def guess(head: bytes) -> str:
    """Say whether text that begins so is NDJSON, JSON or CSV."""
    return _STARTS.get(head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1], "csv")


def objects_in(data: Any, name: str, hint: str = "it holds a list of objects") -> list[Any]:
    """Return the items of a JSON list; or the objects of an object by key, as an entity file may be."""
    if isinstance(data, dict) and data and all(isinstance(value, dict) for value in data.values()):
        return list(data.values())
    if not isinstance(data, list):
        raise SourceError(f"{name} holds no list of objects", hint)
    return data


def row_of(number: int, value: Any) -> SourceRow:
    """Return the row that a JSON value is."""
    return SourceRow(number, value) if isinstance(value, dict) else SourceRow(number, {}, "is no object")


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
