"""Killed, stopped, with a full disk, under a clock that jumps, beside a Slack that lies: the three promises hold."""

from pathlib import Path

import pytest

from tests.support.ordeal import Ordeal

ROUNDS = {"sqlite": 60, "postgres": 15}


@pytest.mark.parametrize("engine", ROUNDS)
def test_nothing_is_lost_nothing_is_twice_and_every_status_is_true(
    engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    database = "" if engine == "sqlite" else request.getfixturevalue("postgres_server")
    with Ordeal(tmp_path / "ordeal", ROUNDS[engine], database=database) as ordeal:
        try:
            ordeal.run()
            assert ordeal.calm_down().code == 0, ordeal.folder.statuses()
            ordeal.check()
        finally:
            with capsys.disabled():
                print(f"\nordeal: {ordeal.summary()}")
    assert ordeal.counts["messages"]
    if engine == "sqlite":
        assert ordeal.counts["killed"]
        assert ordeal.counts["answered 75"]
