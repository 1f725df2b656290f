"""Any table, written in any dialect, is read back the same; each row by its place, too."""

import csv
import gzip
import io
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.entities.reading.csv_rows import Csv
from ingestlayer_cli.entities.reading.faults import WholeFileError
from ingestlayer_cli.entities.reading.stream import LINE

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
LATIN = st.characters(codec="cp1252", exclude_characters="\0")
MARKS = st.sampled_from([",", ";", "\t", "|", '"', "'", "\n", "\r\n", " ", "=", "sep=;"])


def tables(letters: Any) -> Any:
    """Rows of three cells, of which none is blank as a whole."""
    cell = st.text(letters, max_size=5) | MARKS | st.builds("{}{}".format, MARKS, st.text(letters, max_size=2))
    return st.lists(st.tuples(cell, cell, cell).filter(lambda row: "".join(row).strip()), max_size=8)


def written(rows: list[tuple[str, ...]], delimiter: str, quote: str, end: str) -> str:
    text = io.StringIO()
    # Everything in quotes: else a lone carriage return in a cell would stand outside of them.
    writer = csv.writer(text, delimiter=delimiter, quotechar=quote, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "name", "nöte"), *rows])
    return text.getvalue()


def expected(row: tuple[str, ...]) -> dict[str, str | None]:
    """Return a row as it is to be read: cells trimmed, composed, null when empty."""
    return {
        name: normalize("NFC", cell.strip()) or None for name, cell in zip(("id", "name", "nöte"), row, strict=True)
    }


def read(data: bytes, **told: Any) -> tuple[list[dict[str, Any]], Csv]:
    """Read rows through, and each again by its place."""
    reader = Csv(told)
    found = []
    for _, start, length, value, fault in reader.records(io.BytesIO(data)):
        assert fault is None, fault.words
        found.append(reader.values(value))
        if not reader.stream.made:
            ((again, broken),) = reader.parse([data[start : start + length]])
            assert (again, broken) == (value, None)
    return found, reader


DIALECTS = {
    "delimiter": st.sampled_from([",", ";", "\t", "|"]),
    "quote": st.sampled_from(['"', "'"]),
    "end": st.sampled_from(["\n", "\r\n"]),
    "packed": st.booleans(),
}


@settings(deadline=None, max_examples=150)
@given(rows=tables(LETTERS), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), **DIALECTS)
def test_any_table_in_any_dialect_of_unicode(
    rows: list[tuple[str, ...]], encoding: str, delimiter: str, quote: str, end: str, packed: bool
) -> None:
    data = written(rows, delimiter, quote, end).encode(encoding)
    found, _ = read(gzip.compress(data) if packed else data, delimiter=delimiter, quote=quote)
    assert found == list(map(expected, rows))


@settings(deadline=None, max_examples=50)
@given(rows=tables(LATIN), **DIALECTS)
def test_any_table_in_an_encoding_that_is_told(
    rows: list[tuple[str, ...]], delimiter: str, quote: str, end: str, packed: bool
) -> None:
    data = written(rows, delimiter, quote, end).encode("cp1252")
    told = {"delimiter": delimiter, "quote": quote, "encoding": "cp1252"}
    assert read(gzip.compress(data) if packed else data, **told)[0] == list(map(expected, rows))


@settings(deadline=None, max_examples=50)
@given(rows=tables(LETTERS), end=st.sampled_from(["\n", "\r\n"]), delimiter=st.sampled_from([";", "|", ":"]))
def test_the_first_line_may_tell_the_delimiter(rows: list[tuple[str, ...]], end: str, delimiter: str) -> None:
    data = f"sep={delimiter}{end}{written(rows, delimiter, chr(34), end)}".encode()
    found, reader = read(data)
    assert (found, reader.notes) == (list(map(expected, rows)), [])


