"""Our own troubles, each told once: opened, changed, over; by whoever looks, and however many at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ingestlayer_cli.operations import alerts
from ingestlayer_cli.operations.alerts import tell_and_send
from ingestlayer_cli.store.contract.reading import Selection
from tests.support.checks import table
from tests.support.clock import FakeClock
from tests.support.posting import TYPE, Posting, deliver
from tests.support.program import finished, kill, wait_until
from tests.support.receiver import Receiver
from tests.support.standin import Message, SlackError, SlackStandin

ALERTS = '[alerts]\nchannel = "#ops"\n'
HOOK = 'also = "webhook"\n[alerts.webhook]\nurl = "{url}"\n'
ARCHIVED = SlackError("is_archived")


@pytest.fixture
def watched(posting: Posting, slack: SlackStandin) -> Posting:
    """A project whose troubles are told in #ops."""
    slack.add_channel("ops")
    posting.settings(more=ALERTS)
    return posting


def look(watched: Posting, clock: FakeClock, sends: bool = True) -> None:
    """Deliver what is due, and tell of what is wrong."""
    with watched.runtime(clock) as runtime:
        if sends:
            deliver(runtime)
        assert tell_and_send(runtime) == []


def told(watched: Posting) -> list[tuple[str, str]]:
    """Return the events that tell of troubles: their type, and the state."""
    rows = watched.sql("SELECT type, payload FROM events WHERE type LIKE 'ingestlayer.%' ORDER BY seq")
    return [(type_.removeprefix("ingestlayer."), json.loads(payload)["state"]) for type_, payload in rows]


def ops(slack: SlackStandin) -> list[Message]:
    """Return the messages in #ops that are in no thread."""
    return [message for message in slack.posted_to("ops") if message.thread_ts is None]


def kills(watched: Posting, slack: SlackStandin, clock: FakeClock, *numbers: int) -> None:
    """Let messages to #alerts be refused."""
    slack.script.extend([ARCHIVED] * len(numbers))
    watched.accept(numbers, clock=clock)


