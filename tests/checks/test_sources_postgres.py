"""A query on a real PostgreSQL server."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.checks import Checked, table

SETUP = """
CREATE TABLE usage (customer_id text, used numeric, "limit" bigint, at timestamptz, tags jsonb, id uuid);
INSERT INTO usage VALUES
  ('acme', 9.5, 10, '2026-11-03T09:30:00Z', '["a"]', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
  ('globex', 8, 10, NULL, NULL, NULL),
  ('nan', 'NaN', 10, NULL, NULL, NULL),
  ('endless', 'Infinity', 10, NULL, NULL, NULL),
  ('none', NULL, 10, NULL, NULL, NULL);
CREATE ROLE meter LOGIN PASSWORD 's3cret';
GRANT SELECT, INSERT ON usage TO meter;
CREATE FUNCTION add_one() RETURNS int LANGUAGE sql AS $$ INSERT INTO usage VALUES ('x', 9, 10) RETURNING 1 $$;
"""


@pytest.fixture(scope="module")
def server(postgres_server: str) -> Iterator[str]:
    """A database with a table of usage; its address, of a user with a password."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE metered")
    address = postgres_server.removesuffix("postgres") + "metered"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(SETUP)
    yield address.replace("//postgres@", "//meter:s3cret@")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute("DROP DATABASE metered WITH (FORCE)")
        connection.execute("DROP ROLE meter")


@pytest.fixture
def queried(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> Checked:
    monkeypatch.setenv("METER_DB", server)
    return Checked(tmp_path / "project", query("SELECT * FROM usage", "min_judged = 0.3"))


def query(text: str, more: str = "") -> str:
    return table('source = "env:METER_DB"', more=f"query = '''{text}'''\n{more}")


def error(queried: Checked) -> str:
    result = queried.run()
    assert result.exit_codes == [75], result
    return str(result["error"]["message"])


def test_a_query_is_read_and_what_is_no_number_is_reported(queried: Checked) -> None:
    result = queried.run()
    assert [row["key"] for row in result["crossed"]] == ["acme", "globex"]
    assert [row["problem"] for row in result["problems"]] == [
        "nan: used is 'NaN', which is no number",
        "endless: used is 'Infinity', which is no number",
        "none: used is missing",
    ]
    assert queried.events[0][1]["used"] == 9.5
    assert queried.crossed() == []


def test_values_of_every_type_become_json(queried: Checked) -> None:
    queried.tables(query("SELECT * FROM usage") + '[events]\nundeclared = "accept"\n')
    queried.tables((queried.root / "ingestlayer.toml").read_text().replace("usage.limit", "usage.other"))
    queried.run()
    payload = queried.events[0][1]
    assert payload["at"].startswith("2026-11-03T")
    assert (payload["tags"], payload["id"]) == (["a"], "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "SELECT add_one() AS used, 1 AS limit, 'x' AS customer_id",
            "cannot execute INSERT in a read-only transaction",
        ),
        ("INSERT INTO usage VALUES ('x', 9, 10)", "syntax error"),
        ("SELECT * FROM usages", 'relation "usages" does not exist'),
        ("SELECT 1; DROP TABLE usage", "cannot"),
    ],
)
def test_nothing_but_a_query_that_reads_is_run(queried: Checked, text: str, words: str) -> None:
    queried.tables(query(text))
    found = error(queried)
    assert found.startswith("PostgreSQL: ")
    assert words in found or "multiple" in found
    queried.tables(query("SELECT * FROM usage"))
    assert queried.run()["rows"] == 5


def test_a_query_that_takes_too_long_is_ended(queried: Checked) -> None:
    queried.tables(query("SELECT pg_sleep(60), 1 AS used, 1 AS limit, 'x' AS customer_id", 'timeout = "500ms"'))
    began = time.monotonic()
    assert "statement timeout" in error(queried)
    assert time.monotonic() - began < 50


def test_rows_come_as_they_are_read(queried: Checked) -> None:
    text = "SELECT 'c' || n AS customer_id, 1 AS used, 10 AS limit FROM generate_series(1, 50000) n"
    queried.tables(query(text))
    assert queried.run()["rows"] == 50_000


@pytest.mark.parametrize(
    ("old", "new"), [("s3cret", "wr0ng"), ("meter:s3cret", "nobody:wr0ng"), ("127.0.0.1:", "127.0.0.1:1")]
)
def test_an_error_never_holds_the_password(
    queried: Checked, server: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.setenv("METER_DB", server.replace(old, new, 1))
    result = queried.run()
    assert result.exit_codes == [75]
    assert "wr0ng" not in str(result)
    assert "s3cret" not in str(result)


def test_an_address_that_is_none_is_an_error_without_it(queried: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METER_DB", "postgresql://meter:s3cret@host:no-port/db")
    assert "s3cret" not in error(queried)


DATES = ("'infinity'", "'-infinity'", "'20000-01-01'", "'0044-03-15 BC'", "'2026-11-03'")


def test_what_python_has_no_date_for_is_a_cell_and_stops_no_row(queried: Checked) -> None:
    rows = ", ".join(
        f"('c{number}', 9, 10, {value})"
        for number, value in enumerate(
            ("'infinity'", "'-infinity'", "'20000-01-01'", "'0044-03-15 BC'", "'2026-11-03'")
        )
    )
    for kind in ("timestamptz", "timestamp", "date"):
        columns = f'SELECT customer_id, used, "limit", at::{kind} AS at'
        text = f'{columns} FROM (VALUES {rows}) AS t (customer_id, used, "limit", at)'
        queried.tables(query(text.replace("'infinity')", "'infinity'::text)")))
        result = queried.run()
        assert (result["rows"], result["problems"], result.exit_codes) == (5, [], [])


def test_bytes_are_shown_as_postgresql_shows_them(queried: Checked) -> None:
    text = "SELECT '\\x0aff'::bytea AS customer_id, 9 AS used, 10 AS limit"
    queried.tables(query(text))
    assert [row["key"] for row in queried.run()["crossed"]] == ["\\x0aff"]


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("s3cret", "wr0ng", "look at the user and the password in env:METER_DB"),
        ("127.0.0.1:", "127.0.0.1:1", "is the server up, and reached from here? Its address is in env:METER_DB"),
    ],
)
def test_the_hint_fits_the_fault_of_the_connection(
    queried: Checked, server: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str, hint: str
) -> None:
    monkeypatch.setenv("METER_DB", server.replace(old, new, 1))
    assert queried.run()["error"]["hint"] == hint


def test_the_hint_fits_the_fault_of_the_query(queried: Checked) -> None:
    queried.tables(query("SELECT * FROM usages"))
    assert queried.run()["error"]["hint"] == "try the query with: psql"
    queried.tables(query("SELECT pg_sleep(60), 1 AS used, 1 AS limit, 'x' AS customer_id", 'timeout = "500ms"'))
    assert queried.run()["error"]["hint"] == 'give it more: timeout = "5m"'
