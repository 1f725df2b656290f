"""Silence is never mistaken for health: sources that fail, are empty, or are not written any more."""

import os
from pathlib import Path

import pytest

from .support import DAY, HOUR, PIPELINE, Bench, table

STALE = table(more='period = "month"\nstale_after = "24h"')


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    made = Bench(tmp_path / "project", STALE)
    made.write("pipelines/stale.toml", PIPELINE.format(type="check.stale"))
    return made


def fresh(bench: Bench, *rows: tuple[object, ...]) -> None:
    """Write the usage at the time of the bench's clock."""
    bench.csv(*rows)
    os.utime(bench.root / "usage.csv", (bench.clock.at / 1000, bench.clock.at / 1000))


def gone(bench: Bench) -> None:
    (bench.root / "usage.csv").unlink()


def stale(bench: Bench) -> list[dict[str, object]]:
    return [payload for type_, payload in bench.events if type_ == "check.stale"]


def test_a_source_that_fails_for_long_is_told_once(bench: Bench) -> None:
    fresh(bench, ("acme", 1, 10))
    assert "error" not in bench.run()
    gone(bench)
    for _ in range(23):
        bench.clock.sleep(HOUR)
        assert bench.run().exit_codes == [75]
    assert stale(bench) == []
    for _ in range(50):
        bench.clock.sleep(HOUR)
        assert bench.run().exit_codes == [75]
    error = "usage.csv cannot be read: No such file or directory"
    assert stale(bench) == [{"check": "api", "since": "2026-11-03T09:30:00.000Z", "error": error}]
    assert bench.select("SELECT count(*) FROM deliveries WHERE status = 'delivered'") == [(1,)]


def test_after_it_was_healthy_again_the_next_silence_is_told_too(bench: Bench) -> None:
    for _ in range(2):
        fresh(bench, ("acme", 1, 10))
        assert "error" not in bench.run()
        gone(bench)
        for _ in range(3):
            bench.clock.sleep(12 * HOUR)
            bench.run()
    assert len(stale(bench)) == 2


def test_a_source_that_never_worked_is_silent_since_the_first_run(bench: Bench) -> None:
    assert bench.run()["stale"] is None
    bench.clock.sleep(DAY)
    assert bench.run()["stale"]["since"] == "2026-11-03T09:30:00.000Z"
    assert len(stale(bench)) == 1


def test_a_source_that_is_empty_where_it_was_not_is_an_error(bench: Bench) -> None:
    fresh(bench, ("acme", 9, 10))
    bench.run()
    fresh(bench)
    for _ in range(2):
        result = bench.run()
        assert result["error"]["message"] == "usage.csv is empty, and had 1 rows at 2026-11-03T09:30:00.000Z"
        assert result.exit_codes == [75]
    fresh(bench, ("acme", 9, 10))
    assert bench.crossed() == []  # what was known is known


def test_a_source_that_always_was_empty_is_none(bench: Bench) -> None:
    fresh(bench)
    assert bench.crossed() == []
    assert bench.crossed() == []


def test_a_source_that_may_be_empty_may(tmp_path: Path) -> None:
    bench = Bench(tmp_path, table(more="may_be_empty = true"))
    assert bench.crossed(("acme", 9, 10)) == [("acme", 0.8)]
    bench.csv()
    assert bench.crossed() == []


def test_where_that_leaves_all_out_is_not_empty(tmp_path: Path) -> None:
    bench = Bench(tmp_path, table(more='where = "limit > 5"'))
    assert bench.crossed(("acme", 9, 10)) == [("acme", 0.8)]
    assert bench.crossed(("acme", 1, 1)) == []


def test_a_file_that_nobody_writes_any_more_is_silent(bench: Bench) -> None:
    fresh(bench, ("acme", 9, 10))
    assert bench.crossed() == [("acme", 0.8)]
    bench.clock.sleep(30 * DAY)  # and in the new month its old usage is no alert
    result = bench.run()
    assert "usage.csv was written last at 2026-11-03T09:30:00.000Z" in result["error"]["message"]
    assert [payload["since"] for payload in stale(bench)] == ["2026-11-03T09:30:00.000Z"]
    assert len(bench.events) == 2


def test_without_stale_after_an_old_file_is_read(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    fresh(bench, ("acme", 9, 10))
    bench.clock.sleep(300 * DAY)
    assert bench.crossed() == [("acme", 0.8)]


def test_only_and_a_dry_run_leave_the_health_as_it_is(bench: Bench) -> None:
    fresh(bench, ("acme", 1, 10), ("globex", 1, 10))
    bench.run()
    before = bench.select("SELECT value FROM states WHERE key = ''")
    bench.run(only="acme")
    bench.run(dry_run=True)
    gone(bench)
    bench.clock.sleep(2 * DAY)
    assert bench.run(only="acme").exit_codes == [75]
    assert bench.run(dry_run=True).exit_codes == [75]
    assert bench.select("SELECT value FROM states WHERE key = ''") == before
    assert stale(bench) == []
    bench.run()
    assert len(stale(bench)) == 1


def test_a_clock_that_was_wrong_does_not_make_silence_young(bench: Bench) -> None:
    right = bench.clock.at
    bench.clock.at = right + 3000 * DAY
    fresh(bench, ("acme", 1, 10))
    bench.run()
    bench.clock.at = right
    gone(bench)
    for _ in range(4):
        bench.run()
        bench.clock.sleep(12 * HOUR)
    assert len(stale(bench)) == 1


def test_a_project_may_declare_check_stale_itself(bench: Bench) -> None:
    bench.write("events/check.stale.toml", 'type = "check.stale"\n[fields]\ncheck = "string"\n')
    bench.run()
    bench.clock.sleep(DAY)
    bench.run()
    assert stale(bench) == [{"check": "api"}]
