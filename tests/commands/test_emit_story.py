"""The main job: a limit is hit, the event is stored, enriched, routed and shown."""

import json
import re
import shutil
from typing import Any

import pytest

from tests.support.folder import ACME, PAYLOAD, USAGE, Folder
from tests.support.standin import SlackStandin

NUDGE = ("customer_id=globex", "metric=seats", "limit=50", "used=46", "plan=team")
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def statuses(document: Any) -> list[tuple[str, str]]:
    return [(sent["target"], sent["status"]) for run in document["runs"] for sent in run["deliveries"]]


def connect(project: Folder, slack: SlackStandin) -> dict[str, str]:
    """Point a project at the stand-in; returns the environment with its token."""
    project.edit("ingestlayer.toml", 'connection = "terminal"', f'connection = "bot"\napi_url = "{slack.url}"')
    return {"SLACK_BOT_TOKEN": "xoxb-test"}


# What is shown --------------------------------------------------------------------------------------------


def test_a_blocking_limit_is_shown_in_alerts_with_what_is_known_of_the_customer(project: Folder) -> None:
    result = project.emit(*ACME)
    assert result.code == 0
    assert result.err == ""
    for words in ("#alerts", "Acme Inc is out of api-calls", "10,250 of 10,000 used (102.5%)", "1,900", "2027-01-31"):
        assert words in result.out
    assert "cc maya@ourcompany.example" in result.out


def test_words_say_what_was_accepted_delivered_and_skipped_and_why(project: Folder) -> None:
    lines = project.emit(*ACME).out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("accepted evt_"))
    assert lines[at].endswith(f" {USAGE}")
    assert [line.strip() for line in lines[at + 1 :]] == [
        "usage-limit-hits",
        "#alerts shown",
        "#growth skipped: used/limit = 10250/10000 = 1.025 >= 1",
    ]


def test_a_nudge_goes_to_growth_alone(project: Folder) -> None:
    assert statuses(project.accepted(*NUDGE)) == [("#growth", "shown")]


def test_a_limit_that_is_just_reached_is_blocking(project: Folder) -> None:
    assert statuses(project.accepted(*NUDGE, "used=50")) == [("#alerts", "shown")]


def test_the_same_command_again_is_a_duplicate_without_a_second_message(project: Folder) -> None:
    first = project.accepted(*ACME)
    again = project.emit(*ACME)
    assert again.code == 0
    assert f"duplicate of {first['event']['id']}" in again.out
    assert "nothing is sent" in again.out
    assert "#alerts" not in again.out
    assert (project.count("events"), project.count("deliveries")) == (1, 1)


def test_a_duplicate_of_what_was_but_drawn_says_how_it_is_seen_again(project: Folder) -> None:
    project.accepted(*ACME)
    assert "to draw this one: preview in place of emit\n" in project.emit(*ACME).err
    assert "#alerts" in project.here("preview", "usage.limit_reached", *ACME).out
    assert project.emit(*ACME, "-q").err == ""


def test_a_nudge_and_a_blocking_limit_are_two_alerts(project: Folder) -> None:
    assert project.accepted(*ACME, "--used", "9000")["status"] == "accepted"
    assert project.accepted(*ACME, "--used", "10250")["status"] == "accepted"
    assert [target for (target,) in project.rows("SELECT target FROM deliveries ORDER BY seq")] == [
        "#growth",
        "#alerts",
    ]


def test_a_customer_who_is_not_in_the_file_is_no_error(project: Folder) -> None:
    result = project.emit(*ACME, "--customer", "nobody")
    assert result.code == 0
    assert "A customer is out of api-calls" in result.out


def test_a_changed_entity_file_is_seen_at_the_next_event(project: Folder) -> None:
    project.accepted(*ACME)
    project.edit("customers.csv", "Acme Inc", "Acme Limited")
    assert "Acme Limited is out of seats" in project.emit(*ACME, "--metric", "seats").out


