"""A simulated month, with processes killed in it, has exactly the alerts of an independent model, whatever the zone."""

from pathlib import Path

import pytest

from tests.support.month import Campaign


@pytest.mark.parametrize(
    ("zone", "customers", "hours"),
    [("UTC", 40, 360), ("America/Los_Angeles", 20, 264), ("Asia/Kathmandu", 20, 264)],
)
def test_the_alerts_of_a_month_are_exactly_those_of_the_model(
    tmp_path: Path, zone: str, customers: int, hours: int
) -> None:
    campaign = Campaign(tmp_path / "project", customers, hours, kills=20, zone=zone)
    campaign.run()
    assert len(campaign.expected) > 5 * customers
    assert campaign.told == campaign.expected
