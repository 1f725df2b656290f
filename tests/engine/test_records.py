"""What `check` and `deliver` note of their runs."""

from typing import Any

import pytest

from ingestlayer_cli.engine.records import CHECKS, DELIVERS, MACHINES, Record
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.system.errors import Exit
from tests.support.checks import HOUR, NOVEMBER, Checked
from tests.support.clock import FakeClock
from tests.support.posting import TOKEN, Posting
from tests.support.standin import SlackStandin


def notes(checked: Checked, topic: str) -> dict[str, Any]:
    with Runtime(checked.project, checked.clock) as runtime:
        return runtime.store.notes(topic)


def test_a_good_run_of_a_check_is_noted(checked: Checked) -> None:
    checked.csv(["acme", 9, 10], ["globex", 1, 10], ["hooli", "x", 10])
    checked.run()
    note = notes(checked, CHECKS)["api"]
    assert note.pop("process")
    assert note == {
        "started_at": NOVEMBER,
        "ended_at": NOVEMBER,
        "took": 0,
        "exit": 0,
        "error": None,
        "rows": 2,
        "crossed": 1,
        "good_at": NOVEMBER,
        "failing_since": None,
    }


def test_a_bad_run_keeps_when_the_last_good_one_was_and_since_when_it_fails(checked: Checked) -> None:
    checked.csv(["acme", 9, 10])
    checked.run()
    (checked.root / "usage.csv").unlink()
    for _ in range(2):
        checked.clock.at += HOUR
        checked.run()
    note = notes(checked, CHECKS)["api"]
    assert (note["good_at"], note["failing_since"], note["exit"]) == (NOVEMBER, NOVEMBER + HOUR, 75)
    assert note["started_at"] == NOVEMBER + 2 * HOUR
    assert "usage.csv" in note["error"]


class Ticking(FakeClock):
    """Each look at it takes a millisecond."""

    def now(self) -> int:
        self.at += 1
        return self.at


def test_the_last_good_run_ended_when_it_ended_and_took_what_passed(checked: Checked) -> None:
    with Runtime(checked.project, clock := Ticking()) as runtime:
        with Record(runtime, CHECKS, "api") as record:
            clock.sets(-HOUR)
            record.ends(Exit.OK, True)
        note = runtime.store.notes(CHECKS)["api"]
    assert note["good_at"] == note["ended_at"]
    assert 0 <= note["took"] < 100


def test_a_run_that_is_killed_is_noted_as_begun(checked: Checked) -> None:
    checked.csv(["acme", 9, 10])
    with pytest.raises(SystemExit):
        checked.run(decided=_dies)
    note = notes(checked, CHECKS)["api"]
    assert note["started_at"] == NOVEMBER
    assert "ended_at" not in note


def _dies(decisions: list[dict[str, Any]]) -> None:
    raise SystemExit


@pytest.mark.parametrize("options", [{"dry_run": True}, {"only": "acme"}])
def test_a_part_of_a_run_is_not_noted(checked: Checked, options: dict[str, Any]) -> None:
    checked.csv(["acme", 9, 10])
    checked.run(**options)
    assert notes(checked, CHECKS) == {}


def test_deliver_notes_that_it_ran_and_why_nothing_went(posting: Posting, slack: SlackStandin) -> None:
    posting.accept([1])
    assert posting.run("deliver").code == 0
    assert posting.run("deliver", "--channel", "#alerts").code == 0  # no word on what else waits
    with posting.runtime() as runtime:
        note = runtime.store.notes(DELIVERS)[""]
    assert (note["exit"], note["sent"], note["error"], note["good_at"]) == (0, 1, None, note["ended_at"])
    slack.revoked.add(TOKEN)
    posting.accept([2])
    assert posting.run("deliver").code == 75
    with posting.runtime() as runtime:
        later = runtime.store.notes(DELIVERS)[""]
    assert (later["exit"], later["good_at"]) == (75, note["good_at"])
    assert "token_revoked" in later["error"]


def test_the_machine_is_noted(checked: Checked) -> None:
    checked.csv(["acme", 9, 10])
    checked.run()
    checked.clock.at += HOUR
    checked.run()
    (seen,) = notes(checked, MACHINES).values()
    assert (seen["first_at"], seen["last_at"]) == (NOVEMBER, NOVEMBER + HOUR)
