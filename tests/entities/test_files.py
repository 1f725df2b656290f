"""What of an entity file cannot be used, and what of it can all the same."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.entities.file import INDEX_FROM
from ingestlayer_cli.entities.files import EntityFiles
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.errors import ProjectError
from ingestlayer_cli.system.stamps import stamp_of

GOOD = b"id,name\nacme,Acme\nglobex,Globex\n"
BAD_ROW = b"id,name\nacme,Acme\nglobex,Glo\xffbex\n"
BAD_KEY = b"id,name\nacme,Acme\nglo\xffbex,Globex\n"


class Kept:
    """One entity file, as runs ask for its rows."""

    def __init__(self, root: Path, name: str = "customers.csv", index: str | None = None) -> None:
        self.path = root / name
        table = {"file": name, "key": "id", "types": {}, "columns": {}, "format": {}}
        self.files = EntityFiles(str(root), {"customer": table}, Clock(), index)

    def write(self, content: bytes) -> None:
        self.path.write_bytes(content)
        os.utime(self.path, (1_700_000_000, 1_700_000_000))

    def name(self, key: str) -> Any:
        row = self.files.get("customer", key)
        return row and row.values["name"]

    def close(self) -> None:
        self.files.close()

    def failing(self, key: str) -> ProjectError:
        with pytest.raises(ProjectError) as caught:
            self.files.get("customer", key)
        return caught.value


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    with closing(Kept(tmp_path)) as found:
        yield found


def test_an_error_names_the_file_as_it_was(kept: Kept) -> None:
    assert kept.failing("acme").by == (str(kept.path), None)
    kept.write(b"")
    kept.files.refresh()
    assert kept.failing("acme").by == (str(kept.path), stamp_of(str(kept.path)))


def test_a_file_that_cannot_be_used_is_so_until_it_is_looked_at_again(kept: Kept) -> None:
    kept.failing("acme")
    kept.write(GOOD)
    kept.failing("globex")
    kept.files.refresh()
    assert kept.name("globex") == "Globex"


def test_each_run_has_an_error_of_its_own(kept: Kept) -> None:
    first = kept.failing("acme")
    first.message = "redacted"
    assert kept.failing("acme").message != "redacted"


def test_a_row_that_cannot_be_read_keeps_no_other_from_it(kept: Kept) -> None:
    kept.write(BAD_ROW)
    assert kept.failing("globex").message.startswith("customers.csv:3:")
    assert (kept.name("acme"), kept.name("initech")) == ("Acme", None)
    assert kept.failing("globex").by == (str(kept.path), stamp_of(str(kept.path)))


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("customers.csv", BAD_KEY, 3),
        ("customers.ndjson", b'{"id":"acme","name":"Acme"}\n{"id":"glob\n', 2),
    ],
)
@pytest.mark.parametrize("size", ["small", "indexed", "read through"])
def test_a_key_that_is_not_there_may_be_in_a_row_whose_key_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, line: int, size: str
) -> None:
    last = content.splitlines(keepends=True)[-1]
    more = b"" if size == "small" else last.replace(b"glo", b"other") * (INDEX_FROM // len(last))
    with closing(Kept(tmp_path, name, str(tmp_path / "index") if size == "indexed" else None)) as kept:
        kept.write(content + more)
        assert kept.name("acme") == "Acme"
        words = kept.failing("globex").message
        assert words.startswith(f"{name}:{line}:")
        assert words.endswith("; whose row it is cannot be told")
        kept.files.look_up("customer", ["acme", "initech", "globex"])
        assert kept.name("acme") == "Acme"
        kept.failing("initech")


def test_a_disk_that_fails_is_a_file_that_cannot_be_read(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.write(GOOD)
    assert kept.name("acme") == "Acme"

    def fails(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "pread", fails)
    kept.files.refresh()
    assert kept.failing("globex").message == f"{kept.path} cannot be read: Input/output error"


def test_a_file_that_is_just_being_replaced_has_its_name(kept: Kept) -> None:
    kept.write(GOOD)
    assert kept.files.name("customer").startswith("customers.csv (")
    kept.path.unlink()
    kept.files.refresh()
    assert kept.files.name("customer") == "customers.csv"
