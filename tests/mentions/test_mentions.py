"""The person who owns the account: mentioned where Slack knows the address, named in plain text where not."""

import json
import sqlite3

import pytest

from ingestlayer_cli.destinations.slack import mention as _mention
from tests.mentions.support import cc, emit, lookups, note, pipeline
from tests.outbox.support import FakeClock, Folder
from tests.slack.standin import (
    Fault,
    Garbage,
    Hang,
    RateLimited,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Status,
)

DAY = 86_400_000
MAYA = "<@U0000000001>"


def test_an_address_that_slack_knows_is_mentioned(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    emit(project, "maya@acme.com")
    assert cc(slack) == f"cc {MAYA}"
    assert note(project) == "mentions maya@acme.com (U0000000001)"


def test_what_is_stored_names_the_address(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    emit(project, "maya@acme.com")
    (body,) = project.sql("SELECT body FROM deliveries")[0]
    assert "cc maya@acme.com" in body
    assert MAYA not in body


def test_a_preview_shows_the_name_without_a_token(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    result = project.run("preview", "deal", "owner=Maya Ferro <maya@acme.com>", env={"SLACK_BOT_TOKEN": ""})
    assert "cc Maya Ferro" in result.out
    assert lookups(slack) == []


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("Maya Ferro <maya@acme.com>", f"cc {MAYA}"),
        ("MAYA@Acme.com", f"cc {MAYA}"),
        ("maya@acme.com, bo@acme.com", f"cc {MAYA}, bo@acme.com"),
        ("Bo Li <bo@acme.com>, maya@acme.com", f"cc Bo Li, {MAYA}"),
        ("U024BE7LH, S0614TZR7, Kim", "cc <@U024BE7LH>, <!subteam^S0614TZR7>, Kim"),
        ("maya@acme.com,maya@acme.com", f"cc {MAYA}"),
        ("a, b, c, d, e, f, g", "cc a, b, c, d, e, and 2 more"),
        ("<!channel> & <maya@acme.com>", f"cc {MAYA}"),
        ("<!channel>", "cc &lt;!channel&gt;"),
        ("<!channel> <bo@acme.com>", "cc &lt;!channel&gt;"),
        ("WILLIAMS, SUSANNE", "cc WILLIAMS, SUSANNE"),
        ("maya@acme.com\nbo@acme.com", "cc maya@acme.com bo@acme.com"),
    ],
)
def test_a_list_of_owners(owner: str, said: str, project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    emit(project, owner)
    assert cc(slack) == said


def test_the_address_is_replaced_in_its_own_line_alone(project: Folder, slack: SlackStandin) -> None:
    pipeline(
        project, 'mention = "$event.owner"\n[destinations.message]\ntitle = "$event.owner"\ntext = "$event.note"\n'
    )
    emit(project, "maya@acme.com", note="cc maya@acme.com\nhello\ncc maya@acme.com")
    text = slack.messages[0].body["blocks"][1]["text"]["text"]
    assert text == f"cc maya@acme.com\nhello\ncc maya@acme.com\ncc {MAYA}"
    assert slack.messages[0].body["blocks"][0]["text"]["text"] == "maya@acme.com"


def test_a_long_text_that_ends_like_the_line_stays_as_it_is(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'mention = "$event.owner"\n[destinations.message]\ntext = "$event.note"\n')
    emit(project, "maya@acme.com", note="x" * 300 + "\ncc maya@acme.com")
    texts = [b["text"]["text"] for b in slack.messages[0].body["blocks"] if b["type"] == "section"]
    assert [text[-22:] for text in texts] == ["xxxxx\ncc maya@acme.com", f"cc {MAYA}"]


def test_a_blocks_file_gets_the_mention_at_its_end(project: Folder, slack: SlackStandin) -> None:
    divider = {"type": "divider"}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "cc maya@acme.com"}}
    project.write("b.json", json.dumps([section, *[divider] * 48]))
    pipeline(project, 'mention = "$event.owner"\n[destinations.message]\nblocks = "b.json"\n')
    emit(project, "maya@acme.com")
    assert slack.messages[0].body["blocks"][0]["text"]["text"] == "cc maya@acme.com"
    assert slack.messages[0].body["blocks"][-1]["text"]["text"] == f"cc {MAYA}"


