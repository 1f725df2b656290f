"""A store is copied to another engine, and back; emitters go on until the switch."""

import json
import os
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from ingestlayer_cli.model.documents.schema import schema_of
from ingestlayer_cli.store.sql.copying import TABLES
from tests.support.posting import TYPE, Posting, envelope, payload
from tests.support.program import here
from tests.support.standin import SlackStandin


def run(posting: Posting, *arguments: str, code: int = 0) -> Any:
    result = here(posting.root, *arguments, "--json")
    assert result.code == code, result
    return result.json


def emit(posting: Posting, number: int, code: int = 0) -> Any:
    data = ("--data", json.dumps(payload(number)), "--key", f"key-{number}")
    return run(posting, "emit", TYPE, *data, code=code)


def copy(posting: Posting, postgres: str, code: int = 0) -> Any:
    url, schema = postgres.split("#")
    return run(posting, "store", "copy", "--to", url, "--in-schema", schema, code=code)


def switch(posting: Posting, postgres: str) -> None:
    url, schema = postgres.split("#")
    posting.settings(store=f'url = "{url}"\nschema = "{schema}"')


def test_a_store_goes_to_postgresql_and_back(
    posting: Posting, postgres: str, tmp_path: Path, slack: SlackStandin
) -> None:
    posting.stored(5)
    emit(posting, 7)
    result = copy(posting, postgres)
    assert (result["same"], result["tables"]["events"]["there"]) == (True, 6)
    assert list(Draft202012Validator(schema_of("store copy")).iter_errors(result)) == []
    switch(posting, postgres)
    assert emit(posting, 3)["status"] == "duplicate"
    assert emit(posting, 8)["runs"][0]["deliveries"][0]["status"] == "delivered"
    assert len(slack.messages) == 7
    back = run(posting, "store", "copy", "--to", str(tmp_path / "back.db"))
    assert (back["same"], back["tables"]["events"]["there"]) == (True, 7)
    assert run(posting, "store", "info", "--with", str(tmp_path / "back.db"))["same"] is True


def test_what_came_since_is_copied_by_one_more(posting: Posting, postgres: str) -> None:
    posting.stored(3, deliver=False)
    copy(posting, postgres)
    emit(posting, 7, 0)
    url, schema = postgres.split("#")
    told = run(posting, "store", "info", "--with", url, "--in-schema", schema, code=1)
    assert (told["tables"]["events"]["here"], told["tables"]["events"]["there"]) == (4, 3)
    assert copy(posting, postgres)["same"] is True


def test_a_store_that_is_in_use_is_not_written_over(posting: Posting, postgres: str) -> None:
    posting.stored(1)
    copy(posting, postgres)
    switch(posting, postgres)
    emit(posting, 9)
    posting.settings()
    assert "is in use already" in copy(posting, postgres, code=78)["error"]["message"]


def test_a_copy_that_has_sent_what_waited_is_not_written_over(
    posting: Posting, postgres: str, slack: SlackStandin
) -> None:
    posting.stored(2, deliver=False)
    copy(posting, postgres)
    switch(posting, postgres)
    assert here(posting.root, "deliver").code == 0
    posting.settings()
    assert "is in use already: it has sent dlv_" in copy(posting, postgres, code=78)["error"]["message"]
    assert len(slack.messages) == 2


def test_a_store_of_others_is_not_written_over(posting: Posting, postgres: str) -> None:
    switch(posting, postgres)
    emit(posting, 9)
    posting.settings()
    posting.stored(1)
    assert "events of its own" in copy(posting, postgres, code=78)["error"]["message"]


def test_a_password_is_no_argument(posting: Posting) -> None:
    posting.batch([envelope(1)])
    result = here(posting.root, "store", "copy", "--to", "postgresql://me:s3cret@host/db", "--json")
    assert result.code == 2
    assert "s3cret" not in result.out + result.err


def test_both_engines_have_the_tables_that_are_copied(posting: Posting, postgres: str) -> None:
    posting.stored(1)
    copy(posting, postgres)
    own = {
        name: [row[1] for row in posting.sql(f"PRAGMA table_info({name})")]
        for (name,) in posting.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    }
    schema = postgres.partition("#")[2]
    posting.share(os.environ["DATABASE_URL"], schema)
    theirs: dict[str, list[str]] = {}
    for table, column in posting.sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = ? ORDER BY 1, 2", schema
    ):
        theirs.setdefault(table, []).append(column)
    del theirs["store"]
    wanted = {name: sorted(table.columns) for name, table in TABLES.items()}
    assert {name: sorted(columns) for name, columns in own.items()} == wanted == theirs
