"""A simulated month, with processes killed in it, has exactly the alerts of an independent model, whatever the zone."""

import os
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


def test_so_they_are_in_a_database_that_machines_share(tmp_path: Path, postgres: str) -> None:
    campaign = Campaign(tmp_path / "project", customers=10, hours=120, kills=10)
    campaign.bench.share(os.environ["DATABASE_URL"], postgres.partition("#")[2])
    campaign.run()
    assert len(campaign.expected) > 5 * 10
    assert campaign.told == campaign.expected
