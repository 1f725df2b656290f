"""Silence is never mistaken for health: sources that fail, are empty, or are not written any more."""

import os
from pathlib import Path

import pytest

from tests.support.checks import DAY, HOUR, PIPELINE, Checked, table

STALE = table(more='period = "month"\nstale_after = "24h"')


@pytest.fixture
def aging(tmp_path: Path) -> Checked:
    made = Checked(tmp_path / "project", STALE)
    made.write("pipelines/stale.toml", PIPELINE.format(type="check.stale"))
    return made


def fresh(aging: Checked, *rows: tuple[object, ...]) -> None:
    """Write the usage at the time of the bench's clock."""
    aging.csv(*rows)
    os.utime(aging.root / "usage.csv", (aging.clock.at / 1000, aging.clock.at / 1000))


def gone(aging: Checked) -> None:
    (aging.root / "usage.csv").unlink()


def stale(aging: Checked) -> list[dict[str, object]]:
    return [payload for type_, payload in aging.events if type_ == "check.stale"]


def test_a_source_that_fails_for_long_is_told_once(aging: Checked) -> None:
    fresh(aging, ("acme", 1, 10))
    assert "error" not in aging.run()
    gone(aging)
    for _ in range(23):
        aging.clock.sleep(HOUR)
        assert aging.run().exit_codes == [75]
    assert stale(aging) == []
    for _ in range(50):
        aging.clock.sleep(HOUR)
        assert aging.run().exit_codes == [75]
    error = "usage.csv cannot be read: No such file or directory"
    assert stale(aging) == [{"check": "api", "since": "2026-11-03T09:30:00.000Z", "error": error}]
    assert aging.select("SELECT count(*) FROM deliveries WHERE status = 'shown'") == [(1,)]


def test_after_it_was_healthy_again_the_next_silence_is_told_too(aging: Checked) -> None:
    for _ in range(2):
        fresh(aging, ("acme", 1, 10))
        assert "error" not in aging.run()
        gone(aging)
        for _ in range(3):
            aging.clock.sleep(12 * HOUR)
            aging.run()
    assert len(stale(aging)) == 2


def test_a_source_that_never_worked_is_silent_since_the_first_run(aging: Checked) -> None:
    assert aging.run()["stale"] is None
    aging.clock.sleep(DAY)
    assert aging.run()["stale"]["since"] == "2026-11-03T09:30:00.000Z"
    assert len(stale(aging)) == 1


def test_a_source_that_is_empty_where_it_was_not_is_an_error(aging: Checked) -> None:
    fresh(aging, ("acme", 9, 10))
    aging.run()
    fresh(aging)
    for _ in range(2):
        result = aging.run()
        assert result["error"]["message"] == "usage.csv is empty, and had 1 row at 2026-11-03T09:30:00.000Z"
        assert result.exit_codes == [75]
    fresh(aging, ("acme", 9, 10))
    assert aging.crossed() == []  # what was known is known


def test_a_source_that_always_was_empty_is_none(aging: Checked) -> None:
    fresh(aging)
    assert aging.crossed() == []
    assert aging.crossed() == []


def test_a_source_that_may_be_empty_may(tmp_path: Path) -> None:
    aging = Checked(tmp_path, table(more="may_be_empty = true"))
    assert aging.crossed(("acme", 9, 10)) == [("acme", 0.8)]
    aging.csv()
    assert aging.crossed() == []


def test_where_that_leaves_all_out_is_not_empty(tmp_path: Path) -> None:
    aging = Checked(tmp_path, table(more='where = "limit > 5"'))
    assert aging.crossed(("acme", 9, 10)) == [("acme", 0.8)]
    assert aging.crossed(("acme", 1, 1)) == []


def test_a_file_that_nobody_writes_any_more_is_silent(aging: Checked) -> None:
    fresh(aging, ("acme", 9, 10))
    assert aging.crossed() == [("acme", 0.8)]
    aging.clock.sleep(30 * DAY)  # and in the new month its old usage is no alert
    result = aging.run()
    assert "usage.csv was written last at 2026-11-03T09:30:00.000Z" in result["error"]["message"]
    assert [payload["since"] for payload in stale(aging)] == ["2026-11-03T09:30:00.000Z"]
    assert len(aging.events) == 2


def test_without_stale_after_an_old_file_is_read(tmp_path: Path) -> None:
    aging = Checked(tmp_path)
    fresh(aging, ("acme", 9, 10))
    aging.clock.sleep(300 * DAY)
    assert aging.crossed() == [("acme", 0.8)]


