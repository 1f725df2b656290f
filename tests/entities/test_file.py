"""Look-ups: the formats, types, duplicates, refusals and files that change."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestlayer_cli.entities.file import EntityFile
from ingestlayer_cli.entities.table import Row
from ingestlayer_cli.system.errors import ProjectError
from tests.support.entities import ALWAYS_INDEXED, NEVER_INDEXED, counted_reads, found, look_up, settle, write

CSV = "customer_id,name,mrr\nacme,Acme,499\nglobex,Globex,12.5\n"


def test_a_csv_row_is_found_by_its_key(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", CSV)
    assert look_up(path, "globex") == Row({"customer_id": "globex", "name": "Globex", "mrr": "12.5"}, 3)


def test_an_ndjson_row_is_found_by_its_key(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{"customer_id": "a"}\n\n{"customer_id": "b", "tags": ["x"]}\n')
    assert look_up(path, "b") == Row({"customer_id": "b", "tags": ["x"]}, 3)


def test_jsonl_is_read_as_ndjson(tmp_path: Path) -> None:
    path = write(tmp_path, "c.JSONL", '{"customer_id": "a"}')
    assert look_up(path, "a") == Row({"customer_id": "a"}, 1)


def test_a_row_in_a_json_list_is_found_by_its_key(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[{"customer_id": "a"},\n {"customer_id": "b", "seats": 3}]')
    assert look_up(path, "b") == Row({"customer_id": "b", "seats": 3}, 2)


def test_a_row_in_a_json_object_is_found_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '{"a": {"seats": 1}, "b" : {"seats": 3}}')
    assert look_up(path, "b") == Row({"customer_id": "b", "seats": 3}, 2)


@pytest.mark.parametrize("name", ["c.csv", "c.ndjson", "c.json"])
def test_a_key_that_is_not_there_is_none(tmp_path: Path, name: str) -> None:
    contents = {"c.csv": CSV, "c.ndjson": '{"customer_id": "a"}', "c.json": "[]"}
    assert look_up(write(tmp_path, name, contents[name]), "zz") is None


def test_a_json_number_is_found_by_its_text(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[{"customer_id": 42}]')
    assert look_up(path, "42") == Row({"customer_id": 42}, 1)


def test_an_empty_key_is_never_found(tmp_path: Path) -> None:
    assert look_up(write(tmp_path, "c.csv", "customer_id,name\n,x\n"), "") is None


def test_half_a_surrogate_pair_is_a_key_like_another(tmp_path: Path) -> None:
    path = write(tmp_path, "c.ndjson", '{"customer_id": "\\ud800"}\n')
    row = look_up(path, "\ud800", index_dir=str(tmp_path / "i"), index_from=ALWAYS_INDEXED)
    assert row == Row({"customer_id": "\ud800"}, 1)


def test_an_empty_cell_is_none(tmp_path: Path) -> None:
    assert found(write(tmp_path, "c.csv", "customer_id,name\na,\n"), "a").values["name"] is None


def test_the_rest_of_a_short_row_is_none(tmp_path: Path) -> None:
    row = found(write(tmp_path, "c.csv", "customer_id,name,plan\na\n"), "a")
    assert row.values == {"customer_id": "a", "name": None, "plan": None}


def test_empty_cells_beyond_the_header_are_left_out(tmp_path: Path) -> None:
    assert found(write(tmp_path, "c.csv", "customer_id\na,, \n"), "a").values == {"customer_id": "a"}


def test_a_column_without_a_name_is_left_out(tmp_path: Path) -> None:
    assert found(write(tmp_path, "c.csv", "customer_id,\na,b\n"), "a").values == {"customer_id": "a"}


def test_spaces_around_a_column_name_do_not_count(tmp_path: Path) -> None:
    assert found(write(tmp_path, "c.csv", "customer_id, name\na,b\n"), "a").values["name"] == "b"


@pytest.mark.parametrize("blank", ["\n", "   \n", ",,\n"])
def test_blank_lines_of_a_csv_are_skipped(tmp_path: Path, blank: str) -> None:
    path = write(tmp_path, "c.csv", f"{blank}customer_id,name\n{blank}a,b\n{blank}")
    assert look_up(path, "a") == Row({"customer_id": "a", "name": "b"}, 4)


def test_a_byte_order_mark_and_crlf_do_not_show(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", b"\xef\xbb\xbfcustomer_id,name\r\na,b\r\n")
    assert look_up(path, "a") == Row({"customer_id": "a", "name": "b"}, 2)


@pytest.mark.parametrize("name", ["c.json", "c.ndjson"])
def test_a_byte_order_mark_before_json_does_not_show(tmp_path: Path, name: str) -> None:
    content = '{"customer_id": {"x": "é"}}' if name == "c.json" else '{"customer_id": "customer_id", "x": "é"}'
    path = write(tmp_path, name, b"\xef\xbb\xbf" + content.encode())
    assert look_up(path, "customer_id") == Row({"customer_id": "customer_id", "x": "é"}, 1)


def test_a_quoted_cell_may_hold_commas_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,name\na,"x, ""y""\r\nz"\nb,c\n')
    assert found(path, "a").values["name"] == 'x, "y"\r\nz'


def test_a_row_after_a_quoted_line_break_knows_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,name\na,"x\ny\nz"\nb,c\n')
    assert found(path, "b").line == 5


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "007", "007"),
        ("number", "499", 499),
        ("number", "12.50", 12.5),
        ("number", "1e3", 1000.0),
        ("number", "-3", -3),
        ("integer", "3", 3),
        ("boolean", "TRUE", True),
        ("boolean", "no", False),
        ("date", "2026-11-03", "2026-11-03"),
        ("datetime", "2026-11-03T09:30:00Z", "2026-11-03T09:30:00Z"),
    ],
)
def test_a_cell_gets_the_type_of_its_column(tmp_path: Path, kind: str, text: str, value: object) -> None:
    got = found(write(tmp_path, "c.csv", f"customer_id,x\na,{text}\n"), "a", {"x": kind}).values["x"]
    assert (got, type(got)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", "12x"),
        ("number", "nan"),
        ("number", "inf"),
        ("number", "1e999"),
        ("number", "1_000"),
        ("number", "٣"),
        ("number", "9" * 5000),
        ("integer", "1.5"),
        ("boolean", "perhaps"),
        ("date", "3.11.2026"),
        ("datetime", "2026-11-03"),
    ],
)
def test_a_cell_that_does_not_fit_its_type_stays_a_text(tmp_path: Path, kind: str, text: str) -> None:
    assert found(write(tmp_path, "c.csv", f"customer_id,x\na,{text}\n"), "a", {"x": kind}).values["x"] == text


def test_a_json_text_in_a_number_column_becomes_a_number(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[{"customer_id": "a", "mrr": "499"}]')
    assert found(path, "a", {"mrr": "number"}).values["mrr"] == 499


def test_a_json_number_in_a_string_column_becomes_a_text(tmp_path: Path) -> None:
    path = write(tmp_path, "c.json", '[{"customer_id": "a", "account": 42}]')
    assert found(path, "a", {"account": "string"}).values["account"] == "42"


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_no_number_of_json_is_infinite_or_nan(tmp_path: Path, number: str) -> None:
    path = write(tmp_path, "c.json", f'[{{"customer_id": "a", "mrr": {number}}}]')
    assert found(path, "a").values["mrr"] == number


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
def test_the_first_of_duplicates_is_found_and_names_the_others(tmp_path: Path, index_from: int) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\na,1\nb,2\na,3\na,4\n")
    row = look_up(path, "a", index_dir=str(tmp_path / "i"), index_from=index_from)
    assert row == Row({"customer_id": "a", "n": "1"}, 2, (4, 5))


def test_changing_a_row_does_not_change_the_next_answer(tmp_path: Path) -> None:
    with EntityFile("customer", write(tmp_path, "c.csv", CSV), "customer_id", {}, None) as file:
        first = file.get("acme")
        assert first is not None
        first.values["name"] = "changed"
        second = file.get("acme")
        assert second is not None
        assert second.values["name"] == "Acme"


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
@pytest.mark.parametrize("indexed", [True, False])
def test_a_changed_file_is_seen_at_the_next_look_up(tmp_path: Path, index_from: int, indexed: bool) -> None:
    path = write(tmp_path, "c.csv", CSV)
    index_dir = str(tmp_path / "i") if indexed else None
    with EntityFile("customer", path, "customer_id", {}, index_dir, index_from=index_from) as file:
        file.get("acme")
        file.get("globex")
        write(tmp_path, "c.csv", "customer_id,name\nx,y\nacme,New\n")
        assert file.get("acme") == Row({"customer_id": "acme", "name": "New"}, 3)


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
def test_a_replaced_file_of_the_same_size_and_time_is_seen(tmp_path: Path, index_from: int) -> None:
    path = write(tmp_path, "c.csv", CSV)
    before = os.stat(path)
    index_dir = str(tmp_path / "i")
    with EntityFile("customer", path, "customer_id", {}, index_dir, index_from=index_from) as file:
        file.get("acme")
        other = write(tmp_path, "other.csv", CSV.replace("acme,Acme", "acme,Emca"))
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.replace(other, path)
        row = file.get("acme")
        assert row is not None
        assert row.values["name"] == "Emca"


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
def test_changes_within_one_tick_of_the_clock_are_seen(tmp_path: Path, index_from: int) -> None:
    path = tmp_path / "c.csv"
    index_dir = str(tmp_path / "i")
    with EntityFile("customer", str(path), "customer_id", {}, index_dir, index_from=index_from) as file:
        seen = []
        for number in range(10, 60):
            path.write_text(f"customer_id,n\na,{number}\n")
            row = file.get("a")
            seen.append(row and row.values["n"])
    assert seen == [str(number) for number in range(10, 60)]


def test_a_file_that_was_mended_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "id\n1\n")
    with EntityFile("customer", path, "customer_id", {}, None) as file:
        with pytest.raises(ProjectError):
            file.get("acme")
        write(tmp_path, "c.csv", CSV)
        assert file.get("acme") is not None


def test_a_closed_file_opens_again(tmp_path: Path) -> None:
    with EntityFile("customer", write(tmp_path, "c.csv", CSV), "customer_id", {}, None) as file:
        file.get("acme")
        file.close()
        assert file.get("acme") is not None


def test_a_missing_file_is_refused_with_the_near_miss(tmp_path: Path) -> None:
    write(tmp_path, "customers.csv", CSV)
    with pytest.raises(ProjectError, match=r'custmers.csv does not exist \(did you mean "customers.csv"\?\)'):
        look_up(str(tmp_path / "custmers.csv"), "a")


def test_a_file_that_shares_no_more_than_its_ending_is_no_near_miss(tmp_path: Path) -> None:
    write(tmp_path, "usage.csv", CSV)
    with pytest.raises(ProjectError, match=r"customers.csv does not exist$"):
        look_up(str(tmp_path / "customers.csv"), "a")


def test_a_refusal_hints_at_the_key_of_the_project_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        look_up(str(tmp_path / "none" / "c.csv"), "a")
    assert '"file" of [entities.customer]' in caught.value.hint


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").mkdir()
    with pytest.raises(ProjectError, match=r"c\.csv is a folder"):
        look_up(str(tmp_path / "c.csv"), "a")


def test_a_pipe_is_refused_without_waiting_for_its_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.csv")
    with pytest.raises(ProjectError, match=r"c\.csv is no regular file"):
        look_up(str(tmp_path / "c.csv"), "a")


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.csv").symlink_to(tmp_path / "c.csv")
    with pytest.raises(ProjectError, match=r"c\.csv cannot be read: .*symbolic links"):
        look_up(str(tmp_path / "c.csv"), "a")


def test_an_unknown_ending_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        look_up(write(tmp_path, "c.xlsx", "x"), "a")
    assert ".ndjson" in caught.value.hint


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", b"", "c.csv:1:1: the file is empty"),
        ("c.csv", b"customer,n\na,b\n", 'c.csv:1:1: there is no column "customer_id"'),
        ("c.csv", b"customer_id,n,n\na,b,c\n", 'c.csv:1:1: the column "n" stands twice in the header'),
        ("c.csv", b"customer_id\xff,n\na,b\n", "c.csv:1:12: the header is not UTF-8 (byte 0xff)"),
        ("c.ndjson", b"", "c.ndjson:1:1: the file is empty"),
        ("c.ndjson", b'{"customerid": 1}\n', 'there is no column "customer_id"'),
        ("c.json", b"", "c.json:1:1: the file is empty"),
        ("c.json", b"7", "c.json:1:1: the file is not JSON: it is neither a list of objects nor an object by key"),
        ("c.json", b'[{"customer_id": 1}\n,]', "c.json:2:2: the file is not JSON"),
        ("c.json", b'[{"customer_id": 1}] x', "c.json:1:22: the file is not JSON: something follows its end"),
        ("c.json", b'{"a": {}, b: {}}', "c.json:1:11: the file is not JSON"),
        ("c.json", b"[" * 100_000, "nested too deeply"),
        ("c.json", b'[{"customerid": 1}]', 'there is no column "customer_id"'),
    ],
)
def test_a_file_that_cannot_be_read_through_is_refused_with_the_place(
    tmp_path: Path, name: str, content: bytes, message: str, index_from: int
) -> None:
    path = write(tmp_path, name, content)
    with pytest.raises(ProjectError) as caught:
        look_up(path, "a", index_dir=str(tmp_path / "i"), index_from=index_from)
    assert message in caught.value.message
    assert name in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
@pytest.mark.parametrize("indexed", [True, False])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("c.csv", b"customer_id,n\nbad,\xff\ngood,1\n", "c.csv:2:5: the row is not UTF-8 (byte 0xff)"),
        ("c.csv", b'customer_id,n\nbad,"x\ngood,y\n', "c.csv:2:1: the row cannot be read: a quote is opened"),
        ("c.csv", b'customer_id,n\nbad,"x"y\ngood,1\n', "c.csv:2:1: the row cannot be read: text follows a closing"),
        ("c.csv", b"customer_id,n\nbad,1,2\ngood,1\n", "c.csv:2:1: the row has 3 cells, the header 2"),
        ("c.ndjson", b'{"customer_id": "bad", "n": "\xff"}\n{"customer_id": "good"}\n', "c.ndjson:1:30: the row is no"),
        ("c.ndjson", b'{"customer_id": "bad", "n": 1, "n": 2}\n{"customer_id": "good"}\n', 'has the name "n" twice'),
        (
            "c.json",
            b'[{"customer_id": "bad",\n"n": "\xff"},\n{"customer_id": "good"}]',
            "c.json:1:2: the row is not",
        ),
        ("c.json", b'[{"customer_id": "good"},\n{"customer_id": "bad", "n": 1, "n": 2}]', "c.json:2:1: the row has"),
    ],
)
def test_a_broken_row_is_refused_with_its_place_and_the_others_are_found(
    tmp_path: Path, name: str, content: bytes, message: str, index_from: int, indexed: bool
) -> None:
    path = write(tmp_path, name, content)
    index_dir = str(tmp_path / "i") if indexed else None
    with EntityFile("customer", path, "customer_id", {}, index_dir, index_from=index_from) as file:
        file.look_up(["bad", "good"])
        for _ in range(3):
            assert file.get("good") is not None
            with pytest.raises(ProjectError) as caught:
                file.get("bad")
            assert message in caught.value.message
            assert caught.value.hint


def test_a_line_of_ndjson_that_is_broken_hides_no_other(tmp_path: Path) -> None:
    path = write(
        tmp_path, "c.ndjson", b'{"customer_id": 1}\n{"customer_id"\n' + b"[" * 100_000 + b'\n{"customer_id": 2}'
    )
    assert look_up(path, "2") == Row({"customer_id": 2}, 4)


@pytest.mark.parametrize(
    "content", [b"customer_id;n\na;b\n", b"customer_id,n\ra,b\r", "customer_id,n\na,b".encode("utf-16")]
)
def test_a_csv_is_read_in_the_dialect_that_its_header_has(tmp_path: Path, content: bytes) -> None:
    assert look_up(write(tmp_path, "c.csv", content), "a") == Row({"customer_id": "a", "n": "b"}, 2)


def test_a_refusal_is_repeated_at_every_look_up(tmp_path: Path) -> None:
    with EntityFile("customer", write(tmp_path, "c.csv", "id\n1\n"), "customer_id", {}, None) as file:
        for _ in range(3):
            with pytest.raises(ProjectError, match="there is no column"):
                file.get("acme")


def test_a_file_that_becomes_unreadable_and_comes_back_is_found(tmp_path: Path) -> None:
    path = Path(write(tmp_path, "c.csv", CSV))
    with EntityFile("customer", str(path), "customer_id", {}, None) as file:
        file.get("acme")
        path.unlink()
        with pytest.raises(ProjectError, match="does not exist"):
            file.get("acme")
        path.write_text(CSV)
        settle(path)
        assert file.get("acme") is not None


def test_importing_the_room_loads_nothing_that_is_only_sometimes_needed() -> None:
    heavy = {"csv", "json", "sqlite3", "dataclasses", "pathlib", "inspect", "pydantic", "rich", "difflib"}
    code = "import sys; before = set(sys.modules); import ingestlayer_cli.entities;print(*(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(answer.stdout.split())


def test_a_column_has_our_name_in_csv_and_json(tmp_path: Path) -> None:
    columns = {"customer_id": "Account ID", "csm": "CSM Channel"}
    wanted = {"customer_id": "a", "csm": "#ops", "plan": "pro"}
    csv = write(tmp_path, "c.csv", "Account ID,CSM Channel,csm,plan\n a ,#ops,x,pro\n")
    ndjson = write(tmp_path, "c.ndjson", '{"Account ID": "a", "CSM Channel": "#ops", "plan": "pro"}\n')
    for path in (csv, ndjson):
        row = look_up(path, "a", columns=columns)
        assert row is not None
        assert row.values == wanted


def test_numbers_and_dates_are_read_as_format_says(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id;mrr;renewal\na;1.900,50 €;31.01.2027\nb;1.5;soon\n")
    types = {"mrr": "number", "renewal": "date"}
    format = {"decimal": ",", "thousands": ".", "currency": True, "dates": "%d.%m.%Y"}
    rows = [look_up(path, key, types=types, format=format) for key in "ab"]
    assert [row and (row.values["mrr"], row.values["renewal"]) for row in rows] == [
        (1900.5, "2027-01-31"),
        ("1.5", "soon"),
    ]


def test_another_format_gets_a_new_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n;x\na,b;c\n")
    for delimiter, key in ((",", "customer_id"), (";", "x"), (",", "customer_id")):
        index_dir, wanted = str(tmp_path / "i"), "a" if delimiter == "," else "c"
        format = {"delimiter": delimiter}
        row = look_up(path, wanted, column=key, index_dir=index_dir, index_from=ALWAYS_INDEXED, format=format)
        assert row is not None
        assert row.line == 2


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
@pytest.mark.parametrize("data", [gzip.compress(CSV.encode(), mtime=0), CSV.encode("utf-16")])
def test_a_file_that_is_packed_or_wide_is_read_by_its_rows_places(tmp_path: Path, data: bytes, index_from: int) -> None:
    path = write(tmp_path, "c.csv.gz", data)
    for _ in range(2):  # the index is built, and used again
        row = look_up(path, "globex", index_dir=str(tmp_path / "i"), index_from=index_from)
        assert row == Row({"customer_id": "globex", "name": "Globex", "mrr": "12.5"}, 3)


def test_keys_are_trimmed_and_composed_on_both_sides(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,name\n acme ,Acme Inc \nCafe\u0301,x\n")
    assert look_up(path, " acme\t") == Row({"customer_id": "acme", "name": "Acme Inc"}, 2)
    assert (
        look_up(path, "Caf\u00e9") == look_up(path, "Cafe\u0301") == Row({"customer_id": "Caf\u00e9", "name": "x"}, 3)
    )


# A file that is being written


@pytest.mark.parametrize("name", ["c.csv", "c.ndjson", "c.json"])
def test_an_empty_file_is_being_written_and_no_empty_table(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProjectError, match="the file is empty") as caught:
        look_up(write(tmp_path, name, ""), "a")
    assert "move it into place" in caught.value.hint


def test_a_csv_that_has_a_header_alone_is_being_written_until_some_time_has_passed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("customer_id,name\n")
    with pytest.raises(ProjectError, match="it has a header, and no rows yet"):
        look_up(str(path), "a")
    settle(path)
    assert look_up(str(path), "a") is None


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED])
def test_the_half_row_of_a_young_file_is_refused_and_the_others_are_found(tmp_path: Path, index_from: int) -> None:
    path = tmp_path / "c.csv"
    path.write_text("customer_id,mrr\na,5\nb,1")
    with EntityFile("customer", str(path), "customer_id", {}, str(tmp_path / "i"), index_from=index_from) as file:
        file.look_up(["a", "b"])
        assert file.get("a") == Row({"customer_id": "a", "mrr": "5"}, 2)
        with pytest.raises(ProjectError, match=r"c\.csv:3:1: the row has no line end"):
            file.get("b")
    settle(path)
    assert look_up(str(path), "b") == Row({"customer_id": "b", "mrr": "1"}, 3)


@pytest.mark.parametrize("index_from", [ALWAYS_INDEXED, NEVER_INDEXED], ids=["large", "small"])
@pytest.mark.parametrize(
    ("key", "like"),
    [("ACME", "acme"), ("ac me", "acme"), ("ac\u200bme", "acme"), ("0042", "42"), ("7", "007"), ("nobody", "")],
)
def test_for_a_key_that_is_not_there_one_is_told_that_looks_the_same(
    key: str, like: str, index_from: int, tmp_path: Path
) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\nacme,1\n42,2\n007,3\n")
    with EntityFile("customer", path, "customer_id", {}, str(tmp_path / "i"), index_from=index_from) as file:
        assert file.get(key) is None
        assert file.near_key(key) == like


def test_no_more_rows_are_kept_than_are_wanted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "c.csv", CSV)
    reads = counted_reads(monkeypatch)
    with EntityFile("customer", path, "customer_id", {}, None, most=1) as file:
        assert [*file.look_up(["acme", "globex"])] == ["acme", "globex"]
        assert [*file.look_up(["acme", "globex"])] == ["acme", "globex"]
        assert len(reads) == 2
        assert [*file.look_up(["acme", "nobody"])] == ["acme"]
        assert [*file.look_up(["globex"])] == ["globex"]
        assert len(reads) == 4


def test_a_file_is_told_by_its_stamp_as_it_was_looked_at(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", CSV)
    with EntityFile("customer", path, "customer_id", {}, None) as file:
        assert file.as_read() is None  # nobody has looked
        file.look_up(["acme"])
        stamp = file.as_read()
        assert stamp == file.stamp()
        write(tmp_path, "c.csv", CSV.replace("499", "500"))
        assert file.as_read() == stamp
        file.look_up([])
        assert file.as_read() == file.stamp() != stamp
        os.utime(path)
        file.look_up([])
        assert file.as_read() is None  # it was changed a moment ago, and may change unseen
