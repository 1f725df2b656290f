"""All columns and rows of an entity file, read through."""

from pathlib import Path

import pytest

from ingestlayer_cli.entities.file import EntityFile
from ingestlayer_cli.system.errors import ProjectError

FILES = {
    "c.csv": "id,name,,mrr\na,Ann,x,5\n\nb,Bob\n",
    "c.json": '[{"id": "a", "name": "Ann", "mrr": 5}, 5, {"id": "b", "owner": "Bob"}]',
    "c.ndjson": '{"id": "a", "name": "Ann", "mrr": 5}\n\n5\n{"id": "b", "owner": "Bob"}\n',
}


def entity(root: Path, name: str, text: str) -> EntityFile:
    (root / name).write_text(text)
    return EntityFile("customer", str(root / name), "id", {"mrr": "number"}, None)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("c.csv", ["id", "name", "mrr"]),
        ("c.json", ["id", "name", "mrr", "owner"]),
        ("c.ndjson", ["id", "name", "mrr", "owner"]),
    ],
)
def test_columns_are_the_headers_or_those_of_all_records(tmp_path: Path, name: str, columns: list[str]) -> None:
    assert entity(tmp_path, name, FILES[name]).columns() == columns


def test_a_csv_file_with_a_header_alone_has_its_columns(tmp_path: Path) -> None:
    assert entity(tmp_path, "c.csv", "id,name\n").columns() == ["id", "name"]


@pytest.mark.parametrize(
    ("name", "places"),
    [("c.csv", ["line 2", "line 4"]), ("c.json", ["record 1", "record 3"]), ("c.ndjson", ["line 1", "line 4"])],
)
def test_rows_come_with_their_places_and_types(tmp_path: Path, name: str, places: list[str]) -> None:
    rows = list(entity(tmp_path, name, FILES[name]).rows())
    assert [place for place, _ in rows] == places
    assert rows[0][1] == {"id": "a", "name": "Ann", "mrr": 5}


@pytest.mark.parametrize(("name", "text"), [("c.csv", "id,id\n"), ("c.json", "["), ("c.ndjson", "")])
def test_a_broken_file_is_refused_with_its_place(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ProjectError, match=rf"{name}:\d+:\d+: "):
        list(entity(tmp_path, name, text).rows())


def test_broken_rows_are_left_out(tmp_path: Path) -> None:
    assert list(entity(tmp_path, "c.csv", 'id\n"a\nb\nc,d\n').rows()) == [("line 3", {"id": "b"})]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    file = EntityFile("customer", str(tmp_path / "c.csv"), "id", {}, None)
    with pytest.raises(ProjectError, match="does not exist"):
        file.columns()