@pytest.mark.parametrize(("mark", "said"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_a_header_of_one_cell_tells_the_delimiter_and_that_is_said(mark: str, said: str) -> None:
    found, reader = read(f"id{mark}n\na{mark}b,c\n".encode())
    assert found == [{"id": "a", "n": "b,c"}]
    (note,) = reader.notes
    assert said in note
    assert "format = { delimiter = " in note


def test_rows_of_data_are_never_looked_at_for_the_delimiter() -> None:
    assert read(b"id\na;b\n")[0] == [{"id": "a;b"}]
    assert read(b"id,n\na;b;c\n")[0] == [{"id": "a;b;c", "n": None}]


def faults(data: bytes, **told: Any) -> list[tuple[int, str]]:
    return [(row[0], row[4].words) for row in Csv(told).records(io.BytesIO(data)) if row[4] is not None]


def test_lines_of_old_macs_are_lines() -> None:
    assert read(b"id,n\ra,1\rb,2\r")[0] == [{"id": "a", "n": "1"}, {"id": "b", "n": "2"}]


def test_a_bad_row_stops_no_other() -> None:
    data = b'id,n\n"a,1\nb,2,3\nc,\xff\nd,"x"y\ne,5\nf,"6'
    assert [number for number, _ in faults(data)] == [2, 3, 4, 5, 7]
    rows = [row for row in Csv().records(io.BytesIO(data)) if row[4] is None]
    assert [row[3] for row in rows] == [["e", "5"]]


@pytest.mark.parametrize("size", [LINE + 1, 5 * LINE])
def test_a_line_that_is_too_long_is_refused_in_memory_that_does_not_grow(size: int) -> None:
    data = b"id,n\na,1\n" + b"x" * size + b",2\nb,3\n"
    assert faults(data) == [(3, "the line is larger than 1,048,576 bytes")]
    *_, (number, start, length, value, _) = Csv().records(io.BytesIO(data))
    assert (number, data[start : start + length], value) == (4, b"b,3\n", ["b", "3"])


def test_quotes_that_are_not_closed_in_a_large_file_refuse_their_own_lines_alone() -> None:
    rows = [b"c%d,1\n" % number for number in range(50_000)]
    rows[100] = rows[30_000] = b'"open,1\n'
    reader = Csv()
    bad = [row[0] for row in reader.records(io.BytesIO(b"id,n\n" + b"".join(rows))) if row[4] is not None]
    assert bad == [102, 30_002]


class _Dripping(io.BytesIO):
    """A pipe that gives little at once."""

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(min(size or 3, 3))


@given(rows=tables(LETTERS))
@settings(deadline=None, max_examples=50)
def test_it_does_not_matter_in_what_pieces_a_file_comes(rows: list[tuple[str, ...]]) -> None:
    data = written(rows, ",", '"', "\n").encode()
    whole = [row[:4] for row in Csv().records(io.BytesIO(data))]
    assert [row[:4] for row in Csv().records(_Dripping(data))] == whole


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a,b,a\n", 'the column "a" stands twice in the header, as the 1st and the 3rd'),
        ("a,Cafe\u0301,Caf\u00e9\n".encode(), "stands twice in the header, as the 2nd and the 3rd"),
        (b"PK\x03\x04\x14\0", "the file is an Excel workbook, or another ZIP archive: no CSV and no JSON"),
        (b"\xd0\xcf\x11\xe0", "the file is an Excel workbook: no CSV and no JSON"),
        (b"<!DOCTYPE html>\n<p>", "the file is a web page or XML: no CSV"),
        ("a,b\n".encode("utf-16-le"), "the file holds null characters: it is not UTF-8"),
        (b"a\xff,b\n", "the header is not UTF-8 (byte 0xff)"),
        (b'"a,b\n1,2\n', "the header cannot be read: a quote is opened and never closed"),
        (gzip.compress(b"a,b\n", mtime=0)[:-2], "the file is packed, and cut off"),
        (gzip.compress(b"a,b\n", mtime=0)[:10] + b"\xff" * 9, "the file is packed, and broken"),
        (b"", "the file is empty"),
        (b" \n,,\n", "the file is empty"),
    ],
)
def test_a_file_that_is_none_is_refused_in_our_words(data: bytes, words: str) -> None:
    with pytest.raises(WholeFileError) as caught:
        list(Csv().records(io.BytesIO(data)))
    assert words in caught.value.fault.words
    assert caught.value.fault.hint


def test_a_half_line_of_a_file_that_is_being_written_is_refused() -> None:
    def read_young(data: bytes) -> list[bool]:
        return [row[4] is not None for row in Csv().records(io.BytesIO(data), is_young=True)]

    assert read_young(b"id,n\na,1\nb,1") == [False, True]
    assert read_young(b"id,n\na,1\nb,1\n") == [False, False]
    with pytest.raises(WholeFileError, match="the header has no line end"):
        read_young(b"id,n")