# The cache ------------------------------------------------------------------------------------------------


def test_an_address_is_looked_up_once_in_a_week(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    clock = FakeClock()
    for _ in range(3):
        emit(project, "maya@acme.com", clock)
    clock.sleep(7 * DAY - 1)
    emit(project, "maya@acme.com", clock)
    assert len(lookups(slack)) == 1
    clock.sleep(1)
    emit(project, "maya@acme.com", clock)
    assert len(lookups(slack)) == 2


def test_nobody_is_looked_for_once_a_day(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    clock = FakeClock()
    emit(project, "bo@acme.com", clock)
    clock.sleep(DAY - 1)
    emit(project, "bo@acme.com", clock)
    assert (len(lookups(slack)), cc(slack)) == (1, "cc bo@acme.com")
    assert note(project) == "bo@acme.com is not mentioned: nobody in Slack has this address"
    slack.add_user("bo@acme.com")
    clock.sleep(1)
    emit(project, "bo@acme.com", clock)
    assert (len(lookups(slack)), cc(slack)) == (2, "cc <@U0000000002>")


def test_a_missing_scope_is_tried_again_after_an_hour(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    slack.tokens["xoxb-test"].discard("users:read.email")
    clock = FakeClock()
    emit(project, "maya@acme.com", clock)
    emit(project, "maya@acme.com", clock)
    assert (len(lookups(slack)), cc(slack), project.statuses()) == (1, "cc maya@acme.com", {"delivered": 2})
    assert note(project) == "maya@acme.com is not mentioned: the token needs the scope users:read.email"
    slack.tokens["xoxb-test"].add("users:read.email")
    clock.sleep(DAY // 24)
    emit(project, "maya@acme.com", clock)
    assert cc(slack) == f"cc {MAYA}"


def test_who_is_deactivated_is_named(project: Folder, slack: SlackStandin) -> None:
    slack.users[0].deleted = True
    slack.shows_deactivated = True
    pipeline(project)
    emit(project, "maya@acme.com")
    assert (cc(slack), note(project)) == (
        "cc maya@acme.com",
        "maya@acme.com is not mentioned: deactivated in Slack",
    )


@pytest.mark.parametrize(
    "fault", [RateLimited(30), Status(500), ResetBeforeStore(), Garbage("<html>"), SlackError("fatal_error"), Hang(0.1)]
)
def test_a_look_up_that_fails_fails_no_delivery_and_is_not_remembered(
    fault: Fault, project: Folder, slack: SlackStandin
) -> None:
    pipeline(project)
    slack.script_method("users.lookupByEmail", fault)
    emit(project, "maya@acme.com")
    assert (cc(slack), project.statuses()) == ("cc maya@acme.com", {"delivered": 1})
    assert note(project).startswith("maya@acme.com is not mentioned: ")
    assert project.sql("SELECT count(*) FROM people") == [(0,)]
    emit(project, "maya@acme.com")
    assert cc(slack) == f"cc {MAYA}"


def test_after_one_trouble_the_others_are_not_asked_for(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    slack.script_method("users.lookupByEmail", Status(500))
    emit(project, "maya@acme.com, bo@acme.com, li@acme.com")
    assert (len(lookups(slack)), cc(slack)) == (1, "cc maya@acme.com, bo@acme.com, li@acme.com")


def test_a_slow_look_up_is_given_up_long_before_the_lease_ends(
    project: Folder, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestlayer_cli.destinations.slack.sender.QUICK", 0.2)
    pipeline(project)
    slack.script_method("users.lookupByEmail", Hang(30))
    emit(project, "maya@acme.com")
    assert (cc(slack), project.statuses()) == ("cc maya@acme.com", {"delivered": 1})


def test_what_was_learned_by_an_attempt_that_was_refused_is_not_asked_again_by_the_process(
    project: Folder, slack: SlackStandin
) -> None:
    pipeline(project)
    slack.script.append(RateLimited(1))
    emit(project, "maya@acme.com")
    assert (len(lookups(slack)), cc(slack)) == (1, f"cc {MAYA}")


def test_a_message_whose_update_and_reply_mention_says_so_in_both(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'mention = "$event.owner"\nthread = "one"\nupdate = true\n')
    emit(project, "bo@acme.com")
    emit(project, "maya@acme.com")
    assert [json.dumps(message.body).count(MAYA) for message in slack.messages] == [1, 1]


def test_a_webhook_mentions_nobody_by_address_and_says_so(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    text = (project.root / "ingestlayer.toml").read_text().replace('"bot"', '"webhook"')
    project.write("ingestlayer.toml", text)
    result = project.run("emit", "deal", "owner=maya@acme.com", env={"SLACK_WEBHOOK_URL": slack.webhook_url})
    assert (result.code, cc(slack)) == (0, "cc maya@acme.com")
    assert "a webhook cannot look people up" in note(project)


# Where a message goes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["growth", "#growth", "C0000000002"])
def test_the_channel_may_come_from_the_event(owner: str, project: Folder, slack: SlackStandin) -> None:
    pipeline(project, "", "$event.owner")
    emit(project, owner)
    assert slack.messages[0].channel == "growth"


@pytest.mark.parametrize(
    "owner", [None, "", "  ", "no channel", "<!channel>", "maya@acme.com", "@maya", "#", "a.b", "–"]
)
def test_what_is_no_channel_goes_to_the_default_and_the_trace_says_so(
    owner: str | None, project: Folder, slack: SlackStandin
) -> None:
    pipeline(project, 'channel_default = "#growth"\n', "$event.owner")
    emit(project, owner)
    assert slack.messages[0].channel == "growth"
    (trace,) = project.sql("SELECT trace FROM runs")[0]
    assert "channel_default, for its channel came out" in trace


def test_without_a_default_the_run_fails_and_names_the_remedy(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, "", "$event.owner")
    result = project.run("emit", "deal", "owner=no channel")
    assert result.code == 78
    assert "channel_default" in result.err
    assert slack.messages == []


def test_half_a_channel_is_none(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'channel_default = "#growth"\n', "#cs-$event.owner")
    emit(project)
    assert slack.messages[0].channel == "growth"


def test_validate_warns_of_a_channel_without_a_default(project: Folder) -> None:
    pipeline(project, "", "#cs-$event.owner")
    result = project.run("validate")
    assert "$event.owner may be null or no channel, and then the run fails: give a channel_default" in (
        result.out + result.err
    )


@pytest.mark.parametrize("key", ["channel", "channel_default"])
def test_a_written_channel_that_is_none_is_refused(key: str, project: Folder) -> None:
    named = {"channel": "#alerts", "channel_default": "#growth", key: "not one"}
    pipeline(project, f'channel_default = "{named["channel_default"]}"\n', named["channel"])
    result = project.run("validate")
    assert result.code in (1, 78)
    assert f'{key}: "' in result.out + result.err


# Direct messages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["maya@acme.com", "U0000000001"])
def test_a_direct_message_goes_to_the_person(owner: str, project: Folder, slack: SlackStandin) -> None:
    pipeline(project, "", "@$event.owner")
    result = emit(project, owner)
    assert slack.messages[0].channel == "@U0000000001"
    assert result["runs"][0]["deliveries"][0]["target"] == f"@{owner}"


def test_nobody_to_write_to_is_dead_with_a_hint(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, "", "@$event.owner")
    result = project.run("emit", "deal", "owner=bo@acme.com")
    assert result.code == 69
    assert "there is nobody to write to: bo@acme.com: nobody in Slack has this address" in result.out + result.err
    assert "channel_default" in result.err


def test_a_retry_by_hand_looks_the_person_up_again(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'mention = "$event.owner"\n')
    emit(project, "bo@acme.com")  # it is remembered that there is nobody
    pipeline(project, "", "@$event.owner")
    emit(project, "bo@acme.com")
    slack.add_user("bo@acme.com")
    assert project.run("deliveries", "retry", "--status", "dead").code == 0
    project.deliver()
    assert slack.messages[-1].channel == "@U0000000002"


def test_nobody_to_write_to_goes_to_the_default_and_the_note_says_so(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'channel_default = "#growth"\n', "@$event.owner")
    emit(project, "bo@acme.com")
    assert slack.messages[0].channel == "growth"
    assert note(project) == "to #growth in place of @bo@acme.com: nobody in Slack has this address"


@pytest.mark.parametrize("fault", [RateLimited(30), Status(500), ResetBeforeStore(), Garbage("<html>")])
def test_a_direct_message_waits_when_its_person_cannot_be_looked_up(
    fault: Fault, project: Folder, slack: SlackStandin
) -> None:
    pipeline(project, 'channel_default = "#growth"\n', "@$event.owner")
    slack.script_method("users.lookupByEmail", fault)
    emit(project, "maya@acme.com")
    assert (project.statuses(), slack.messages) == ({"retrying": 1}, [])
    project.let_pass(3700)
    project.deliver()
    assert slack.messages[0].channel == "@U0000000001"


def test_a_direct_message_that_may_have_arrived_is_found(project: Folder, slack: SlackStandin) -> None:
    slack.tokens["xoxb-test"] |= {"im:history", "im:write"}
    pipeline(project, "", "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(project, "maya@acme.com")
    project.deliver()
    assert (project.statuses(), len(slack.messages)) == ({"delivered": 1}, 1)


def test_without_the_scope_to_look_a_direct_message_is_held(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, "", "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(project, "maya@acme.com")
    project.let_pass(3700)
    result = project.run("deliver")
    assert (result.code, len(slack.messages)) == (75, 1)
    assert "the token needs im:write" in result.out


def test_a_fallback_that_may_have_arrived_is_found_in_the_default(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'channel_default = "#growth"\n', "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(project, "bo@acme.com")
    project.deliver()
    assert (project.statuses(), len(slack.messages)) == ({"delivered": 1}, 1)


def test_a_direct_message_has_its_thread_too(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'thread = "one"\nupdate = true\n', "@$event.owner")
    for _ in range(3):
        emit(project, "maya@acme.com")
    assert [len(slack.replies_to(message)) for message in slack.messages] == [2, 0, 0]


def test_who_left_is_written_to_in_the_default(project: Folder, slack: SlackStandin) -> None:
    pipeline(project, 'thread = "one"\nupdate = true\nchannel_default = "#growth"\n', "@$event.owner")
    clock = FakeClock()
    emit(project, "maya@acme.com", clock)
    slack.users[0].deleted = True
    clock.sleep(8 * DAY)
    emit(project, "maya@acme.com", clock)
    emit(project, "maya@acme.com", clock)
    assert [message.channel for message in slack.messages] == ["@U0000000001", "growth", "growth"]
    assert len(slack.replies_to(slack.messages[1])) == 1


# The line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " , ,", "\n"])
def test_nobody_is_no_line(text: str) -> None:
    assert _mention.line(_mention.owners(text)) == ""


def test_a_store_has_one_row_a_person(project: Folder, slack: SlackStandin) -> None:
    pipeline(project)
    emit(project, "maya@acme.com, Maya <MAYA@acme.com>, bo@acme.com")
    connection = sqlite3.connect(project.store)
    rows = connection.execute("SELECT email, user, why FROM people ORDER BY email").fetchall()
    connection.close()
    assert rows == [("bo@acme.com", None, "users_not_found"), ("maya@acme.com", "U0000000001", "")]
