"""A simulated month, with processes killed in it, has exactly the alerts of an independent model, whatever the zone.

The whole month, of every hour and many customers: `python -m tests.support.month`.
"""

import os
from pathlib import Path

import pytest

from tests.support.month import Campaign


@pytest.mark.parametrize(
    ("zone", "customers", "hours"),
    [("UTC", 40, 360), ("America/Los_Angeles", 20, 240), ("Asia/Kathmandu", 20, 240)],
)
def test_the_alerts_of_a_month_are_exactly_those_of_the_model(
    tmp_path: Path, zone: str, customers: int, hours: int
) -> None:
    campaign = Campaign(tmp_path / "project", customers, hours, kills=8, zone=zone, apart=4)
    campaign.run()
    assert len(campaign.expected) > 5 * customers
    assert campaign.told == campaign.expected


def test_so_they_are_in_a_database_that_machines_share(tmp_path: Path, postgres: str) -> None:
    campaign = Campaign(tmp_path / "project", customers=20, hours=120, kills=5, apart=3)
    campaign.bench.share(os.environ["DATABASE_URL"], postgres.partition("#")[2])
    campaign.run()
    assert len(campaign.expected) > 5 * 20
    assert campaign.told == campaign.expected
