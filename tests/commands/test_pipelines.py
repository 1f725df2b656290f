"""`pipelines list` and `pipelines show`."""

import sqlite3
import time
from typing import Any

import pytest

from ingestlayer_cli.render.pipelines import sparkline
from tests.support.folder import Folder
from tests.support.older_store import make_older
from tests.support.tested import matches_snapshot, tree

HOUR = 3_600_000
DAY = 24 * HOUR
OTHER = """# no match: it takes everything
description = "Takes [red]all[/red] of it."
status = "paused"
steps = [{ use = "filter", combinator = "or", conditions = [{ field = "used", op = ">", value = 1 }] }]
"""


def store(project: Folder, *events: tuple[int, str], pipeline: str = "alert", replayed: bool = False) -> None:
    """Store events so many milliseconds old, each with a run of this outcome."""
    assert project.here("emit", "usage", "--customer", "zeta", "--used", "0", "--limit", "1", "-q").code == 0
    now = time.time_ns() // 1_000_000
    connection = sqlite3.connect(project.store)
    with connection:
        connection.execute("DELETE FROM runs")
        connection.execute("DELETE FROM events")
        (version,) = connection.execute("SELECT seq FROM pipeline_versions WHERE pipeline = ?", (pipeline,)).fetchone()
        for number, (age, outcome) in enumerate(events, start=1):
            row = (number, f"evt_{number:026}", "usage", now - age, now, "test", "{}")
            connection.execute(
                "INSERT INTO events (seq, id, type, received_at, accepted_at, source, payload) VALUES (?,?,?,?,?,?,?)",
                row,
            )
            connection.execute(
                "INSERT INTO runs (event, number, version, outcome, trace, replayed_at) VALUES (?, 1, ?, ?, '[]', ?)",
                (number, version, outcome, now if replayed else None),
            )
    connection.close()


def listed(project: Folder, name: str = "alert") -> Any:
    """Return the row of one pipeline in `list --json`."""
    rows = project.here("pipelines", "list", "--json").json["pipelines"]
    return next(row for row in rows if row["name"] == name)


BUSY = [
    *[(HOUR, "queued")] * 3,
    (2 * HOUR, "dropped"),
    *[(DAY + HOUR, "queued")] * 12,
    (2 * DAY, "failed"),
    *[(6 * DAY + HOUR, "dropped")] * 7,
]


def test_a_list_looks_as_it_did(tested: Folder) -> None:
    tested.write("pipelines/other.toml", OTHER)
    store(tested, *BUSY)
    connection = sqlite3.connect(tested.store)
    with connection:
        connection.execute("UPDATE pipeline_versions SET first_used = 1793698200000")
    connection.close()
    assert matches_snapshot("pipelines", "list_80.txt", tested.here("pipelines", "list").out)


def test_a_pipeline_shown_looks_as_it_did(tested: Folder) -> None:
    assert matches_snapshot("pipelines", "show_80.txt", tested.here("pipelines", "show", "alert").out)


def test_a_pipeline_without_destinations_looks_as_it_did(tested: Folder) -> None:
    tested.write("pipelines/other.toml", OTHER)
    assert matches_snapshot("pipelines", "show_other_80.txt", tested.here("pipelines", "show", "other").out)


def test_a_list_names_status_and_what_is_matched(tested: Folder) -> None:
    tested.write("pipelines/other.toml", OTHER)
    out = tested.here("pipelines", "list").out
    assert "other  paused\n  matches every type\n" in out
    assert "alert  active\n  matches usage\n" in out


def test_a_day_and_a_week_are_counted_by_outcome(tested: Folder) -> None:
    store(tested, *BUSY)
    row = listed(tested)
    assert row["last_24h"] == {"queued": 3, "dropped": 1, "failed": 0}
    assert row["last_7d"] == {"queued": 15, "dropped": 8, "failed": 1}


def test_each_of_the_last_seven_days_is_counted(tested: Folder) -> None:
    store(tested, *BUSY)
    assert [sum(day.values()) for day in listed(tested)["days"]] == [7, 0, 0, 0, 1, 12, 4]


def test_what_is_older_than_a_week_does_not_count(tested: Folder) -> None:
    store(tested, (7 * DAY + 1, "queued"))
    assert listed(tested)["last_7d"] == {"queued": 0, "dropped": 0, "failed": 0}


def test_what_has_a_time_to_come_does_not_count(tested: Folder) -> None:
    store(tested, (-HOUR, "queued"))
    assert listed(tested)["last_7d"]["queued"] == 0


def test_replays_do_not_count(tested: Folder) -> None:
    store(tested, (HOUR, "queued"), replayed=True)
    assert listed(tested)["last_7d"]["queued"] == 0


def test_an_emitted_event_counts(tested: Folder) -> None:
    tested.here("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "-q")
    assert listed(tested)["last_24h"] == {"queued": 1, "dropped": 0, "failed": 0}


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [
        ([0, 0, 0], "···"),
        ([1, 1, 1], "███"),
        ([0, 1, 8], "·▁█"),
        ([1, 2, 3, 4, 5, 6, 7, 8], "▁▂▃▄▅▆▇█"),
        ([1, 10_000_000], "▁█"),
        ([], ""),
    ],
)
def test_a_sparkline_is_as_high_as_its_greatest_number(counts: list[int], drawn: str) -> None:
    assert sparkline(counts) == drawn


