"""`problems()`: everything that is wrong in a file, each with its place."""

from pathlib import Path

import pytest

from tests.support.entities import problems, write


def test_a_sound_file_has_no_problems(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,mrr,since\na,1,2026-11-03\n\nb,,\nc\n")
    assert problems(path, {"mrr": "number", "since": "date"}) == []


def test_each_later_duplicate_names_the_first_line(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\nacme\nb\nacme\nacme\n")
    text = 'customer_id "acme" is already on line 2'
    assert problems(path) == [("c.csv:4:1", text), ("c.csv:5:1", text)]


def test_a_duplicate_in_json_names_the_first_record_and_its_own_place(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[{"customer_id": "é"},\n  {"customer_id": "b"}, {"customer_id": "é"}]')
    assert problems(path) == [("c.json:2:25", 'customer_id "é" is already in record 1')]


def test_a_name_that_stands_twice_in_a_json_object_is_a_duplicate(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '{"a": {},\n "a": {}}')
    assert problems(path) == [("c.json:2:2", 'customer_id "a" is already in record 1')]


def test_a_number_and_its_text_are_the_same_key(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{"customer_id": 42}\n{"customer_id": "42"}\n')
    assert problems(path) == [("c.ndjson:2:1", 'customer_id "42" is already on line 1')]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "12x"),
        ("number", "NaN"),
        ("integer", "1.5"),
        ("boolean", "maybe"),
        ("date", "3.11.2026"),
        ("date", "20261103"),
        ("date", "2026-02-30"),
        ("datetime", "2026-11-03"),
    ],
)
def test_a_cell_that_does_not_fit_its_type_is_named_with_its_place(tmp_path: Path, kind: str, text: str) -> None:
    path = write(tmp_path, "c.csv", f"customer_id,x\na,{text}\n")
    ((place, problem),) = problems(path, {"x": kind})
    assert place == "c.csv:2:3"
    assert f'x "{text}" is not a' in problem


def test_the_place_of_a_cell_behind_quoted_line_breaks_is_right(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,name,mrr\na,"x, ""y""\nz",no\n')
    assert [place for place, _ in problems(path, {"mrr": "number"})] == ["c.csv:3:4"]


def test_a_json_value_that_does_not_fit_its_type_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{"customer_id": 1, "mrr": [1]}\n')
    assert problems(path, {"mrr": "number"}) == [("c.ndjson:1:1", "mrr [1] is not a number like 499 or 12.5")]


def test_a_record_with_too_many_cells_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\na,b,c\n")
    assert problems(path) == [("c.csv:2:5", "the row has 3 cells, the header 2")]


def test_a_missing_key_column_is_named_with_the_near_miss(tmp_path: Path) -> None:
    ((place, problem),) = problems(write(tmp_path, "c.csv", "customerid,n\na,b\nc,d\n"))
    assert place == "key"
    assert problem == 'there is no column "customer_id", the key (did you mean "customerid"?)'


def test_a_record_without_the_key_is_named_with_the_near_miss(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{"customer_id": 1}\n{"customerid": 2}\n')
    text = 'customer_id, the key, is missing (did you mean "customerid"?)'
    assert problems(path) == [("c.ndjson:2:1", text)]


def test_an_empty_key_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\n,b\n")
    assert problems(path) == [("c.csv:2:1", "customer_id, the key, is empty or no text or number")]


@pytest.mark.parametrize(("name", "content"), [("c.json", "[\n[1]]"), ("c.ndjson", "\n[1]")])
def test_a_record_that_is_no_object_is_named(tmp_path: Path, name: str, content: str) -> None:
    assert problems(write(tmp_path, name, content)) == [(f"{name}:2:1", "the row is not an object: [1]")]


def test_every_line_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", b"customer_id\n\xff\nb\nc\xfe\n")
    assert [place for place, _ in problems(path)] == ["c.csv:2:1", "c.csv:4:2"]


def test_every_broken_line_of_ndjson_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{\n{"customer_id": 1}\n{"customer_id": 2]\n')
    assert [place for place, _ in problems(path)] == ["c.ndjson:1:2", "c.ndjson:3:18"]


def test_broken_json_is_named_beside_what_stands_before_it(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[7,\n{"customer_id": }]')
    assert [place for place, _ in problems(path)] == ["c.json:1:2", "c.json:2:17"]


def test_the_check_goes_on_behind_a_broken_csv_line(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,mrr\na,"1"2\nb,x\n')
    assert [place for place, _ in problems(path, {"mrr": "number"})] == ["c.csv:2:1", "c.csv:3:3"]


def test_a_type_of_a_column_that_is_not_there_is_named_with_the_near_miss(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,mrr\na,1\n")
    text = 'types names "mmr", but there is no such column (did you mean "mrr"?)'
    assert problems(path, {"mmr": "number"}) == [("types.mmr", text)]


def test_a_column_that_stands_twice_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n,n\na,1,2\n")
    ((place, words),) = problems(path)
    twice = 'the column "n" stands twice in the header, as the 2nd and the 3rd'
    assert (place, words.partition(".")[0]) == ("c.csv:1:1", twice)


def test_a_missing_file_is_one_problem(tmp_path: Path) -> None:
    path = str(tmp_path / "c.csv")
    assert problems(path) == [("c.csv", f"{path} does not exist")]


def test_a_thousand_problems_are_named_and_the_rest_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,mrr\n" + "".join(f"c{n},x\n" for n in range(2500)))
    found = problems(path, {"mrr": "number"})
    assert len(found) == 1001
    assert found[-1] == ("c.csv", "… and 1,500 more problems")


def test_a_long_value_is_cut_in_the_message(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", f"customer_id,mrr\na,{'x' * 500}\n")
    ((_, problem),) = problems(path, {"mrr": "number"})
    assert len(problem) < 120


def test_the_setting_that_would_read_the_numbers_is_proposed_once(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,mrr\na,"1,900"\nb,5\nc,"2,000"\n')
    first, second = problems(path, {"mrr": "number"})
    assert first[1].endswith('; format = { thousands = "," } would read 3 of 3')
    assert "format" not in second[1]
    assert problems(path, {"mrr": "number"}, format={"thousands": ","}) == []


def test_a_number_that_is_written_otherwise_than_the_setting_says_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,mrr\na,1.5\n")
    assert problems(path, {"mrr": "number"}) == []
    ((place, _),) = problems(path, {"mrr": "number"}, format={"decimal": ","})
    assert place == "c.csv:2:3"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ac\u200bme", 'holds what does not show: "ac\\u200bme"'),
        ('"=""00123"""', 'is the formula ="00123"'),
        ("1E+05", "is the number 1E+05, rounded by a spreadsheet"),
    ],
)
def test_a_key_that_is_hardly_what_was_meant_is_named(tmp_path: Path, key: str, words: str) -> None:
    ((place, problem),) = problems(write(tmp_path, "c.csv", f"customer_id\n{key}\n"))
    assert place == "c.csv:2:1"
    assert words in problem
