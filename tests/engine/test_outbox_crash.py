"""SIGKILL at any moment: nothing accepted is lost, nothing is posted twice."""

from pathlib import Path

import pytest

from tests.support.crash import PHASES, Campaign
from tests.support.posting import assert_each_once

KILLS = 30  # and 2,000: `python -m tests.benchmarks.crash`


def test_after_many_kills_every_event_is_stored_once_and_every_message_posted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Campaign(tmp_path / "project", KILLS) as campaign:
        campaign.kill_all()
        campaign.send_again()
        assert campaign.deliver_all().code == 0
        with capsys.disabled():
            print(f"\ncrash test:\n{campaign.summary()}")
        campaign.check()
        assert_each_once(campaign.slack, campaign.messages)
    counts = campaign.counts
    assert counts["deliveries delivered"] == campaign.messages
    assert counts["kills"] >= KILLS
    for phase in PHASES:
        assert counts[f"killed {phase}"], phase
    assert counts["unknown found in the history"]


def test_where_the_history_cannot_be_read_what_was_in_hand_is_held_and_nothing_is_posted_twice(tmp_path: Path) -> None:
    with Campaign(tmp_path / "project", 15, history=False) as campaign:
        campaign.kill_all()
        campaign.send_again()
        result = campaign.deliver_all()
        campaign.check()
        held = {id_ for (id_,) in campaign.folder.sql("SELECT id FROM deliveries WHERE status = 'unknown'")}
        assert held, "no process was killed with a message in hand"
        assert (result.code, campaign.posted_twice()) == (75, set())
        # Whatever is not held was posted once.
        assert campaign.slack.by_delivery().keys() | held == every_id(campaign)
        said = campaign.folder.run("deliver").err
        for id_ in held:
            assert f"ingestlayer deliveries settle {id_} --delivered" in said
            assert f"ingestlayer deliveries retry {id_}" in said

        campaign.folder.settings(more='on_unknown = "resend"')
        assert campaign.folder.run("deliver").code == 0
        assert campaign.slack.by_delivery().keys() == every_id(campaign)
        assert campaign.posted_twice() <= held


def every_id(campaign: Campaign) -> set[str]:
    return {id_ for (id_,) in campaign.folder.sql("SELECT id FROM deliveries")}