def test_a_version_is_known_since_its_first_event(tested: Folder) -> None:
    assert listed(tested)["since"] is None
    tested.here("emit", "usage", "--customer", "acme", "--used", "1", "--limit", "100", "-q")
    assert listed(tested)["since"].startswith("20")


def test_an_edited_pipeline_has_its_versions_newest_first(tested: Folder) -> None:
    emit = ("emit", "usage", "--customer", "acme", "--used", "1", "--limit", "100", "-q")
    tested.here(*emit)
    first = listed(tested)["version"]
    tested.edit("pipelines/alert.toml", "is out", "is empty")
    tested.here(*emit)
    shown = tested.here("pipelines", "show", "alert", "--json").json
    assert [version["version"] for version in shown["versions"]] == [shown["version"], first]
    assert [version["current"] for version in shown["versions"]] == [True, False]


def test_an_edit_that_has_not_run_says_so(tested: Folder) -> None:
    tested.here("emit", "usage", "--customer", "acme", "--used", "1", "--limit", "100", "-q")
    tested.edit("pipelines/alert.toml", "is out", "is empty")
    assert "not used yet" in tested.here("pipelines", "list").out
    assert "the file as it is now, not used yet" in tested.here("pipelines", "show", "alert").out


def test_conditions_are_shown_as_their_author_wrote_them(tested: Folder) -> None:
    tested.edit("pipelines/alert.toml", "$event.used >= $event.limit", "($event.used)   >= ($event.limit - 0)")
    out = tested.here("pipelines", "show", "alert").out
    assert "when ($event.used) >= ($event.limit - 0)" in out
    document = tested.here("pipelines", "show", "alert", "--json").json
    assert document["destinations"][0]["when"] == "($event.used)   >= ($event.limit - 0)"


def test_a_pipeline_shown_as_json_has_its_parts(tested: Folder) -> None:
    document = tested.here("pipelines", "show", "alert", "--json").json
    assert [step["use"] for step in document["steps"]] == ["enrich.entity", "filter", "dedupe"]
    assert [row["channel"] for row in document["destinations"]] == ["#alerts", "#growth"]
    assert document["file"] == "pipelines/alert.toml"


def test_a_date_in_the_file_is_a_text_in_json(tested: Folder) -> None:
    condition = 'steps = [{ use = "filter", conditions = [{ field = "used", op = ">", value = 1 }] }]'
    day = '[[tests]]\nname = "t"\nevent = { type = "usage", payload = { day = 2026-11-03 } }\nexpect = { messages = 0 }'
    tested.write("pipelines/other.toml", f"{condition}\n{day}\n")
    assert tested.here("pipelines", "show", "other", "--json").json["tests"] == 1


@pytest.mark.parametrize("command", [("list",), ("show", "alert"), ("list", "--json"), ("show", "alert", "--json")])
def test_reading_makes_no_store(tested: Folder, command: tuple[str, ...]) -> None:
    assert tested.here("pipelines", *command).code == 0
    assert not tested.store.exists()


def test_reading_leaves_the_store_as_it_was(tested: Folder) -> None:
    tested.here("emit", "usage", "--customer", "acme", "--used", "1", "--limit", "100", "-q")
    folder = tested.root / ".ingestlayer"
    (folder / "project.json").unlink(missing_ok=True)
    before = {name: data for name, data in tree(folder).items() if name != "project.json"}
    tested.here("pipelines", "list")
    assert {name: data for name, data in tree(folder).items() if name != "project.json"} == before


def test_a_store_of_an_older_version_is_read(tested: Folder) -> None:
    tested.here("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "-q")
    make_older(tested.store)
    assert listed(tested)["last_24h"]["queued"] == 1


def test_a_pipeline_that_there_is_not_is_a_usage_error_with_the_near_miss(tested: Folder) -> None:
    result = tested.here("pipelines", "show", "alrt")
    assert result.code == 2
    assert 'there is no pipeline "alrt" (did you mean "alert"?)' in result.err


def test_texts_of_files_are_no_markup_and_drive_no_terminal(tested: Folder) -> None:
    tested.write("pipelines/other.toml", OTHER.replace("Takes", "\\u001b]0;owned\\u0007 Takes"))
    out = tested.here("pipelines", "show", "other").out
    assert "Takes [red]all[/red] of it." in out
    assert not set("\x1b\x07") & set(out)


@pytest.mark.parametrize("columns", ["40", "80"])
def test_no_line_is_wider_than_the_terminal(tested: Folder, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = tested.here("pipelines", "show", "alert").out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert not [line for line in lines if line != line.rstrip()]


def test_a_pipe_gets_no_escapes(tested: Folder) -> None:
    result = tested.run("pipelines", "show", "alert")
    assert result.code == 0
    assert "\x1b" not in result.out


def test_a_broken_pipeline_is_listed_as_such(tested: Folder) -> None:
    tested.write("pipelines/torn.toml", 'match = ["usage"]\ntorn [\n')
    assert listed(tested, "torn")["status"] == "broken"
    assert "torn  broken\n  matches usage\n" in tested.here("pipelines", "list").out
