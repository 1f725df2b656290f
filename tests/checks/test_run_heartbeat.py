"""The monitor of a check is told of each of its runs."""

from itertools import groupby
from pathlib import Path

import pytest

from tests.support.checks import Checked, table
from tests.support.receiver import Receiver, status

PATH = "/ping/hunter2"


@pytest.fixture
def beating(tmp_path: Path) -> Checked:
    made = Checked(tmp_path / "project", table(more='heartbeat = "env:PING_URL"'))
    made.csv(("acme", 9, 10))
    return made


def paths(monitor: Receiver) -> list[str]:
    """Return what it was told; on a slow machine it may have been told twice."""
    return [path.removeprefix(PATH) for path, _ in groupby(request.path for request in monitor.requests)]


def test_a_good_run_and_then_a_bad_one(beating: Checked, monitor: Receiver) -> None:
    beating.run()
    (beating.root / "usage.csv").unlink()
    beating.run()
    assert paths(monitor) == ["/start", "", "/start", "/fail"]


def test_what_does_not_compare_all_of_it_for_good_is_no_run(beating: Checked, monitor: Receiver) -> None:
    beating.run(dry_run=True)
    beating.run(only="acme")
    assert paths(monitor) == []
    beating.run(baseline=True)
    assert paths(monitor) == ["/start", ""]


def test_a_store_that_cannot_be_opened_is_a_bad_run(beating: Checked, monitor: Receiver) -> None:
    (beating.root / ".ingestlayer").write_text("no folder")
    result = beating.folder.here("check", "-q")
    assert result.code == 78
    assert paths(monitor) == ["/start", "/fail"]


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:1/hunter2", "no address hunter2"])
def test_a_monitor_that_cannot_be_told_changes_nothing(
    beating: Checked, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PING_URL", address)
    result = beating.folder.here("check", "--no-deliver")
    assert (result.code, "1 emitted" in result.out) == (0, True)
    assert result.err.startswith("warning: heartbeat: ")
    assert "hunter2" not in result.said
    for quiet in ("-q", "--json"):
        assert beating.folder.here("check", "--no-deliver", quiet).err == ""


def test_nothing_that_is_written_holds_the_address(beating: Checked, monitor: Receiver) -> None:
    monitor.default = status(500, "hunter2")
    result = beating.folder.here("check", "--log", str(beating.root / "check.log"))
    assert "warning: heartbeat: env:PING_URL answered 500" in result.err
    written = [path for path in beating.root.rglob("*") if path.is_file()]
    assert not [path for path in written if b"hunter2" in path.read_bytes()]
