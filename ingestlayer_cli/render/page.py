"""A page of Markdown on a terminal: of what our own pages have, and no more. Examples stay whole, to be copied."""

import re
import textwrap
from collections.abc import Iterator
from itertools import groupby

from .wrapping import Line


def drawn(text: str, width: int) -> Iterator[Line]:
    """Yield the lines of a page."""
    for number, part in enumerate(re.split(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)):
        if number % 2:
            yield from ((f"    {line}".rstrip(), "dim") for line in part.rstrip().split("\n"))
            yield "", ""
        else:
            for paragraph in filter(None, part.strip().split("\n\n")):
                yield from _paragraph(paragraph.strip(), width)
                yield "", ""


def _paragraph(text: str, width: int) -> Iterator[Line]:
    if text.startswith("#"):
        yield f"  {text.lstrip('# ')}", "bold"
    elif text.startswith("|"):
        yield from _table([_cells(row) for row in text.split("\n")], width)
    else:
        for item in re.split(r"^(?=- )", text, flags=re.MULTILINE):
            yield from _wrapped(item, width, "    " if item.startswith("- ") else "  ")


def _table(rows: list[list[str]], width: int) -> Iterator[Line]:
    """Yield a table's rows: what each is about, and below it what is said of that, by the heads of the columns."""
    heads, _, *rows = rows
    for about, group in groupby(rows, key=lambda row: row[0]):
        yield from ((line, "bold") for line, _ in _wrapped(about, width, "  "))
        for row in group:
            cells = zip(heads[1:], row[1:], strict=True)
            told = [f"{head}: {cell}" if len(heads) > 2 and cell else cell for head, cell in cells]
            yield from _wrapped("; ".join(filter(None, told)), width, "      ")


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))]


def _wrapped(text: str, width: int, indent: str) -> Iterator[Line]:
    words = re.sub(r"\[([^\]]+)\]\((?!https:)[^)]*\)", r"\1", " ".join(text.split()))
    first = indent[:-2] if words.startswith("- ") else indent
    for line in textwrap.wrap(
        words, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False
    ):
        yield line, ""
