"""SIGKILL at any moment: nothing accepted is lost, nothing is posted twice."""

from pathlib import Path

import pytest

from tests.outbox.crash import Campaign
from tests.outbox.support import assert_each_once

KILLS = 200


def test_after_200_kills_every_event_is_stored_once_and_every_message_posted_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Campaign(tmp_path / "project", KILLS) as campaign:
        campaign.kill_all()
        campaign.send_again()
        assert campaign.deliver_all() == 0
        with capsys.disabled():
            print(f"\ncrash test:\n{campaign.summary()}")
        campaign.check()
        assert_each_once(campaign.slack, campaign.messages)
        assert campaign.counts["delivered"] == campaign.messages
    counts = campaign.counts
    assert counts["kills"] >= KILLS
    for phase in ("before the first commit", "after the last commit", "while delivering", "with a message in hand"):
        assert counts[f"killed {phase}"], phase
    assert counts["unknown found in the history"]
    assert counts["unknown sent again"]
