"""What of the store is forgotten: every owner of memory says how long it remembers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.operations import upkeep
from ingestlayer_cli.system.clock import UNITS
from tests.support import members
from tests.support.checks import Checked, table
from tests.support.pipe import Pipe
from tests.support.stored import database

DAY = UNITS["d"]
STREAK = '[[steps]]\nuse = "streak"\nkey = "$event.customer_id"\nevery = 2\n'
ONCE = '[[steps]]\nuse = "once"\nkey = "$event.customer_id"\n'
THREAD = 'thread = "$event.customer_id"\n'


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """A project whose steps may be ones that the program has never heard of."""
    with members.found():
        yield Pipe(tmp_path)


@pytest.fixture
def checks(tmp_path: Path) -> Checked:
    return Checked(tmp_path)


def prune(pipe: Pipe, wanted: int = DAY) -> None:
    """Forget what is older than a day, unless who remembers it says otherwise."""
    with Runtime(pipe.project(), pipe.clock) as runtime:
        upkeep.prune(runtime, upkeep.retention(runtime.project, wanted))


def pruned_checks(checks: Checked) -> None:
    with Runtime(checks.project, checks.clock) as runtime:
        upkeep.prune(runtime, upkeep.retention(runtime.project, DAY))


def kept(pipe: Pipe, steps: str, destination: str = "") -> upkeep.Retention:
    pipe.steps(steps, destination=destination)
    return upkeep.retention(pipe.project(), DAY)


# Steps ---------------------------------------------------------------------------------------------------


def test_a_step_of_any_keys_remembers_for_as_long_as_it_says(pipe: Pipe) -> None:
    pipe.steps(STREAK + 'lasts = "300d"\n')
    assert pipe.outcome(customer_id="acme") == "dropped"
    pipe.clock.passes("200d")
    prune(pipe)
    assert pipe.select("SELECT count(*) FROM events") == [(0,)]
    assert pipe.outcome(customer_id="acme") == "queued"


def test_what_is_older_than_a_step_says_is_forgotten(pipe: Pipe) -> None:
    pipe.steps(STREAK + 'lasts = "300d"\n')
    pipe.outcome(customer_id="acme")
    pipe.clock.passes("301d")
    prune(pipe)
    assert pipe.select("SELECT count(*) FROM states") == [(0,)]


@pytest.mark.parametrize(("steps", "second"), [(STREAK, "queued"), (ONCE, "dropped")])
def test_a_step_may_remember_for_ever(pipe: Pipe, steps: str, second: str) -> None:
    pipe.steps(steps)
    pipe.outcome(customer_id="acme")
    with Runtime(pipe.project(), pipe.clock) as runtime:
        database(runtime.store).connection.execute("UPDATE deliveries SET status = 'delivered'")
    pipe.clock.passes("4000d")
    prune(pipe)
    assert pipe.select("SELECT count(*) FROM events") == [(0,)]
    assert pipe.outcome(customer_id="acme") == second


def test_a_paused_pipeline_keeps_its_memory(pipe: Pipe) -> None:
    pipe.steps(f'{STREAK}lasts = "300d"\n', name="pipeline")
    path = pipe.root / "pipelines" / "pipeline.toml"
    path.write_text(f'status = "paused"\n{path.read_text()}')
    assert upkeep.retention(pipe.project(), DAY).memory == 300 * DAY


# Threads --------------------------------------------------------------------------------------------------


def test_a_thread_lasts_for_its_window_or_that_of_its_destination(pipe: Pipe) -> None:
    assert kept(pipe, "").memory == DAY
    assert kept(pipe, "", THREAD).memory == 30 * DAY
    assert kept(pipe, "", THREAD + 'thread_window = "40d"\n').memory == 40 * DAY


# Checked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("period", "later"), [('period = "year"', 300), ("", 4000)])
def test_a_check_holds_its_levels_for_their_period_though_it_did_not_run(
    checks: Checked, period: str, later: int
) -> None:
    checks.tables(table(more=period))
    checks.clock.at -= checks.clock.at % (365 * DAY) - 15 * DAY  # in January
    assert checks.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checks.clock.sleep(later * DAY)
    pruned_checks(checks)
    assert checks.events == []
    assert checks.crossed() == []


def test_what_a_check_held_in_a_period_that_is_long_over_is_forgotten(checks: Checked) -> None:
    checks.crossed(("acme", 85, 100))
    checks.clock.sleep(40 * DAY)
    pruned_checks(checks)
    assert checks.select("SELECT count(*) FROM states WHERE key <> ''") == [(0,)]
