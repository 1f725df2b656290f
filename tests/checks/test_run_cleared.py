"""A word when it is over: what is emitted of who holds a level no more."""

from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.system.errors import ProjectError
from tests.support.checks import DAY, HOUR, MINUTE, PIPELINE, Checked, table

CLEARED = """
type = "usage.cleared"
[fields]
customer_id = "string"
limit = "number?"
used = "number?"
level = "number?"
previous = "number?"
value = "number?"
since = "datetime?"
"""
MORE = 'period = "month"\ncleared = "usage.cleared"\n'


def clearing(root: Path, more: str = "", **own: Any) -> Checked:
    checked = Checked(root, table(more=MORE + more, **own))
    checked.write("events/usage.cleared.toml", CLEARED)
    checked.write("pipelines/over.toml", PIPELINE.format(type="usage.cleared"))
    return checked


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    return clearing(tmp_path)


def cleared(checked: Checked, *rows: tuple[Any, ...], later: int = HOUR, **options: Any) -> list[tuple[Any, ...]]:
    """Run the check on these rows, a while later; return who holds a level no more: key, what was and what is held."""
    checked.clock.sleep(later)
    if rows:
        checked.csv(*rows)
    result = checked.run(**options)
    assert "error" not in result, result
    return [(row["key"], row["previous"], row["level"]) for row in result["cleared"]]


def problem(checked: Checked) -> str:
    with pytest.raises(ProjectError) as raised:
        checked.run()
    ((_, words),) = raised.value.details
    return words


def test_who_falls_below_the_level_is_told_once(checked: Checked) -> None:
    assert checked.crossed(("acme", 100, 100)) == [("acme", 1)]
    assert cleared(checked, ("acme", 96, 100)) == []
    assert cleared(checked, ("acme", 60, 100)) == [("acme", 1, None)]
    assert cleared(checked) == []
    told = {"customer_id": "acme", "limit": 100, "used": 60, "previous": 1, "value": 0.6}
    assert checked.events[-1] == ("usage.cleared", told | {"since": "2026-11-03T09:30:00.000Z"})
    assert checked.keys[-1] == "api:acme:cleared:1:2026-11:1"
    assert checked.crossed(("acme", 100, 100)) == [("acme", 1)]
    assert cleared(checked, ("acme", 1, 100)) == [("acme", 1, None)]


def test_the_level_that_is_still_held_is_told(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100))
    assert cleared(checked, ("acme", 85, 100)) == [("acme", 1, 0.8)]
    assert checked.events[-1][1]["level"] == 0.8
    assert cleared(checked, ("acme", 2, 100)) == [("acme", 0.8, None)]


def test_a_fall_soon_after_a_run_is_believed_when_two_runs_saw_it(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100))
    assert cleared(checked, ("acme", 1, 100), later=5 * MINUTE) == []
    assert cleared(checked, ("acme", 100, 100), later=5 * MINUTE) == []
    assert cleared(checked, ("acme", 1, 100), later=5 * MINUTE) == []
    assert cleared(checked, later=5 * MINUTE) == [("acme", 1, None)]


def test_a_higher_limit_clears_at_once(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100), ("globex", 100, 100))
    assert cleared(checked, ("acme", 100, 1000), ("globex", 100, 120), later=MINUTE) == [
        ("acme", 1, None),
        ("globex", 1, 0.8),
    ]
    assert [type_ for type_, _ in checked.events].count("usage.limit") == 2
    assert checked.crossed(("acme", 1000, 1000), ("globex", 99, 120)) == [("acme", 1)]


def test_a_new_month_clears_nothing(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100))
    assert cleared(checked, ("acme", 1, 100), later=30 * DAY) == []


def test_of_what_was_taken_as_known_nobody_is_told_that_it_is_over(checked: Checked) -> None:
    checked.csv(("acme", 85, 100), ("globex", 85, 100))
    checked.run(baseline=True)
    assert cleared(checked, ("acme", 100, 100), ("globex", 1, 100)) == []
    assert cleared(checked, ("acme", 1, 100)) == [("acme", 1, None)]
    assert [type_ for type_, _ in checked.events] == ["usage.limit", "usage.cleared"]


def test_a_dry_run_tells_it_and_keeps_nothing(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100))
    for _ in range(2):
        assert cleared(checked, ("acme", 1, 100), dry_run=True) == [("acme", 1, None)]
    assert cleared(checked) == [("acme", 1, None)]


def test_a_refused_word_comes_again_until_it_is_taken(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100))
    checked.write("events/usage.cleared.toml", CLEARED + 'why = "string"\n')
    for _ in range(2):
        checked.clock.sleep(HOUR)
        checked.csv(("acme", 1, 100))
        result = checked.run()
        assert (result["cleared"], result["rejected"]) == ([], 1)
        assert "acme: usage.cleared is refused: why " in result["rejects"][0]["message"]
    checked.write("events/usage.cleared.toml", CLEARED)
    assert cleared(checked) == [("acme", 1, None)]


def test_who_vanishes_holds_the_level(checked: Checked) -> None:
    checked.crossed(("acme", 100, 100), ("globex", 1, 100))
    for _ in range(3):
        assert cleared(checked, ("globex", 1, 100)) == []
    assert checked.crossed(("acme", 100, 100)) == []


def test_who_vanishes_from_two_runs_is_over_no_level_where_that_is_asked_for(tmp_path: Path) -> None:
    checked = clearing(tmp_path, 'vanished = "clear"\n')
    checked.crossed(("acme:inc", 100, 100), ("globex", 1, 100))
    assert cleared(checked, ("globex", 1, 100)) == []
    assert cleared(checked) == [("acme%3Ainc" if "%" in checked.keys[0] else "acme:inc", 1, None)]
    assert checked.events[-1][1]["customer_id"] == "acme:inc"
    assert cleared(checked) == []
    assert checked.crossed(("acme:inc", 100, 100), ("globex", 1, 100)) == [(checked.keys[0].split(":")[1], 1)]


def test_who_is_back_in_time_has_not_vanished(tmp_path: Path) -> None:
    checked = clearing(tmp_path, 'vanished = "clear"\n')
    both = (("acme", 100, 100), ("globex", 1, 100))
    assert checked.crossed(*both) == [("acme", 1)]
    for rows in (both[1:], both, both[1:], both):
        assert cleared(checked, *rows) == []
    assert cleared(checked, *both[1:], only="globex") == []


def test_vanished_needs_the_event_that_tells_it(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='vanished = "clear"'))
    assert "`vanished` needs `cleared`" in problem(checked)


def test_the_event_must_be_declared(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='cleared = "usage.limti"'))
    assert 'usage.limti is not declared (did you mean "usage.limit"?)' in problem(checked)