def test_many_dead_messages_are_one_alert_that_is_edited_when_it_is_over(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    kills(watched, slack, clock, 0, 1, 2)
    for _ in range(3):
        look(watched, clock)
    (alert,) = ops(slack)
    assert alert.body["text"].startswith("#alerts: 3 messages are dead: Slack refused the message: is_archived")
    assert "ingestlayer deliveries retry --status dead --channel '#alerts'" in json.dumps(alert.body["blocks"])
    ids = [id_ for (id_,) in watched.sql("SELECT id FROM deliveries WHERE status = 'dead'")]
    with watched.runtime(clock) as runtime:
        runtime.store.deliveries.retry(ids, clock.now())
    for _ in range(3):
        look(watched, clock)
    assert told(watched) == [("delivery_dead", "open"), ("delivery_dead", "resolved")]
    (alert,) = ops(slack)
    assert alert.body["text"] == "Resolved: #alerts: 3 messages are dead"


def test_what_gets_worse_is_told_again_after_a_while_in_the_same_message(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    kills(watched, slack, clock, 0)
    look(watched, clock)
    for number in range(1, 5):
        clock.passes("4m")
        kills(watched, slack, clock, number)
        look(watched, clock)
    assert told(watched) == [("delivery_dead", "open")] * 2
    (alert,) = ops(slack)
    assert "4 messages are dead" in alert.body["text"]


def test_what_comes_back_soon_is_the_same_and_later_another(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    for number, pause in enumerate(("30m", "30m", "2h", "1m")):
        kills(watched, slack, clock, number)
        look(watched, clock)
        with watched.runtime(clock) as runtime:
            (dead,) = [id_ for (id_,) in watched.sql("SELECT id FROM deliveries WHERE status = 'dead'")]
            runtime.store.deliveries.retry([dead], clock.now())
        look(watched, clock)
        clock.passes(pause)
    assert told(watched) == [("delivery_dead", "open"), ("delivery_dead", "resolved")] * 4
    assert len(ops(slack)) == 2


def test_what_becomes_of_an_alert_makes_no_alert(watched: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    del slack.channels["ops"]
    kills(watched, slack, clock, 0)
    for _ in range(4):
        look(watched, clock)
        clock.passes("1h")
    assert told(watched) == [("delivery_dead", "open")]
    assert watched.sql("SELECT target, status FROM deliveries ORDER BY seq") == [("#alerts", "dead"), ("#ops", "dead")]


def test_a_run_that_fails_on_one_makes_none(watched: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    watched.write("pipelines/mine.toml", MINE)
    (watched.root / "customers.csv").unlink()
    kills(watched, slack, clock, 0)
    for _ in range(3):
        look(watched, clock)
        clock.passes("1h")
    assert told(watched) == [("delivery_dead", "open")]
    assert watched.sql("SELECT count(*) FROM unfinished") == [(1,)]


MINE = """
match = ["ingestlayer.*"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.subject"
[[destinations]]
use = "slack"
channel = "#test"
"""


def test_a_trouble_with_slack_itself_goes_the_second_way(
    posting: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    hook = Receiver()
    try:
        slack.add_channel("ops")
        posting.settings(more=ALERTS + HOOK.format(url=hook.url))
        slack.revoked.add("xoxb-test")
        posting.accept([0], clock=clock)
        for _ in range(3):
            look(posting, clock)
        assert [request.body["payload"]["state"] for request in hook.requests] == ["open"]
        assert hook.only.body["type"] == "ingestlayer.not_connected"
        assert ops(slack) == []
        slack.revoked.clear()
        for _ in range(2):
            look(posting, clock)
        assert [request.body["payload"]["state"] for request in hook.requests] == ["open", "resolved"]
        (alert,) = ops(slack)  # posted late, and edited at once
        assert alert.body["text"].startswith("Resolved: slack: not connected")
    finally:
        hook.close()


def test_who_does_not_listen_has_no_such_events(posting: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    kills(posting, slack, clock, 0)
    look(posting, clock)
    assert told(posting) == []
    assert posting.sql("SELECT name FROM notes WHERE topic = 'trouble'") == []


def test_a_look_that_cannot_see_all_takes_nothing_for_over(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    kills(watched, slack, clock, 0)
    look(watched, clock)
    watched.sql("UPDATE deliveries SET status = 'delivered' WHERE status = 'dead'")
    with watched.runtime(clock) as runtime:
        found = alerts.Sighting(runtime.project, runtime.store, clock.now())
        ((name, note),) = runtime.store.notes(alerts.TOPIC).items()
        assert alerts.news(found, name, note) is not None
        found.is_whole = False
        assert alerts.news(found, name, note) is None


# The commands


USAGE = "customer_id,metric,used,limit,plan\nacme,seats,1,10,pro\n"


def check_table(every: str = "") -> str:
    made = table(more=every, key='["customer_id"]').replace("usage.limit", "usage.limit_reached")
    return ALERTS + made


def test_check_tells_of_a_source_that_fails_and_that_it_is_mended(watched: Posting, slack: SlackStandin) -> None:
    watched.settings(more=check_table())
    assert watched.run("check", "-q").code == 75
    assert watched.run("check", "-q").code == 75
    (alert,) = ops(slack)
    assert alert.body["text"].startswith("api: its source fails: usage.csv cannot be read")
    watched.write("usage.csv", USAGE)
    assert watched.run("check", "-q").code == 0
    assert ops(slack)[0].body["text"] == "Resolved: api: its source fails"
    assert told(watched) == [("source_failing", "open"), ("source_failing", "resolved")]


def test_a_look_alone_tells_nobody(watched: Posting, slack: SlackStandin) -> None:
    watched.settings(more=check_table())
    for arguments in (("--dry-run",), ("--only", "acme")):
        watched.run("check", *arguments)
    assert ops(slack) == []


def test_a_check_that_never_ran_is_told_when_its_time_has_passed(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    watched.settings(more=check_table('every = "1h"'))
    watched.write("usage.csv", USAGE)
    for _ in range(3):
        look(watched, clock)
        clock.passes("20m")
    assert told(watched) == []
    clock.passes("10m")
    look(watched, clock)
    assert told(watched) == [("check_stale", "open")]


def test_deliver_says_of_an_alert_what_it_says_of_any_message(watched: Posting, slack: SlackStandin) -> None:
    slack.script.append(ARCHIVED)
    watched.accept([0])
    result = watched.run("deliver", "--json")
    assert (result.code, [(line["target"], line["status"]) for line in result.lines]) == (
        69,
        [("#alerts", "dead"), ("#ops", "delivered")],
    )
    event = watched.run("events", "list", "--type", "ingestlayer.*", "--json").lines[0]
    assert event["source"] == "ingestlayer"
    assert "#ops" in watched.run("why", event["id"]).out
    assert watched.run("deliver", "--channel", "#alerts", "--json").out == ""


def test_one_alert_of_eight_at_once_some_of_which_are_killed(watched: Posting, slack: SlackStandin) -> None:
    slack.script.extend([ARCHIVED] * 5)
    watched.accept(range(5))
    watched.run("deliver", "--limit", "5", "--channel", "alerts")
    running = [watched.start("deliver", "-q") for _ in range(8)]
    for process in running[::3]:
        kill(process)
    for process in running:
        if process.returncode is None:
            finished(process)
    watched.run("deliver", "-q")
    assert told(watched) == [("delivery_dead", "open")]

    def is_told() -> bool:
        watched.let_pass(120)  # for what a killed one may or may not have sent
        watched.run("deliver", "-q")
        assert len(ops(slack)) <= 1
        return bool(ops(slack))

    wait_until(is_told)


def test_an_alert_of_a_process_that_dies_before_it_sends_is_sent_by_the_next(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    kills(watched, slack, clock, 0)
    with watched.runtime(clock) as runtime:
        deliver(runtime)
        assert len(alerts.tell(runtime)) == 1
    assert ops(slack) == []
    look(watched, clock)
    assert (told(watched), len(ops(slack))) == ([("delivery_dead", "open")], 1)


def test_machines_that_share_a_database_tell_it_once(
    posting: Posting, slack: SlackStandin, clock: FakeClock, postgres: str
) -> None:
    address, _, schema = postgres.partition("#")
    slack.add_channel("ops")
    posting.settings(more=ALERTS, store=f'url = "{address}"\nschema = "{schema}"')
    kills(posting, slack, clock, 0)

    def machine(_: int) -> None:
        look(posting, clock)

    with ThreadPoolExecutor(4) as threads:
        for _ in range(2):
            list(threads.map(machine, range(4)))
    with posting.runtime(clock) as runtime:
        found = [*runtime.store.history.select(Selection(type="ingestlayer.*"))]
    assert [item.event.payload["state"] for item in found] == ["open"]
    assert len(ops(slack)) == 1


def test_deliver_that_stays_tells_too(watched: Posting, slack: SlackStandin) -> None:
    slack.script.append(ARCHIVED)
    watched.accept([0])
    process = watched.start("deliver", "--watch", "-q")
    try:
        wait_until(lambda: len(ops(slack)) == 1)
    finally:
        process.terminate()
        result = finished(process)
    assert result.code == 0, result


def notes(watched: Posting) -> list[Any]:
    return watched.sql("SELECT name FROM notes WHERE topic = 'trouble'")


def test_what_is_over_for_long_is_forgotten(watched: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    kills(watched, slack, clock, 0)
    look(watched, clock)
    assert notes(watched) == [("delivery_dead:#alerts",)]
    watched.sql("UPDATE deliveries SET status = 'delivered' WHERE status = 'dead'")
    look(watched, clock)
    clock.passes("2h")
    look(watched, clock)
    assert notes(watched) == []


def test_an_export_is_taken_back_for_it_has_none_of_them_unless_they_are_named(
    watched: Posting, slack: SlackStandin, clock: FakeClock
) -> None:
    kills(watched, slack, clock, 0)
    look(watched, clock)
    assert [json.loads(line)["type"] for line in watched.here("events", "export").out.splitlines()] == [TYPE]
    (line,) = watched.here("events", "export", "--type", "ingestlayer.*").out.splitlines()
    assert json.loads(line)["type"] == "ingestlayer.delivery_dead"


def test_many_channels_that_fail_at_once_are_one_alert(watched: Posting, slack: SlackStandin, clock: FakeClock) -> None:
    slack.script.extend([ARCHIVED] * 8)
    for number in range(8):
        watched.accept([number], channel=f"c{number}", clock=clock)
    look(watched, clock)
    look(watched, clock)
    (alert,) = ops(slack)
    assert alert.body["text"].startswith("8 troubles: #c0: 1 message is dead; #c1: ")
    watched.sql("UPDATE deliveries SET status = 'delivered' WHERE status = 'dead' AND target <> '#c3'")
    clock.passes("11m")
    look(watched, clock)
    assert told(watched) == [("delivery_dead", "open")] * 2
    watched.sql("UPDATE deliveries SET status = 'delivered' WHERE status = 'dead'")
    look(watched, clock)
    assert told(watched)[2:] == [("delivery_dead", "resolved")]
    assert len(ops(slack)) == 1
