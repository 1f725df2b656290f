"""The files of a client in their folder."""

from pathlib import Path

import pytest

from ingestlayer_cli.sdk.folder import MARK, ClientFiles, keep
from ingestlayer_cli.system.errors import UsageError

FILES = {"index.js": f"// {MARK} 1\nx;\n", "below/events.py": f"# {MARK} 1\n", "py.typed": ""}


def test_what_is_missing_is_written_and_then_all_is_current(tmp_path: Path) -> None:
    assert keep(str(tmp_path / "new"), FILES) == ClientFiles(sorted(FILES), [], [])
    assert (tmp_path / "new" / "below" / "events.py").read_text() == FILES["below/events.py"]
    assert keep(str(tmp_path / "new"), FILES) == ClientFiles([], sorted(FILES), [])


def test_what_is_current_is_not_touched(tmp_path: Path) -> None:
    keep(str(tmp_path), FILES)
    before = (tmp_path / "index.js").stat().st_mtime_ns
    keep(str(tmp_path), {**FILES, "below/events.py": f"# {MARK} 2\n"})
    assert (tmp_path / "index.js").stat().st_mtime_ns == before
    assert (tmp_path / "below" / "events.py").read_text() == f"# {MARK} 2\n"


def test_what_is_stale_is_only_told_where_nothing_is_to_be_written(tmp_path: Path) -> None:
    keep(str(tmp_path), FILES)
    (tmp_path / "py.typed").unlink()
    newer = {**FILES, "index.js": f"// {MARK} 2\n"}
    assert keep(str(tmp_path), newer, is_to_be_written=False) == ClientFiles(
        [], ["below/events.py"], ["index.js", "py.typed"]
    )
    assert (tmp_path / "index.js").read_text() == FILES["index.js"]


def test_line_ends_that_git_turned_are_no_difference(tmp_path: Path) -> None:
    (tmp_path / "index.js").write_bytes(FILES["index.js"].replace("\n", "\r\n").encode())
    assert keep(str(tmp_path), {"index.js": FILES["index.js"]}, is_to_be_written=False).stale == []


@pytest.mark.parametrize(
    ("name", "there", "wanted"),
    [
        ("index.js", "export const mine = 1;\n", FILES["index.js"]),
        ("package.json", '{"name": "app"}', '{"name": "@ingestlayer/sdk"}'),
        ("package.json", "[]", '{"name": "@ingestlayer/sdk"}'),
    ],
)
def test_a_file_of_somebody_else_is_never_overwritten(tmp_path: Path, name: str, there: str, wanted: str) -> None:
    (tmp_path / name).write_text(there)
    with pytest.raises(UsageError, match=name):
        keep(str(tmp_path), {"another.js": FILES["index.js"], name: wanted})
    assert (tmp_path / name).read_text() == there
    assert not (tmp_path / "another.js").exists()
