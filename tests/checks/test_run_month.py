"""A simulated month, with processes killed in it, has exactly the alerts of an independent model."""

from pathlib import Path

from tests.support.month import Campaign


def test_the_alerts_of_a_month_are_exactly_those_of_the_model(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path / "project", customers=40, hours=360, kills=20)
    campaign.run()
    assert len(campaign.expected) > 200
    assert campaign.told == campaign.expected
