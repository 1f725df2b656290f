"""The corpus: small files as they come, and what each of the three readers makes of it: the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ingestlayer_cli.checks.base import SourceError
from ingestlayer_cli.checks.sources import FileSource
from ingestlayer_cli.engine.batch import CsvBatch, JsonBatch, NdjsonBatch
from ingestlayer_cli.entities.file import EntityFile
from ingestlayer_cli.entities.table import form_of
from ingestlayer_cli.system.errors import ProjectError
from tests.support.entities import write

CORPUS = Path(__file__).parents[1] / "corpus"


class Made(NamedTuple):
    """What is made of a file: the rows by their key, the bad ones by their number, or what is wrong with it all."""

    rows: dict[str, dict[str, Any]]
    bad: dict[int, str]
    whole: str = ""


def row(key: str, used: Any, limit: Any = 100, plan: str | None = "pro") -> dict[str, Any]:
    return {"customer_id": key, "used": used, "limit": limit, "plan": plan}


def texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its numbers as texts, as a CSV has them; without nulls."""
    return {name: str(value) for name, value in values.items() if value is not None}


ACME, GLOBEX = row("acme", 99), row("globex", 95)
BOTH = Made({"acme": ACME, "globex": GLOBEX}, {})


def acme(plan: str | None, key: str = "acme") -> Made:
    """Both rows, the first with another plan or key."""
    return Made({key: row(key, 99, plan=plan), "globex": GLOBEX}, {})


def bad(line: int, words: str) -> Made:
    """One row that cannot be read, and the other."""
    return Made({"globex": GLOBEX}, {line: words})


def none(words: str) -> Made:
    return Made({}, {}, words)


OPEN = "the row cannot be read: a quote is opened and never closed"
EXPECTED: dict[str, Made] = {
    "plain.csv": BOTH,
    "no-line-end.csv": BOTH,
    "crlf.csv": BOTH,
    "cr.csv": BOTH,
    "bom.csv": BOTH,
    "utf16-le.csv": BOTH,
    "utf16-be.csv": BOTH,
    "utf16-no-mark.csv": none("holds null characters: it is not UTF-8"),
    "utf16-told.csv": BOTH,
    "cp1252.csv": bad(2, "the row is not UTF-8 (byte 0xe9)"),
    "cp1252-told.csv": acme("pro", "caf\u00e9"),
    "semicolon.csv": BOTH,
    "tab.csv": BOTH,
    "bar.csv": BOTH,
    "colon-told.csv": BOTH,
    "sep-semicolon.csv": BOTH,
    "sep-comma.csv": BOTH,
    "sep-quoted.csv": BOTH,
    "semicolons-in-data.csv": Made(
        {"acme;99;100;pro": {"customer_id": "acme;99;100;pro"}, "globex": GLOBEX},
        {},
    ),
    "single-quotes-told.csv": acme("p,ro"),
    "quotes.csv": acme('p"r,o'),
    "line-break-in-cell.csv": acme("two\nlines"),
    "blank-lines.csv": BOTH,
    "padded.csv": BOTH,
    "decomposed.csv": acme("pro", "Caf\u00e9"),
    "trailing-commas.csv": BOTH,
    "trailing-comma-everywhere.csv": BOTH,
    "missing-cells.csv": acme(None),
    "surplus-cells.csv": bad(2, "the row has 5 cells, the header 4"),
    "dup-header.csv": none('the column "used" stands twice in the header, as the 3rd and the 5th'),
    "dup-header-case.csv": none('the column "used" stands twice in the header, as the 2nd and the 5th'),
    "bad-byte.csv": bad(2, "the row is not UTF-8 (byte 0xff)"),
    "bad-byte-in-header.csv": none("the header is not UTF-8 (byte 0xff)"),
    "open-quote.csv": bad(2, OPEN),
    "open-quote-at-end.csv": bad(3, OPEN),
    "text-after-quote.csv": bad(2, "the row cannot be read: text follows a closing quote"),
    "lone-cr.csv": bad(2, "the row cannot be read: a carriage return stands alone"),
    "nulls.csv": acme("p\0ro"),
    "escapes.csv": acme("\x1b[31mred"),
    "long-cell.csv": acme("x" * 200_000),
    "header-alone.csv": Made({}, {}),
    "excel.csv": none("is an Excel workbook, or another ZIP archive: no CSV and no JSON"),
    "old-excel.csv": none("is an Excel workbook: no CSV and no JSON"),
    "web-page.csv": none("is a web page or XML: no CSV"),
    "packed.csv.gz": BOTH,
    "packed-twice.csv.gz": BOTH,
    "packed-cut.csv.gz": none("is packed, and cut off"),
    "unpacked.csv.gz": BOTH,
    "plain.ndjson": BOTH,
    "no-line-end.ndjson": BOTH,
    "blank-lines.jsonl": BOTH,
    "bom.ndjson": BOTH,
    "utf16.ndjson": BOTH,
    "packed.ndjson.gz": BOTH,
    "broken-line.ndjson": bad(1, "is not JSON: "),
    "no-object.ndjson": bad(1, "object"),
    "bad-byte.ndjson": bad(1, "is not UTF-8"),
    "name-twice.ndjson": bad(1, 'has the name "used" twice in one object'),
    "plain.json": BOTH,
    "indented.json": BOTH,
    "bom.json": BOTH,
    "utf16.json": BOTH,
    "packed.json.gz": BOTH,
    "bad-byte.json": bad(1, "the row is not UTF-8 (byte 0xff)"),
    "name-twice.json": bad(1, 'the row has the name "used" twice in one object'),
    "cut-off.json": none("is not JSON: a comma is missing, or its end"),
    "more-behind.json": none("is not JSON: something follows its end"),
    "number.json": none("is not JSON: it is neither a list of objects nor an object by key"),
}
# An entity file that is empty is being written; a batch, and a source that may be, has no rows.
EMPTY = ("empty.csv", "blank.csv")
FORMATS: dict[str, dict[str, Any]] = {
    "utf16-told.csv": {"encoding": "utf-16-le"},
    "cp1252-told.csv": {"encoding": "cp1252"},
    "colon-told.csv": {"delimiter": ":"},
    "single-quotes-told.csv": {"quote": "'"},
}


