"""The first rows of what is named, and how it is written."""

import gzip
from pathlib import Path

import pytest

from ingestlayer_cli.operations import sampling
from ingestlayer_cli.system.errors import UsageError


def test_a_delimiter_that_the_header_shows_is_found(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("a;b\n1;2\n")
    sample, format = sampling.sampled("u.csv", None, {}, str(tmp_path))
    assert (sample.columns, sample.rows, format) == (["a", "b"], [{"a": "1", "b": "2"}], {"delimiter": ";"})


def test_a_delimiter_that_the_file_says_needs_no_setting(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("sep=;\na;b\n1;2\n")
    assert sampling.sampled("u.csv", None, {}, str(tmp_path)).format == {}


def test_a_file_that_is_no_utf8_is_read_as_windows_writes_it_unless_somebody_said(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_bytes("a,b\nMüller,2\n".encode("cp1252"))
    sample, format = sampling.sampled("u.csv", None, {}, str(tmp_path))
    assert (sample.rows[0]["a"], format) == ("Müller", {"encoding": "cp1252"})
    assert sampling.sampled("u.csv", None, {"encoding": "mac-roman"}, str(tmp_path)).sample.rows[0]["a"] == "M¸ller"


def test_bad_rows_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text("a,b\n1,2,3\n4,5\n")
    assert sampling.sampled("u.csv", None, {}, str(tmp_path)).sample.rows == [{"a": "4", "b": "5"}]


def test_only_the_first_rows_are_looked_at(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "u.csv.gz", "wt") as file:
        file.write("a\n" + "1\n" * (sampling.ROWS + 5))
    assert len(sampling.sampled("u.csv.gz", None, {}, str(tmp_path)).sample.rows) == sampling.ROWS


@pytest.mark.parametrize("text", ["", "a,b\n", "a,b,a\n1,2,3\n"])
def test_a_table_that_says_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "u.csv").write_text(text)
    with pytest.raises(UsageError):
        sampling.sampled("u.csv", None, {}, str(tmp_path))


def test_a_path_is_told_as_the_folder_of_the_project_has_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    assert sampling.within(".", "u.csv") == "u.csv"
    assert sampling.within("new", "u.csv") == "../u.csv"
    assert sampling.within("link", "u.csv") == "../../u.csv"
    assert sampling.within("new", "/data/u.csv") == "/data/u.csv"
    assert sampling.within("new", "sqlite:///my%20app.db") == "sqlite:///../my%20app.db"
    assert sampling.within("new", "sqlite:////data/app.db") == "sqlite:////data/app.db"
    assert sampling.within("new", "env:DATABASE_URL") == "env:DATABASE_URL"
