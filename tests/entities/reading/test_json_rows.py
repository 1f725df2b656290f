"""JSON is read piece by piece: whatever the pieces, the rows are the same, and each is read again by its place."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.entities.reading.faults import WholeFileError
from ingestlayer_cli.entities.reading.json_rows import Json, Ndjson

NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES
OBJECTS = st.dictionaries(NAMES, VALUES | st.lists(VALUES, max_size=3), max_size=4)


class _Dripping(io.BytesIO):
    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self.size = size

    def read1(self, size: int | None = -1, /) -> bytes:
        return super().read1(self.size)


@settings(deadline=None, max_examples=150)
@given(
    rows=st.lists(OBJECTS, max_size=6),
    by_key=st.booleans(),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
    size=st.integers(1, 50),
    mark=st.booleans(),
)
def test_any_document_in_any_pieces(
    rows: list[dict[str, Any]], by_key: bool, indent: int | None, ascii_only: bool, size: int, mark: bool
) -> None:
    document: Any = {f"k{at}": row for at, row in enumerate(rows)} if by_key else rows
    data = json.dumps(document, indent=indent, ensure_ascii=ascii_only).encode("utf-8-sig" if mark else "utf-8")
    reader = Json()
    found = list(reader.records(_Dripping(data, size)))
    assert [row[3] for row in found] == (list(document.items()) if by_key else rows)
    assert [row[0] for row in found] == list(range(1, len(rows) + 1))
    for _, start, length, value, fault in found:
        assert fault is None
        assert reader.parse([data[start : start + length]]) == [(value, None)]


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[{"a": 1},\n {"a" 2}]', (2, 7)),
        ('[{"a": 1}\n {"a": 2}]', (2, 2)),
        ('[{"a": 1}', (1, 10)),
        ('[{"a": 1}]\nx', (2, 1)),
        ('{"a": {},\n b: {}}', (2, 2)),
        ('{"a": {"x": 1,}}', (1, 15)),
        ("7", (1, 1)),
    ],
)
def test_the_place_of_what_is_broken_is_told(text: str, place: tuple[int, int], size: int) -> None:
    with pytest.raises(WholeFileError) as caught:
        list(Json().records(_Dripping(text.encode(), size)))
    assert (caught.value.fault.line, caught.value.fault.column) == place


def test_a_row_of_json_that_is_bad_stops_no_other() -> None:
    data = b'[{"a": 1},\n{"a": "\xff"},\n [1], {"b": 1, "b": 2}, {"a": 2}]'
    found = [(row[0], row[4].line, row[4].words) for row in Json().records(io.BytesIO(data)) if row[4] is not None]
    assert found == [
        (2, 2, "the row is not UTF-8 (byte 0xff)"),
        (3, 3, "the row is not an object: [1]"),
        (4, 3, 'the row has the name "b" twice in one object: which of the two is meant?'),
    ]


def test_a_line_that_is_bad_stops_no_other() -> None:
    data = b'{"a": 1}\n{"a"\n\n[1]\n{"a": "\xff"}\n{"b": 1, "b": 2}\n{"a": NaN}'
    rows = list(Ndjson().records(io.BytesIO(data)))
    assert [row[0] for row in rows if row[4] is not None] == [2, 4, 5, 6]
    assert rows[-1][3] == {"a": "NaN"}


def test_a_document_of_many_rows_is_not_held() -> None:
    """Only so much is at hand as the largest row takes."""
    reader = Json()
    longest = 0
    for _ in reader.records(_Dripping(json.dumps([{"a": "x" * 50}] * 20_000).encode(), 4096)):
        longest = max(longest, len(reader._text))
    assert longest < 20_000