def test_an_event_that_no_pipeline_matches_is_accepted_with_a_warning(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"')
    result = project.run("emit", "user.seen", "--name", "Ada")
    assert result.code == 0
    assert "warning: no active pipeline matches user.seen" in result.err


def test_a_paused_pipeline_is_named_in_the_warning(project: Folder) -> None:
    project.edit("pipelines/usage-limit-hits.toml", 'status = "active"', 'status = "paused"')
    result = project.emit(*ACME)
    assert result.code == 0
    assert "usage-limit-hits is paused" in result.err
    assert project.count("deliveries") == 0


def test_two_pipelines_run_and_one_that_fails_blocks_no_other(project: Folder) -> None:
    project.edit(
        "ingestlayer.toml", "[entities.customer]", '[entities.gone]\nfile = "g.csv"\nkey = "k"\n[entities.customer]'
    )
    project.listen(USAGE, '[[steps]]\nuse = "enrich.entity"\nkind = "gone"\nkey = "$event.plan"')
    result = project.emit(*ACME, "--json")
    outcomes = {run["pipeline"]: run["outcome"] for run in result.json["runs"]}
    assert outcomes == {USAGE: "failed", "usage-limit-hits": "queued"}
    assert result.code == 78
    assert statuses(result.json) == [("#alerts", "shown")]


# The document ---------------------------------------------------------------------------------------------


def test_the_json_document_has_the_contracts_keys_and_types(project: Folder) -> None:
    result = project.emit(*ACME, "--json")
    assert result.out.count("\n") == 1
    document = result.json
    assert list(document) == ["status", "differs", "event", "runs"]
    assert (document["status"], document["differs"]) == ("accepted", [])
    event, (run,) = document["event"], document["runs"]
    assert list(event) == ["id", "type", "received_at", "source", "idempotency_key", "payload"]
    assert re.fullmatch(r"evt_[0-9A-HJKMNP-TV-Z]{26}", event["id"])
    assert re.fullmatch(TIME, event["received_at"])
    assert event["idempotency_key"] == f"acme:api-calls:{event['received_at'][:7]}:true"
    assert (event["type"], event["source"], event["payload"]) == (USAGE, "cli", PAYLOAD)
    assert list(run) == ["pipeline", "version", "outcome", "dropped_by", "reason", "skipped", "deliveries"]
    assert (run["pipeline"], run["outcome"], run["dropped_by"], run["reason"]) == (
        "usage-limit-hits",
        "queued",
        None,
        None,
    )
    assert isinstance(run["version"], str)
    reason = "used/limit = 10250/10000 = 1.025 >= 1"
    assert run["skipped"] == [{"destination": "slack", "target": "#growth", "reason": reason}]
    (delivery,) = run["deliveries"]
    assert re.fullmatch(r"dlv_[0-9A-HJKMNP-TV-Z]{26}", delivery.pop("id"))
    assert delivery == {
        "destination": "slack",
        "target": "#alerts",
        "status": "shown",
        "attempts": 1,
        "error": None,
    }


def test_the_document_of_a_duplicate_answers_with_the_first_event(project: Folder) -> None:
    first = project.accepted(*ACME)
    again = project.accepted(*ACME, "--used", "10300", "--plan", "free")
    assert again == {"status": "duplicate", "differs": ["used", "plan"], "event": first["event"], "runs": []}


def test_the_document_of_a_drop_names_the_step_and_its_reason(project: Folder) -> None:
    project.listen(USAGE, '[[steps]]\nuse = "filter"\nwhen = "$event.used > 20000"')
    (_, run) = project.accepted(*ACME)["runs"]
    assert (run["outcome"], run["dropped_by"], run["deliveries"], run["skipped"]) == ("dropped", "filter", [], [])
    assert "10250" in run["reason"]


def test_an_event_without_a_key_has_null_for_it(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"')
    document = project.run("emit", "user.seen", "--name", "Ada", "--json").json
    assert document["event"]["idempotency_key"] is None


def test_the_document_of_a_rejection_lists_every_problem(project: Folder) -> None:
    result = project.emit("--customer", "acme", "--metric", "seets", "--limit", "ten", "--plan", "pro", "--json")
    assert (result.code, result.err, list(result.json)) == (65, "", ["error"])
    assert result.error["kind"] == "schema"
    assert result.error["details"] == [
        {"path": "metric", "problem": '"seets" is not one of seats, api-calls, storage (did you mean "seats"?)'},
        {"path": "limit", "problem": 'must be a number, not "ten"'},
        {"path": "used", "problem": "is required"},
    ]
    assert "ingestlayer emit usage.limit_reached --help" in result.error["hint"]


def test_events_show_prints_the_stored_event_whole(project: Folder) -> None:
    event = project.accepted(*ACME)["event"]
    assert project.run("events", "show", event["id"], "--json").json == event
    assert project.run("events", "list", "--json").json == event


# Other outputs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["-q", "--quiet"])
def test_quiet_prints_nothing_for_an_accepted_event(project: Folder, flag: str) -> None:
    assert project.emit(*ACME, flag) == (0, "", "")
    assert project.count("deliveries") == 1


def test_quiet_prints_nothing_for_a_duplicate(project: Folder) -> None:
    project.accepted(*ACME)
    assert project.emit(*ACME, "-q") == (0, "", "")


def test_quiet_still_prints_errors(project: Folder) -> None:
    result = project.emit("-q", "customer_id=acme")
    assert result.code == 65
    assert result.err.startswith("error: ")


def test_dry_run_shows_the_message_and_writes_nothing(project: Folder) -> None:
    before = sorted(project.root.rglob("*"))
    result = project.emit(*ACME, "--dry-run")
    assert result.code == 0
    assert "Acme Inc is out of api-calls" in result.out
    assert sorted(project.root.rglob("*")) == before


def test_dry_run_writes_nothing_into_a_project_that_was_never_run(project: Folder) -> None:
    shutil.rmtree(project.root / ".ingestlayer")
    before = sorted(project.root.rglob("*"))
    assert project.emit(*ACME, "--dry-run", "--json").code == 0
    assert sorted(project.root.rglob("*")) == before


def test_dry_run_of_a_refused_event_is_exit_65_and_no_dead_letter(project: Folder) -> None:
    assert project.emit("customer_id=acme", "--dry-run").code == 65
    assert not project.store.exists()


def test_dry_run_shows_the_very_body_that_emit_stores(project: Folder) -> None:
    timed = (*ACME, "--timestamp", "2026-11-03T09:30:00Z")
    shown = project.emit(*timed, "--dry-run", "--json").json["runs"][0]["messages"][0]["body"]
    project.accepted(*timed)
    stored = json.loads(project.rows("SELECT body FROM deliveries")[0][0])

    def without_ids(body: Any) -> str:
        return re.sub(r"(evt|dlv)_\w{26}", r"\1", json.dumps(body))

    assert without_ids(shown) == without_ids(stored)


def test_no_deliver_leaves_the_message_in_the_outbox_and_deliver_sends_it(project: Folder) -> None:
    document = project.accepted(*ACME, "--no-deliver")
    assert statuses(document) == [("#alerts", "pending")]
    assert document["runs"][0]["deliveries"][0]["attempts"] == 0
    sent = project.run("deliver")
    assert sent.code == 0
    assert "Acme Inc is out of api-calls" in sent.out
    assert "#alerts shown dlv_" in sent.out
    assert project.rows("SELECT status FROM deliveries") == [("shown",)]


def test_deliver_with_nothing_due_sends_nothing(project: Folder) -> None:
    project.accepted(*ACME)
    assert project.run("deliver", "--json") == (0, "", "")


def test_the_terminal_draws_no_colour_into_a_pipe(project: Folder) -> None:
    assert "\x1b" not in project.emit(*ACME).out


def test_force_color_colours_and_no_color_does_not(project: Folder) -> None:
    assert "\x1b[" in project.emit(*ACME, env={"FORCE_COLOR": "1", "TERM": "xterm"}).out
    env = {"NO_COLOR": "1", "TERM": "xterm"}
    assert "\x1b" not in project.emit(*ACME, "--metric", "seats", env=env).out


def test_columns_sets_the_width_of_the_drawn_message(project: Folder) -> None:
    lines = project.emit(*ACME, env={"COLUMNS": "60"}).out.splitlines()
    assert {len(line) for line in lines if line.startswith(("╭", "╰"))} == {60}


def test_an_event_cannot_drive_the_terminal(project: Folder) -> None:
    result = project.emit(*ACME, "--plan", "\x1b]0;owned\x07\x1b[31m")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "\x07" not in result.out


# Slack ----------------------------------------------------------------------------------------------------


def test_with_a_token_the_same_command_posts_to_the_channel(project: Folder) -> None:
    with SlackStandin() as slack:
        env = connect(project, slack)
        result = project.emit(*ACME, "--json", env=env)
        assert result.code == 0
        assert statuses(result.json) == [("#alerts", "delivered")]
        assert [len(slack.posted_to("#alerts")), len(slack.messages)] == [1, 1]
        assert project.emit(*ACME, "--json", env=env).json["status"] == "duplicate"
        assert len(slack.messages) == 1


def test_not_connected_is_exit_75_with_the_remedy_and_the_message_waits(project: Folder) -> None:
    with SlackStandin() as slack:
        env = connect(project, slack)
        result = project.emit(*ACME)
        assert result.code == 75
        assert "#alerts pending" in result.out
        assert "SLACK_BOT_TOKEN" in result.out + result.err
        assert project.rows("SELECT status, attempts FROM deliveries") == [("pending", 0)]
        assert project.run("deliver", env=env).code == 0
        assert len(slack.messages) == 1


def test_deliver_that_is_not_connected_is_exit_75_with_the_remedy(project: Folder) -> None:
    with SlackStandin() as slack:
        connect(project, slack)
        project.emit(*ACME, "--no-deliver")
        result = project.run("deliver")
        assert result.code == 75
        assert "SLACK_BOT_TOKEN" in result.err


def test_quiet_still_says_why_a_message_waits(project: Folder) -> None:
    with SlackStandin() as slack:
        connect(project, slack)
        result = project.emit(*ACME, "-q")
        assert (result.code, result.out) == (75, "")
        assert "error: #alerts pending: " in result.err
        assert "SLACK_BOT_TOKEN" in result.err


def test_a_channel_that_slack_does_not_know_is_exit_69_with_the_remedy(project: Folder) -> None:
    project.edit("pipelines/usage-limit-hits.toml", "#alerts", "#nowhere")
    with SlackStandin() as slack:
        result = project.emit(*ACME, env=connect(project, slack))
        assert result.code == 69
        assert "channel_not_found" in result.out
        assert "invite" in result.err
