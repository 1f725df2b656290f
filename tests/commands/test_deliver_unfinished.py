"""What is said of a run that failed, by every command that counts what waits."""

import pytest

from tests.support.bench import DESTINATION, Bench

ENTITY = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
EVENT = ("emit", "usage.limit_reached", "customer_id=acme", "--key", "k")


@pytest.fixture
def failed(bench: Bench) -> Bench:
    """A project in which one event is accepted, and its run has failed."""
    bench.write("ingestlayer.toml", (bench.root / "ingestlayer.toml").read_text() + ENTITY)
    bench.pipeline(ENRICH + DESTINATION)
    result = bench.run(*EVENT)
    assert result.code == 78
    assert "customers.csv does not exist; it is run again at 20" in result.out
    return bench


def mend(bench: Bench) -> None:
    bench.write("customers.csv", "customer_id,name\nacme,Acme\n")


def test_deliver_says_that_it_waits_and_that_it_is_done(failed: Bench) -> None:
    waits = failed.run("deliver")
    assert (waits.code, waits.out) == (78, "")
    assert "a run that failed is run again later" in waits.err
    assert failed.run("deliver", "-q").err == ""
    mend(failed)
    done = failed.run("deliver")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith("alert queued evt_")
    assert lines[1].startswith("#alerts delivered dlv_")
    assert failed.run("deliver").err == "nothing is due\n"
    assert len(failed.slack.messages) == 1


def test_deliver_of_another_pipeline_or_of_a_channel_leaves_it(failed: Bench) -> None:
    failed.pipeline(DESTINATION, "other")
    mend(failed)
    assert failed.run("deliver", "--pipeline", "other").code == 0
    assert failed.run("deliver", "--channel", "#alerts").code == 0
    assert failed.slack.messages == []
    assert failed.run("deliver", "--pipeline", "alert").code == 0
    assert len(failed.slack.messages) == 1


def test_a_duplicate_says_what_became_of_it(failed: Bench) -> None:
    assert failed.run(*EVENT, "-q").err.startswith("error: alert: ")
    mend(failed)
    again = failed.run(*EVENT)
    assert again.code == 0
    assert "what had failed of it is run again" in again.out
    assert "#alerts delivered" in again.out
    third = failed.run(*EVENT)
    assert (third.code, "nothing is sent" in third.out, len(failed.slack.messages)) == (0, True, 1)


def test_doctor_finds_it(failed: Bench) -> None:
    found = {row["words"]: row for row in failed.run("doctor", "--json").json["findings"] if row["check"] == "runs"}
    ((words, row),) = found.items()
    assert words.startswith("alert: 1 run failed, and waits: ")
    assert "run again at 20" in row["hint"]
    assert row["mark"] == "problem"
    failed.run("pipelines", "pause", "alert")
    ((row),) = (row for row in failed.run("doctor", "--json").json["findings"] if row["check"] == "runs")
    assert (row["mark"], row["words"]) == ("warning", "1 run failed, and waits: the pipeline alert is not active")
    assert failed.run("deliver").code == 0


def test_a_pipeline_that_is_gone_is_told_by_doctor(failed: Bench) -> None:
    failed.pipeline(DESTINATION, "other")
    (failed.root / "pipelines/alert.toml").unlink()
    (row,) = (row for row in failed.run("doctor", "--json").json["findings"] if row["check"] == "runs")
    assert (row["words"], row["hint"]) == (
        "1 run failed, and waits: the pipeline alert is not there",
        "put pipelines/alert.toml back",
    )


def test_the_start_screen_counts_it(failed: Bench) -> None:
    assert "waiting: 1 failed run; to send what is due: ingestlayer deliver" in failed.run().out


def test_the_lists_name_it(failed: Bench) -> None:
    listed = failed.run("deliveries", "list")
    assert (listed.out, "what 1 failed run will send" in listed.err) == ("no message waits\n", True)
    assert "alert failed" in failed.run("events", "list", "--status", "failed").out
    assert "it is run again at 20" in failed.run("events", "show", "@last").out
    assert failed.run("store", "info", "--json").json["rows"]["unfinished"] == 1


def test_why_tells_when_it_is_run_again_and_of_a_paused_pipeline_that_it_waits_for_it(failed: Bench) -> None:
    assert "alert failed, and is run again at 20" in failed.run("why", "@last").out
    failed.run("pipelines", "pause", "alert")
    assert "is run again once its pipeline has changed" in failed.run("why", "@last").out


def test_what_another_pipeline_delivered_does_not_hide_it(failed: Bench) -> None:
    failed.pipeline(DESTINATION, "other")
    failed.run("emit", "usage.limit_reached", "customer_id=acme")
    summary = failed.run("why", "@last", "--json").json["summary"]
    assert summary.startswith("delivered to #alerts; alert failed, and is run again at ")


def test_one_that_nobody_wants_any_more_is_given_up_by_hand(failed: Bench) -> None:
    ((event,),) = failed.rows("SELECT id FROM events")
    refused = failed.run("deliveries", "settle", event, "--delivered")
    assert (refused.code, "has sent nothing" in refused.err) == (2, True)
    given = failed.run("deliveries", "settle", "@last", "--dead", "--json")
    assert given.json == {"settled": [event], "status": "dead"}
    mend(failed)
    assert failed.run("deliver").err == "nothing is due\n"
    assert failed.run(*EVENT).code == 0
    assert failed.slack.messages == []
    told = failed.run("why", event).out
    assert "given up by hand" in told
    assert "run again" not in told
    again = failed.run("deliveries", "settle", event, "--dead")
    assert (again.code, "no run that failed and waits" in again.err) == (2, True)


# Files that are broken --------------------------------------------------------------------------------------------


def test_a_broken_pipeline_file_waits_for_its_edit_and_no_time_helps(bench: Bench) -> None:
    bench.pipeline("[[steps]]\nuse = 5\n" + DESTINATION)
    first = bench.run(*EVENT, "--json")
    assert (first.code, first.json["runs"][0]["retry_at"]) == (78, None)
    assert "run again once its pipeline has changed" in bench.run(*EVENT).out
    assert bench.rows("SELECT retry_at FROM unfinished") == [(None,)]
    assert bench.run("deliver").code == 78
    bench.pipeline(DESTINATION)
    assert bench.run("deliver").code == 0
    assert len(bench.slack.messages) == 1


def test_what_waits_while_the_projects_file_is_broken_is_counted_and_left(failed: Bench) -> None:
    mend(failed)
    text = (failed.root / "ingestlayer.toml").read_text()
    failed.write("ingestlayer.toml", text + "\n[")
    assert failed.run("deliver").code == 78
    assert failed.slack.messages == []
    failed.write("ingestlayer.toml", text)
    assert failed.run("deliver").code == 0
    assert len(failed.slack.messages) == 1
