"""A check whose event was accepted and whose message failed: the level is known, and the alert is not lost."""

from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.system.document import Document
from tests.support.checks import PIPELINE, Checked, table

CUSTOMERS = "customer_id,name\nacme,Acme\nglobex,Globex\n"
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
ENTITY = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'


@pytest.fixture
def checked(tmp_path: Path) -> Checked:
    """A check whose pipeline asks for a customers' file, which is empty for a moment."""
    found = Checked(tmp_path / "project", table() + ENTITY)
    found.write("pipelines/alerts.toml", PIPELINE.format(type="usage.limit").replace("[[dest", f"{ENRICH}[[dest"))
    found.write("customers.csv", "")
    found.csv(("acme", 85, 100))
    return found


def state(result: Document) -> str:
    return str(result["highest"][0]["state"])


def sent(checked: Checked) -> list[Any]:
    return [status for (status,) in checked.select("SELECT status FROM deliveries")]


def test_the_next_check_runs_it_again_once_the_file_is_mended(checked: Checked) -> None:
    first = checked.run()
    assert (first["emitted"], first["runs"]["failed"], first["unfinished"], first.exit_codes) == (1, 1, 1, [78])
    checked.write("customers.csv", CUSTOMERS)
    second = checked.run()
    assert (second["known"], second["runs"]["queued"], second["deliveries"]["shown"]) == (1, 1, 1)
    assert (second["unfinished"], state(second), second.exit_codes) == (0, "known", [])
    assert sent(checked) == ["shown"]
    third = checked.run()
    assert (third["known"], third["runs"]["queued"], third.exit_codes) == (1, 0, [])


def test_until_then_it_says_that_the_message_waits(checked: Checked) -> None:
    checked.run()
    again = checked.run()
    assert (again["known"], again["unfinished"], state(again), again.exit_codes) == (1, 1, "unfinished", [78])
    assert again["retry_at"] == "2026-11-03T09:30:30.000Z"
    foreseen = checked.run(dry_run=True)
    assert (foreseen["unfinished"], state(foreseen), foreseen.exit_codes) == (1, "unfinished", [78])
    checked.clock.passes("30s")
    again = checked.run()
    assert (again["runs"]["failed"], again["retry_at"]) == (1, "2026-11-03T09:32:30.000Z")


def test_what_was_reached_meanwhile_is_told_too(checked: Checked) -> None:
    checked.run()
    checked.csv(("acme", 100, 100), ("globex", 90, 100))
    assert checked.run()["unfinished"] == 3
    checked.write("customers.csv", CUSTOMERS)
    assert checked.run()["runs"] == {"queued": 3, "dropped": 0, "failed": 0}
    assert sent(checked) == ["shown"] * 3


def test_a_source_that_fails_keeps_nothing_from_being_run_again(checked: Checked) -> None:
    checked.run()
    checked.write("customers.csv", CUSTOMERS)
    (checked.root / "usage.csv").unlink()
    failed = checked.run()
    assert (failed["error"]["kind"], failed["runs"]["queued"], failed["unfinished"]) == ("source", 1, 0)
    assert sent(checked) == ["shown"]


def test_a_paused_pipeline_is_no_error_of_the_check(checked: Checked) -> None:
    checked.run()
    text = (checked.root / "pipelines/alerts.toml").read_text()
    checked.write("pipelines/alerts.toml", f'status = "paused"\n{text}')
    again = checked.run()
    assert (again["unfinished"], again["retry_at"], state(again), again.exit_codes) == (0, None, "known", [])


def test_cron_is_told_of_it_until_it_is_done(checked: Checked) -> None:
    for _ in range(2):
        failed = checked.folder.here("check", "-q")
        assert (failed.code, failed.out) == (78, "")
        assert "error: api: a message waits for a run that failed; it is run again at 20" in failed.err
    assert "known at 80%, and its message waits" in checked.folder.here("check").out
    checked.write("customers.csv", CUSTOMERS)
    done = checked.folder.here("check", "-q")
    assert (done.code, done.err) == (0, "")
    assert sent(checked) != ["pending"]
    assert checked.folder.here("check", "-q").code == 0