def by_entity_file(path: Path, format: dict[str, Any], expected: Made) -> Made:
    """Look up every key that is expected, and list the others; the problems are those of `validate`."""
    with EntityFile("customer", str(path), "customer_id", {}, None, format=format) as file:
        try:
            found = {key: made.values for key in expected.rows if (made := file.get(key)) is not None}
            listed = [values["customer_id"] for _, values in file.rows()]
        except ProjectError as error:
            return none(error.message)
        assert listed == list(found)
        lines = {int(problem.path.split(":")[1]): problem.problem for problem in file.problems()}
        return Made(found, lines)


def by_source(path: Path, format: dict[str, Any], expected: Made) -> Made:
    try:
        rows = list(FileSource(str(path.parent), path.name, format).rows())
    except SourceError as error:
        return none(error.message)
    good = {str(found.values["customer_id"]): found.values for found in rows if not found.problem}
    return Made(good, {found.number: found.problem for found in rows if found.problem})


def by_batch(path: Path, format: dict[str, Any], expected: Made) -> Made:
    with path.open("rb") as file:
        form = form_of(path.name)
        if form == "csv":
            lines = [line for chunk in CsvBatch(file, "usage", None, "cli", format).chunks() for line in chunk]
        else:
            reader = (JsonBatch if form == "json" else NdjsonBatch)(file, "usage", "cli")
            lines = [line for chunk in reader.chunks() for line in chunk]
    if expected.whole:
        return none(lines[-1].error.message if lines[-1].error else "")
    payloads = [line.raw.payload for line in lines if line.raw is not None and isinstance(line.raw.payload, dict)]
    refused = {line.number: line.error.message if line.error else "no object" for line in lines if not line.raw}
    refused |= {line.number: "no object" for line in lines if line.raw and not isinstance(line.raw.payload, dict)}
    return Made({payload["customer_id"]: payload for payload in payloads}, refused)


READERS: dict[str, Callable[[Path, dict[str, Any], Made], Made]] = {
    "entity file": by_entity_file,
    "source": by_source,
    "batch": by_batch,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", EXPECTED)
def test_each_reader_makes_the_same_of_a_file(tmp_path: Path, name: str, reader: str) -> None:
    path = Path(write(tmp_path, name, (CORPUS / name).read_bytes()))
    expected = EXPECTED[name]
    made = READERS[reader](path, FORMATS.get(name, {}), expected)
    if expected.whole:
        assert expected.whole in made.whole
        return
    assert {key: texts(values) for key, values in made.rows.items()} == {
        key: texts(values) for key, values in expected.rows.items()
    }
    assert made.bad.keys() == expected.bad.keys()
    for number, words in expected.bad.items():
        assert words in made.bad[number]


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_file_has_no_rows_but_for_entities_where_it_is_being_written(tmp_path: Path, name: str) -> None:
    path = Path(write(tmp_path, name, (CORPUS / name).read_bytes()))
    nothing = Made({}, {})
    assert by_source(path, {}, nothing) == by_batch(path, {}, nothing) == nothing
    assert "the file is empty" in by_entity_file(path, {}, Made({"acme": ACME}, {})).whole


def test_every_file_of_the_corpus_is_expected_to_be_something() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {*EXPECTED, *EMPTY}
    assert len(EXPECTED) > 60


def test_no_words_of_python_reach_a_user(tmp_path: Path) -> None:
    for name in EXPECTED:
        path = Path(write(tmp_path, name, (CORPUS / name).read_bytes()))
        for read in READERS.values():
            made = read(path, FORMATS.get(name, {}), EXPECTED[name])
            for words in (made.whole, *made.bad.values()):
                assert "codec" not in words
                assert "unquoted field" not in words
                assert words.isprintable()
