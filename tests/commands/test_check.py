"""`check` as people and cron call it."""

from pathlib import Path

import pytest

from tests.support.checks import EVENT, Checked, table
from tests.support.folder import Folder
from tests.support.program import Result


def run(checked: Checked, *arguments: str, **more: object) -> Result:
    return checked.folder.run("check", *arguments, **more)  # type: ignore[arg-type]


@pytest.fixture
def two(tmp_path: Path) -> Checked:
    """A project with two checks, `broken` before `sound`."""
    broken = table('source = "missing.csv"', name="broken")
    checked = Checked(tmp_path / "project", broken + table(name="sound"))
    checked.csv(("acme", 9, 10), ("globex", 12, 10), ("hooli", 1, 10))
    return checked


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


def test_a_project_without_checks_is_told_where_they_are_explained(project: Folder) -> None:
    result = project.here("check")
    assert (result.code, "how one is written: ingestlayer explain checks" in result.err) == (2, True)
