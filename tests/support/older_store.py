"""A store as an older version of the program left it."""

import sqlite3
from contextlib import closing
from pathlib import Path

BACK_TO_2 = (
    "DROP INDEX events_by_key",
    "CREATE INDEX events_by_key ON events (key) WHERE key IS NOT NULL",
    *(
        f"ALTER TABLE events DROP COLUMN {column}"
        for column in ("line_up", "duplicates", "last_duplicate_at", "key_hash")
    ),
    "DROP TABLE line_ups",
    "DROP INDEX events_by_time",
    "DROP INDEX events_by_type",
    "DROP INDEX events_by_source",
    "ALTER TABLE runs DROP COLUMN replayed_at",
    "ALTER TABLE runs DROP COLUMN given",
    "DROP INDEX deliveries_in_thread",
    "ALTER TABLE deliveries DROP COLUMN directions",
    "ALTER TABLE deliveries DROP COLUMN thread",
    "ALTER TABLE deliveries DROP COLUMN superseded_by",
    "ALTER TABLE deliveries DROP COLUMN rate",
    *(
        f"DROP TABLE {table}"
        for table in (
            *("states", "entities", "threads", "people", "unfinished", "rates", "given"),
            *("notes", "api_keys"),
        )
    ),
    "DROP INDEX runs_by_outcome",
    "DROP INDEX attempts_by_time",
    "DROP INDEX deliveries_of_digest",
    "DROP INDEX deliveries_carried",
    "ALTER TABLE deliveries DROP COLUMN digest",
    "ALTER TABLE deliveries DROP COLUMN carried_by",
    "DROP INDEX deliveries_by_lane",
    "PRAGMA user_version = 2",
)


def make_older(store: Path) -> None:
    """Bring a store back to version 2 of the schema."""
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        for statement in BACK_TO_2:
            connection.execute(statement)