def test_only_and_a_dry_run_leave_the_health_as_it_is(aging: Checked) -> None:
    fresh(aging, ("acme", 1, 10), ("globex", 1, 10))
    aging.run()
    before = aging.select("SELECT value FROM states WHERE key = ''")
    aging.run(only="acme")
    aging.run(dry_run=True)
    gone(aging)
    aging.clock.sleep(2 * DAY)
    assert aging.run(only="acme").exit_codes == [75]
    assert aging.run(dry_run=True).exit_codes == [75]
    assert aging.select("SELECT value FROM states WHERE key = ''") == before
    assert stale(aging) == []
    aging.run()
    assert len(stale(aging)) == 1


def test_a_clock_that_was_wrong_does_not_make_silence_young(aging: Checked) -> None:
    right = aging.clock.at
    aging.clock.at = right + 3000 * DAY
    fresh(aging, ("acme", 1, 10))
    aging.run()
    aging.clock.at = right
    gone(aging)
    for _ in range(4):
        aging.run()
        aging.clock.sleep(12 * HOUR)
    assert len(stale(aging)) == 1


def test_a_project_may_declare_check_stale_itself(aging: Checked) -> None:
    aging.write("events/check.stale.toml", 'type = "check.stale"\n[fields]\ncheck = "string"\n')
    aging.run()
    aging.clock.sleep(DAY)
    aging.run()
    assert stale(aging) == [{"check": "api"}]


# A source is healthy when its rows can be judged

THOUSANDS = 'customer_id,used,limit\nacme,"9,100","10,000"\nglobex,"9,900","10,000"\n'


def written(aging: Checked, text: str) -> None:
    path = aging.root / "usage.csv"
    path.write_text(text)
    os.utime(path, (aging.clock.at / 1000, aging.clock.at / 1000))


def test_a_source_of_which_no_row_can_be_judged_fails_and_is_told_in_time(aging: Checked) -> None:
    fresh(aging, ("acme", 1, 10))
    aging.run()
    for _ in range(23):
        aging.clock.sleep(HOUR)
        written(aging, THOUSANDS)
        result = aging.run()
        assert result.exit_codes == [75]
    assert result["error"]["message"] == (
        "usage.csv: none of its 2 rows can be judged: line 2: acme: used is '9,100', which is no number"
    )
    assert result["error"]["hint"] == 'format = { thousands = "," } would read 2 of 2'
    assert (result["problem_count"], stale(aging)) == (2, [])
    aging.clock.sleep(HOUR)
    written(aging, THOUSANDS)
    assert aging.run()["stale"] is not None
    assert [row["since"] for row in stale(aging)] == ["2026-11-03T09:30:00.000Z"]
    aging.clock.sleep(HOUR)
    fresh(aging, ("acme", 1, 10))
    assert aging.run().exit_codes == []


def test_what_can_be_judged_of_a_source_that_fails_is_told(checked: Checked) -> None:
    checked.csv(("acme", 9, 10), ("globex", "x", 10), ("hooli", "x", 10))
    result = checked.run()
    assert result["error"]["message"].startswith("usage.csv: only 1 of its 3 rows can be judged: line 3: globex")
    assert ([row["key"] for row in result["crossed"]], result.exit_codes) == (["acme"], [75])
    assert checked.run(dry_run=True).exit_codes == [75]


def test_the_remedy_of_a_source_fits_what_is_wrong_with_its_rows(checked: Checked) -> None:
    checked.csv(("acme", 9, "unlimited"))
    error = checked.run()["error"]
    assert error["message"].startswith("usage.csv: its only row cannot be judged: line 2: acme: limit is 'unlimited'")
    assert error["hint"] == "rows that have no limit are left out by `where`"
    checked.write("usage.csv", "customer_id,used,limit\nacme,1,2,3\nglobex,1,2,3\n")
    assert checked.run()["error"]["hint"] == "look at how it is exported"


def test_half_of_the_rows_is_enough_and_the_project_may_say_otherwise(tmp_path: Path) -> None:
    for number, (share, code) in enumerate((("", []), ("min_judged = 0.6", [75]), ("min_judged = 0.0", []))):
        checked = Checked(tmp_path / str(number), table(more=share))
        checked.csv(("acme", 9, 10), ("globex", "x", 10))
        assert checked.run().exit_codes == code


def test_rows_that_are_left_out_or_repeated_do_not_count(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more="where = 'limit > 0'"))
    checked.csv(("a", 9, 10), ("a", 9, 10), ("a", 9, 10), ("b", "x", 10), ("c", "x", 0), ("d", "x", 0))
    assert checked.run().exit_codes == []
