"""Claiming: its cost, and who a lease belongs to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingestlayer_cli.store.sqlite.store import open_to_write
from ingestlayer_cli.system.processes import identity, vanished
from tests.benchmarks.outbox import fill, steps_of_a_claim
from tests.support.clock import FakeClock
from tests.support.posting import Posting
from tests.support.standin import SlackStandin

WHO = "from ingestlayer_cli.system.processes import identity; print(identity(), flush=True); input()"


def steps(root: Path, settled: int, waiting: int) -> int:
    store = open_to_write(str(root / f"{settled}-{waiting}.db"))
    try:
        fill(store, settled, waiting)
        return steps_of_a_claim(store)
    finally:
        store.close()


def test_a_claim_costs_the_same_however_many_are_settled(tmp_path: Path) -> None:
    assert steps(tmp_path, 20_000, 40) <= 1.01 * steps(tmp_path, 10, 40)


def test_a_claim_costs_the_same_however_many_wait_in_the_channel(tmp_path: Path) -> None:
    assert steps(tmp_path, 10, 2_000) <= 1.01 * steps(tmp_path, 10, 40)


def test_a_process_that_lives_has_not_vanished() -> None:
    assert not vanished(identity())


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc")
def test_a_process_that_was_killed_has_vanished() -> None:
    process = subprocess.Popen([sys.executable, "-c", WHO], stdin=-1, stdout=-1, text=True)
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert not vanished(name)
    process.kill()
    process.communicate()
    assert vanished(name)


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="no /proc")
def test_another_process_with_the_same_number_is_not_taken_for_it() -> None:
    *head, _ = identity().split("/")
    assert vanished("/".join([*head, "1"]))


@pytest.mark.parametrize("other", ["elsewhere:1/boot/1/1", "elsewhere:1", "nonsense", ""])
def test_of_a_process_on_another_machine_nothing_is_said(other: str) -> None:
    assert not vanished(other)


def test_a_forked_process_is_another_one() -> None:
    code = (
        "import os\n"
        "from ingestlayer_cli.system.processes import identity\n"
        "mine = identity()\n"
        "if os.fork() == 0:\n"
        "    os._exit(mine == identity())\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_lease_of_another_machine_runs_out_before_it_is_unknown(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    posting.accept([0], clock=clock)
    posting.sql("UPDATE deliveries SET lease_by = 'elsewhere:1/b/n/s', lease_until = ?", clock.at + 60_000)
    posting.sql("UPDATE lanes SET busy_until = ?", clock.at + 60_000)
    clock.sleep(59_000)
    posting.deliver(clock)
    assert posting.delivery["status"] == "pending"
    clock.sleep(1_000)
    posting.deliver(clock)
    assert posting.delivery["status"] == "unknown"


def test_a_lease_of_this_very_process_that_ran_out_is_not_held_for_ever(posting: Posting, slack: SlackStandin) -> None:
    clock = FakeClock()
    posting.accept([0], clock=clock)
    posting.sql("UPDATE deliveries SET lease_by = ?, lease_until = ?", identity(), clock.at - 1)
    posting.deliver(clock)
    assert posting.delivery["status"] == "unknown"
