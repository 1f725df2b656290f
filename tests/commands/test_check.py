"""`check` as people and cron call it."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.checks import DAY, EVENT, Checked, table
from tests.support.program import Result, start, wait_until
from tests.support.startup import HEAVY, loaded


def run(checked: Checked, *arguments: str, **more: object) -> Result:
    return checked.folder.run("check", *arguments, **more)  # type: ignore[arg-type]


@pytest.fixture
def two(tmp_path: Path) -> Checked:
    """A project with two checks, `broken` before `sound`."""
    broken = table('source = "missing.csv"', name="broken")
    checked = Checked(tmp_path / "project", broken + table(name="sound"))
    checked.csv(("acme", 9, 10), ("globex", 12, 10), ("hooli", 1, 10))
    return checked


# Several


def test_a_check_that_loses_the_store_after_another_is_one_that_failed(tmp_path: Path) -> None:
    code = "import glob, os; [os.remove(it) for it in glob.glob('.ingestlayer/*.db*')]; print(open('usage.csv').read())"
    losing = table(f"command = {json.dumps([sys.executable, '-c', code])}", name="losing")
    checked = Checked(tmp_path / "project", table(name="sound") + losing)
    checked.csv(("acme", 9, 10))
    result = run(checked, "--no-deliver")
    assert result.code == 78
    assert "losing: the store " in result.err
    assert "was deleted, or replaced" in result.err
    assert "1 newly reached" in result.out


# The table


def test_the_table_at_80_and_at_120_columns(checked: Checked) -> None:
    checked.csv(("acme", 9, 10), ("globex-" + "x" * 80, 123, 10), ("hooli", 1, 10), ("zero", 1, 0))
    for width in (80, 120):
        result = run(checked, "--no-deliver", env={"COLUMNS": str(width)})
        lines = result.out.splitlines()
        assert result.code == 0
        assert max(map(len, lines)) <= width, lines
        assert lines[0].startswith("api: 4 rows, 2")
        assert [line.split()[0][:5] for line in lines[1:4]] == ["globe", "acme", "hooli"]
        assert "1,230.0%" in lines[1]
    assert "2 known" in lines[-1]
    assert "1 not judged" in lines[-1]


def test_a_dry_run_says_what_would_be_emitted(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    result = run(checked, "--dry-run")
    assert "would be emitted at 80%" in result.out
    assert "1 newly reached a level (nothing is emitted: a dry run)" in result.out


def test_a_baseline_says_what_is_known_from_now_on_and_logs_it(checked: Checked) -> None:
    checked.csv(("acme", 9, 10), ("hooli", 1, 10))
    result = run(checked, "--baseline", "--log", "check.log")
    assert "known from now on at 80%" in result.out
    assert "1 newly reached a level (nothing is emitted: known from now on)" in result.out
    assert [line["decision"] for line in lines(checked.root / "check.log")] == ["taken", "checked"]
    assert run(checked, "--baseline").out.endswith("0 newly reached a level; 1 known\n")
    assert checked.events == []


def test_a_terminal_that_is_not_utf8_gets_a_bar_too(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    result = run(checked, env={"PYTHONIOENCODING": "ascii"})
    assert "##############.." in result.out


def test_only_says_when_there_is_none(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    assert "no row has acmee in its key" in run(checked, "--only", "acmee").err
    assert run(checked, "--only=acme", "--no-deliver").out.startswith("api: 1 row, 2")


# JSON, and -q


def test_json_is_one_document_with_every_check(two: Checked) -> None:
    result = run(two, "--json", "--no-deliver")
    broken, sound = result.json["checks"]
    assert broken["error"]["kind"] == "source"
    assert {row["key"]: row["level"] for row in sound["crossed"]} == {"acme": 0.8, "globex": 1}
    assert (result.code, result.err) == (75, "")


def test_quiet_says_nothing_when_nothing_is_wrong(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    assert run(checked, "-q") == (0, "", "")


def test_quiet_says_what_cron_should_mail(two: Checked) -> None:
    two.csv(("acme", "x", 10), ("hooli", 1, 10))
    result = run(two, "-q")
    assert (result.code, result.out) == (75, "")
    assert result.err.splitlines() == [
        "error: broken: missing.csv cannot be read: No such file or directory",
        "hint: is its export running?",
        "warning: sound: line 2: acme: used is 'x', which is no number",
    ]


def test_of_many_bad_rows_ten_are_shown(checked: Checked) -> None:
    checked.tables(table(more="min_judged = 0.0"))
    checked.csv(*((f"c{number}", "x", 10) for number in range(5_000)), ("acme", 1, 10))
    result = run(checked, "-q")
    assert len(result.err.splitlines()) == 11
    assert "… and 4,990 more rows" in result.err


# Exit codes


def test_a_check_that_fails_does_not_stop_the_others(two: Checked) -> None:
    assert run(two, "--no-deliver").code == 75
    assert len(two.keys) == 2
    assert run(two, "sound").code == 0


def test_an_event_that_is_refused_is_65_and_names_the_row(checked: Checked) -> None:
    checked.write("events/usage.limit.toml", EVENT + 'plan = "string"\n')
    checked.csv(("acme", 9, 10))
    result = run(checked, "-q")
    assert result.code == 65
    assert result.err == "error: api: line 2: acme: usage.limit is refused: plan is required\n"


def test_messages_that_wait_are_75_and_told(checked: Checked) -> None:
    checked.write("ingestlayer.toml", '[slack]\nconnection = "bot"\n' + table())
    checked.csv(("acme", 9, 10))
    result = run(checked, "-q")
    assert result.code == 75
    assert "1 message still waits: ingestlayer deliver sends it" in result.err
    assert run(checked, "-q", "--no-deliver").code == 0


def test_wrong_configuration_is_78(checked: Checked) -> None:
    checked.tables(table(more='period = "moth"'))
    result = run(checked)
    assert result.code == 78
    assert 'did you mean "month"?' in result.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["apj"], 'there is no check apj (did you mean "api"?)'),
        (["--onyl", "acme"], 'unknown option --onyl (did you mean "--only"?)'),
        (["api", "--onyl", "acme"], 'unknown option --onyl (did you mean "--only"?)'),
        (["api", "other"], 'unexpected argument "other"'),
        (["--only"], "--only needs a value"),
        (["--dry-run", "--baseline"], "--baseline remembers, and --dry-run writes nothing"),
        (["--log", "no/such/folder/x.log"], "--log no/such/folder/x.log: No such file or directory"),
    ],
)
def test_wrong_usage_is_2_and_nothing_is_run(checked: Checked, arguments: list[str], words: str) -> None:
    checked.csv(("acme", 9, 10))
    result = run(checked, *arguments)
    assert result.code == 2
    assert words in result.err
    assert checked.keys == []


def test_a_project_without_checks_is_told_so(checked: Checked) -> None:
    checked.tables("")
    said = run(checked).err
    assert "has no [checks.NAME]" in said
    assert "how one is written: ingestlayer explain checks" in said


def test_stdin_is_for_one_check(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "-"', name="one") + table('source = "-"', name="two"))
    result = run(checked, stdin=b"customer_id,used,limit\nacme,9,10\n")
    assert (result.code, "one and two read stdin" in result.err) == (2, True)
    assert run(checked, "two", "-q", stdin=b"customer_id,used,limit\nacme,9,10\n").code == 0
    assert checked.keys[0].startswith("two:acme:")


def test_stdin_that_is_closed_is_an_error(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "-"'))
    program = Path(sys.executable).parent / "ingestlayer"
    done = subprocess.run(f"exec '{program}' check -q <&-", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (0, 75)
    assert "Traceback" not in done.stderr
    assert checked.keys == []


def test_ctrl_c_ends_the_command_of_a_source_and_writes_nothing(tmp_path: Path) -> None:
    words = json.dumps(
        [sys.executable, "-c", "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"]
    )
    checked = Checked(tmp_path, table(f"command = {words}"))
    process = start("check", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=100)
    assert (process.returncode, b"interrupted" in complaints) == (130, True)
    command = Path("/proc", (tmp_path / "pid").read_text())
    wait_until(lambda: not command.exists())  # whoever inherits what has ended takes its time
    assert checked.keys == []


def test_quiet_tells_a_row_that_stays_bad_once_and_without_it_each_time(checked: Checked) -> None:
    checked.csv(("acme", 9, 10), ("zero", 1, 0))
    assert "limit is 0" in run(checked, "-q", "--no-deliver").err
    assert run(checked, "-q", "--no-deliver") == (0, "", "")
    assert "limit is 0" in run(checked, "--no-deliver").err


# Help, and the start


def test_help_lists_the_options(checked: Checked) -> None:
    result = run(checked, "--help")
    assert result.code == 0
    for flag in ("--dry-run", "--baseline", "--only", "--log", "--no-deliver", "--json", "--quiet"):
        assert flag in result.out


def test_a_check_loads_nothing_heavy(checked: Checked) -> None:
    checked.csv(("acme", 9, 10), ("zero", 9, 0))
    time.sleep(0.06)  # younger files are not cached
    run(checked, "-q", "--no-deliver")
    assert loaded(checked.folder, "check", "-q", "--no-deliver") & HEAVY == set()
    assert loaded(checked.folder, "check", "--json") & HEAVY == set()


# The log


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_has_one_line_for_each_decision(two: Checked) -> None:
    two.csv(("acme", 9, 10), ("globex", 1, 10), ("zero", 1, 0))
    for _ in range(2):
        run(two, "-q", "--no-deliver", "--log", "check.log")
    found = [(line["check"], line["decision"], line.get("key")) for line in lines(two.root / "check.log")]
    first = [
        ("broken", "failed", None),
        ("sound", "problem", "zero"),
        ("sound", "crossed", "acme"),
        ("sound", "checked", None),
    ]
    assert found == [
        *first,
        *(("sound", "known", key) if name == "crossed" else (check, name, key) for check, name, key in first),
    ]
    assert all(line["at"] and line["command"] == "check" for line in lines(two.root / "check.log"))


def test_a_dry_run_logs_nothing(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    run(checked, "--dry-run", "--log", "check.log")
    assert not (checked.root / "check.log").exists()


def test_the_log_of_many_processes_has_whole_lines(checked: Checked) -> None:
    checked.csv(*((f"customer-{number}-" + "x" * 300, 9, 10) for number in range(200)))
    running = [start("check", "-q", "--no-deliver", "--log", "check.log", cwd=checked.root) for _ in range(6)]
    for process in running:
        process.communicate(timeout=100)
    found = lines(checked.root / "check.log")
    assert [line["decision"] for line in found].count("checked") == 6
    assert [line["decision"] for line in found].count("crossed") == 200


def test_emit_and_deliver_log_too(checked: Checked) -> None:
    checked.folder.run("emit", "usage.limit", "customer_id=acme", "--no-deliver", "-q", "--log", "log")
    checked.folder.run("emit", "usage.limit", "customer_id=acme", "used=x", "-q", "--log", "log")
    checked.write("events.ndjson", '{"type": "usage.limit", "payload": {"customer_id": "a"}}\n{"type": 1}\n')
    checked.folder.run("emit", "--batch", "events.ndjson", "--no-deliver", "-q", "--log", "log")
    checked.folder.run("deliver", "-q", "--log", "log")
    found = [(line["command"], line["decision"]) for line in lines(checked.root / "log")]
    emits = [("emit", "accepted"), ("emit", "refused"), ("emit", "refused"), ("emit", "batch")]
    assert found == [*emits, ("deliver", "shown"), ("deliver", "shown")]


def test_a_log_that_cannot_be_written_stops_nothing_that_was_accepted(checked: Checked) -> None:
    checked.csv(("acme", 9, 10))
    result = run(checked, "-q", "--log", "/dev/full")
    assert (result.code, checked.keys != []) == (0, True)
    assert "warning: --log /dev/full: No space left on device" in result.err


# What is held, and `store prune`


def age(checked: Checked, days: int) -> None:
    """Let days pass for all that the store has, within the period."""
    with closing(sqlite3.connect(checked.root / ".ingestlayer" / "store.db")) as connection:
        for column in ("events.accepted_at", "events.received_at", "states.at", "deliveries.settled_at"):
            table_of, _, name = column.partition(".")
            connection.execute(f"UPDATE {table_of} SET {name} = {name} - ?", (days * DAY,))
        health, at = connection.execute(
            "SELECT value, json_extract(value, '$.at') FROM states WHERE key = ''"
        ).fetchone()
        aged = json.dumps({**json.loads(health), "at": at - days * DAY})
        connection.execute("UPDATE states SET value = ? WHERE key = ''", (aged,))
        connection.commit()


def prune(checked: Checked) -> None:
    assert checked.folder.run("store", "prune", "--trust-clock").code == 0
    assert checked.events == []


def told(checked: Checked) -> tuple[int, int]:
    result = run(checked, "--json")
    assert result.code == 0, result
    (found,) = result.json["checks"]
    return found["emitted"], found["known"]


def test_what_a_check_of_a_year_holds_is_told_once_though_its_event_is_pruned(tmp_path: Path) -> None:
    checked = Checked(tmp_path / "project", table(more='period = "year"'))
    checked.csv(("acme", 9, 10))
    assert told(checked) == (1, 0)
    for _ in range(2):
        age(checked, 100)
        prune(checked)
        assert told(checked) == (0, 1)


def test_what_was_told_before_an_export_broke_for_two_weeks_is_not_told_again(tmp_path: Path) -> None:
    checked = Checked(tmp_path / "project", '[store]\nretention = "14d"\n' + table())
    checked.csv(("acme", 9, 10))
    assert told(checked) == (1, 0)
    (checked.root / "usage.csv").unlink()
    age(checked, 15)
    assert run(checked).code == 75
    prune(checked)
    checked.csv(("acme", 9, 10))
    assert told(checked) == (0, 1)
