"""The tables of ingestlayer.toml."""

from pathlib import Path

import pytest

from ingestlayer_cli.project import load
from tests.support.project import problems, write


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('url = "postgresql://me:s3cret@host/db"', "a password does not stand here"),
        ('url = "service=usage password=s3cret"', "a password does not stand here"),
        ('url = "DATABASE_URL"', "is not where a PostgreSQL database is"),
        ('url = "env:DATABASE_URL"\npath = "a.db"', "`path` and `url` are two stores"),
        ("spool = false", "`spool` is of a store at a `url`"),
        ('schema = "usage"', "`schema` is of a store at a `url`"),
        ('url = "env:DATABASE_URL"\nschema = "a b"', "is not a name of letters"),
    ],
)
def test_a_store_is_in_one_place_that_holds_no_password(tmp_path: Path, table: str, words: str) -> None:
    found = problems(tmp_path, {"ingestlayer.toml": f"[store]\n{table}\n"})
    assert any(words in problem for problem in found), found
    assert "s3cret" not in str(found)


def test_the_place_of_a_shared_store_names_its_schema(tmp_path: Path) -> None:
    write(tmp_path, {"ingestlayer.toml": '[store]\nurl = "env:DATABASE_URL"\nschema = "usage"\n'})
    assert load(str(tmp_path)).store_path == "env:DATABASE_URL#usage"
