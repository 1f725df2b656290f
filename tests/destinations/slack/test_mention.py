"""The person who owns the account: mentioned where Slack knows the address, named in plain text where not."""

import json
import sqlite3

import pytest

from ingestlayer_cli.destinations.slack import mention as _mention
from tests.support.clock import FakeClock
from tests.support.mentions import cc, emit, lookups, note, pipeline
from tests.support.posting import Posting
from tests.support.standin import Fault, Garbage, Hang, RateLimited, ResetBeforeStore, SlackError, SlackStandin, Status

DAY = 86_400_000
MAYA = "<@U0000000001>"


@pytest.fixture
def mentioning(posting: Posting, slack: SlackStandin) -> Posting:
    """A project that mentions the owner of an account, and a Slack in which some of them are."""
    slack.add_user("maya@acme.com")
    posting.write("events/undeclared.toml", 'type = "deal"\n[fields]\nowner = "string?"\nnote = "string?"\n')
    return posting


def test_an_address_that_slack_knows_is_mentioned(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    emit(mentioning, "maya@acme.com")
    assert cc(slack) == f"cc {MAYA}"
    assert note(mentioning) == "mentions maya@acme.com (U0000000001)"


def test_what_is_stored_names_the_address(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    emit(mentioning, "maya@acme.com")
    (body,) = mentioning.sql("SELECT body FROM deliveries")[0]
    assert "cc maya@acme.com" in body
    assert MAYA not in body


def test_a_preview_shows_the_name_without_a_token(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    result = mentioning.run("preview", "deal", "owner=Maya Ferro <maya@acme.com>", env={"SLACK_BOT_TOKEN": ""})
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
def test_a_list_of_owners(owner: str, said: str, mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    emit(mentioning, owner)
    assert cc(slack) == said


def test_the_address_is_replaced_in_its_own_line_alone(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(
        mentioning, 'mention = "$event.owner"\n[destinations.message]\ntitle = "$event.owner"\ntext = "$event.note"\n'
    )
    emit(mentioning, "maya@acme.com", note="cc maya@acme.com\nhello\ncc maya@acme.com")
    text = slack.messages[0].body["blocks"][1]["text"]["text"]
    assert text == f"cc maya@acme.com\nhello\ncc maya@acme.com\ncc {MAYA}"
    assert slack.messages[0].body["blocks"][0]["text"]["text"] == "maya@acme.com"


def test_a_long_text_that_ends_like_the_line_stays_as_it_is(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'mention = "$event.owner"\n[destinations.message]\ntext = "$event.note"\n')
    emit(mentioning, "maya@acme.com", note="x" * 300 + "\ncc maya@acme.com")
    texts = [b["text"]["text"] for b in slack.messages[0].body["blocks"] if b["type"] == "section"]
    assert [text[-22:] for text in texts] == ["xxxxx\ncc maya@acme.com", f"cc {MAYA}"]


def test_a_blocks_file_gets_the_mention_at_its_end(mentioning: Posting, slack: SlackStandin) -> None:
    divider = {"type": "divider"}
    section = {"type": "section", "text": {"type": "mrkdwn", "text": "cc maya@acme.com"}}
    mentioning.write("b.json", json.dumps([section, *[divider] * 48]))
    pipeline(mentioning, 'mention = "$event.owner"\n[destinations.message]\nblocks = "b.json"\n')
    emit(mentioning, "maya@acme.com")
    assert slack.messages[0].body["blocks"][0]["text"]["text"] == "cc maya@acme.com"
    assert slack.messages[0].body["blocks"][-1]["text"]["text"] == f"cc {MAYA}"


# The cache ------------------------------------------------------------------------------------------------


def test_an_address_is_looked_up_once_in_a_week(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    clock = FakeClock()
    for _ in range(3):
        emit(mentioning, "maya@acme.com", clock)
    clock.sleep(7 * DAY - 1)
    emit(mentioning, "maya@acme.com", clock)
    assert len(lookups(slack)) == 1
    clock.sleep(1)
    emit(mentioning, "maya@acme.com", clock)
    assert len(lookups(slack)) == 2


def test_nobody_is_looked_for_once_a_day(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    clock = FakeClock()
    emit(mentioning, "bo@acme.com", clock)
    clock.sleep(DAY - 1)
    emit(mentioning, "bo@acme.com", clock)
    assert (len(lookups(slack)), cc(slack)) == (1, "cc bo@acme.com")
    assert note(mentioning) == "bo@acme.com is not mentioned: nobody in Slack has this address"
    slack.add_user("bo@acme.com")
    clock.sleep(1)
    emit(mentioning, "bo@acme.com", clock)
    assert (len(lookups(slack)), cc(slack)) == (2, "cc <@U0000000002>")


def test_a_missing_scope_is_tried_again_after_an_hour(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    slack.tokens["xoxb-test"].discard("users:read.email")
    clock = FakeClock()
    emit(mentioning, "maya@acme.com", clock)
    emit(mentioning, "maya@acme.com", clock)
    assert (len(lookups(slack)), cc(slack), mentioning.statuses()) == (1, "cc maya@acme.com", {"delivered": 2})
    assert note(mentioning) == "maya@acme.com is not mentioned: the token needs the scope users:read.email"
    slack.tokens["xoxb-test"].add("users:read.email")
    clock.sleep(DAY // 24)
    emit(mentioning, "maya@acme.com", clock)
    assert cc(slack) == f"cc {MAYA}"


def test_who_is_deactivated_is_named(mentioning: Posting, slack: SlackStandin) -> None:
    slack.users[0].deleted = True
    slack.shows_deactivated = True
    pipeline(mentioning)
    emit(mentioning, "maya@acme.com")
    assert (cc(slack), note(mentioning)) == (
        "cc maya@acme.com",
        "maya@acme.com is not mentioned: deactivated in Slack",
    )


@pytest.mark.parametrize(
    "fault", [RateLimited(30), Status(500), ResetBeforeStore(), Garbage("<html>"), SlackError("fatal_error"), Hang(0.1)]
)
def test_a_look_up_that_fails_for_the_moment_is_waited_for(
    fault: Fault, mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", fault)
    emit(mentioning, "maya@acme.com")
    assert (slack.messages, mentioning.statuses()) == ([], {"retrying": 1})
    assert note(mentioning).startswith("maya@acme.com could not be looked up: ")
    mentioning.let_pass(60)
    mentioning.deliver()
    assert cc(slack) == f"cc {MAYA}"


def test_a_rate_limit_of_a_second_is_not_noticed(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", RateLimited(1))
    emit(mentioning, "maya@acme.com")
    assert (cc(slack), mentioning.statuses()) == (f"cc {MAYA}", {"delivered": 1})


@pytest.mark.parametrize("faults", [[Status(500)] * 3, [RateLimited(600)]], ids=repr)
def test_a_look_up_that_does_not_go_well_fails_no_delivery_and_is_told(
    faults: list[Fault], mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", *faults)
    emit(mentioning, "maya@acme.com")
    for _ in faults[1:]:
        mentioning.let_pass(600)
        mentioning.deliver()
    assert (cc(slack), mentioning.statuses()) == ("cc maya@acme.com", {"delivered": 1})
    assert note(mentioning).startswith("maya@acme.com is not mentioned: ")
    assert mentioning.sql("SELECT count(*) FROM people") == [(0,)]
    emit(mentioning, "maya@acme.com")
    assert cc(slack) == f"cc {MAYA}"


def test_after_one_trouble_the_others_are_not_asked_for(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", RateLimited(600))
    emit(mentioning, "maya@acme.com, bo@acme.com, li@acme.com")
    assert (len(lookups(slack)), cc(slack)) == (1, "cc maya@acme.com, bo@acme.com, li@acme.com")


def test_a_slow_look_up_is_given_up_long_before_the_lease_ends(
    mentioning: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestlayer_cli.destinations.slack.client.QUICK", 0.2)
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", Hang(30))
    emit(mentioning, "maya@acme.com")
    assert mentioning.statuses() == {"retrying": 1}


def test_what_was_learned_by_an_attempt_that_was_refused_is_not_asked_again_by_the_process(
    mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning)
    slack.script.append(RateLimited(1))
    emit(mentioning, "maya@acme.com")
    assert (len(lookups(slack)), cc(slack)) == (1, f"cc {MAYA}")


def test_a_message_whose_update_and_reply_mention_says_so_in_both(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'mention = "$event.owner"\nthread = "one"\nupdate = true\n')
    emit(mentioning, "bo@acme.com")
    emit(mentioning, "maya@acme.com")
    # What the first said is a reply.
    assert [json.dumps(message.body).count(MAYA) for message in slack.messages] == [1, 0, 1]


def test_a_webhook_mentions_nobody_by_address_and_says_so(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    text = (mentioning.root / "ingestlayer.toml").read_text().replace('"bot"', '"webhook"')
    mentioning.write("ingestlayer.toml", text)
    result = mentioning.run("emit", "deal", "owner=maya@acme.com", env={"SLACK_WEBHOOK_URL": slack.webhook_url})
    assert (result.code, cc(slack)) == (0, "cc maya@acme.com")
    assert "a webhook cannot look people up" in note(mentioning)


# Where a message goes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["growth", "#growth", "C0000000002"])
def test_the_channel_may_come_from_the_event(owner: str, mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, "", "$event.owner")
    emit(mentioning, owner)
    assert slack.messages[0].channel == "growth"


@pytest.mark.parametrize(
    "owner", [None, "", "  ", "no channel", "<!channel>", "maya@acme.com", "@maya", "#", "a.b", "–"]
)
def test_what_is_no_channel_goes_to_the_default_and_the_trace_says_so(
    owner: str | None, mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning, 'channel_default = "#growth"\n', "$event.owner")
    emit(mentioning, owner)
    assert slack.messages[0].channel == "growth"
    (trace,) = mentioning.sql("SELECT trace FROM runs")[0]
    assert "channel_default, for its channel came out" in trace


def test_without_a_default_the_run_fails_and_names_the_remedy(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, "", "$event.owner")
    result = mentioning.run("emit", "deal", "owner=no channel")
    assert result.code == 78
    assert "channel_default" in result.err
    assert slack.messages == []


def test_half_a_channel_is_none(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'channel_default = "#growth"\n', "#cs-$event.owner")
    emit(mentioning)
    assert slack.messages[0].channel == "growth"


def test_validate_warns_of_a_channel_without_a_default(mentioning: Posting) -> None:
    pipeline(mentioning, "", "#cs-$event.owner")
    result = mentioning.run("validate")
    assert "$event.owner may be null or no channel, and then the run fails: give a channel_default" in (
        result.out + result.err
    )


@pytest.mark.parametrize("key", ["channel", "channel_default"])
def test_a_written_channel_that_is_none_is_refused(key: str, mentioning: Posting) -> None:
    named = {"channel": "#alerts", "channel_default": "#growth", key: "not one"}
    pipeline(mentioning, f'channel_default = "{named["channel_default"]}"\n', named["channel"])
    result = mentioning.run("validate")
    assert result.code in (1, 78)
    assert f'{key}: "' in result.out + result.err


# Direct messages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["maya@acme.com", "U0000000001"])
def test_a_direct_message_goes_to_the_person(owner: str, mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, "", "@$event.owner")
    result = emit(mentioning, owner)
    assert slack.messages[0].channel == "@U0000000001"
    assert result["runs"][0]["deliveries"][0]["target"] == f"@{owner}"


def test_nobody_to_write_to_is_dead_with_a_hint(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, "", "@$event.owner")
    result = mentioning.run("emit", "deal", "owner=bo@acme.com")
    assert result.code == 69
    assert "there is nobody to write to: bo@acme.com: nobody in Slack has this address" in result.out + result.err
    assert "channel_default" in result.err


def test_a_retry_by_hand_looks_the_person_up_again(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'mention = "$event.owner"\n')
    emit(mentioning, "bo@acme.com")  # it is remembered that there is nobody
    pipeline(mentioning, "", "@$event.owner")
    emit(mentioning, "bo@acme.com")
    slack.add_user("bo@acme.com")
    assert mentioning.run("deliveries", "retry", "--status", "dead").code == 0
    mentioning.deliver()
    assert slack.messages[-1].channel == "@U0000000002"


def test_nobody_to_write_to_goes_to_the_default_and_the_note_says_so(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'channel_default = "#growth"\n', "@$event.owner")
    result = emit(mentioning, "bo@acme.com")
    assert slack.messages[0].channel == "growth"
    (delivery,) = result["runs"][0]["deliveries"]
    assert (delivery["target"], delivery["meant"], delivery["status"]) == ("#growth", "@bo@acme.com", "delivered")
    assert (
        "#growth (meant for @bo@acme.com)  delivered"
        in mentioning.run("deliveries", "list", "--status", "delivered").out
    )
    assert "delivered to #growth (meant for @bo@acme.com)" in mentioning.run("why", "@last").out
    assert "✓ #growth" in mentioning.run("events", "list").out
    assert note(mentioning) == "to #growth in place of @bo@acme.com: nobody in Slack has this address"


@pytest.mark.parametrize("fault", [RateLimited(30), Status(500), ResetBeforeStore(), Garbage("<html>")])
def test_a_direct_message_waits_when_its_person_cannot_be_looked_up(
    fault: Fault, mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning, 'channel_default = "#growth"\n', "@$event.owner")
    slack.script_method("users.lookupByEmail", fault)
    emit(mentioning, "maya@acme.com")
    assert (mentioning.statuses(), slack.messages) == ({"retrying": 1}, [])
    mentioning.let_pass(3700)
    mentioning.deliver()
    assert slack.messages[0].channel == "@U0000000001"


def test_a_direct_message_that_may_have_arrived_is_found(mentioning: Posting, slack: SlackStandin) -> None:
    slack.tokens["xoxb-test"] |= {"im:history", "im:write"}
    pipeline(mentioning, "", "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(mentioning, "maya@acme.com")
    mentioning.deliver()
    assert (mentioning.statuses(), len(slack.messages)) == ({"delivered": 1}, 1)


def test_without_the_scope_to_look_a_direct_message_is_held(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, "", "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(mentioning, "maya@acme.com")
    mentioning.let_pass(3700)
    result = mentioning.run("deliver")
    assert (result.code, len(slack.messages)) == (75, 1)
    assert "the token needs im:write" in result.out


def test_a_fallback_that_may_have_arrived_is_found_in_the_default(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'channel_default = "#growth"\n', "@$event.owner")
    slack.script_method("chat.postMessage", Garbage("?", stored=True))
    emit(mentioning, "bo@acme.com")
    said = mentioning.run("deliver").out
    assert (mentioning.statuses(), len(slack.messages)) == ({"delivered": 1}, 1)
    assert said.startswith("#growth (meant for @bo@acme.com) delivered")


def test_a_direct_message_has_its_thread_too(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'thread = "one"\nupdate = true\n', "@$event.owner")
    for _ in range(3):
        emit(mentioning, "maya@acme.com")
    assert [len(slack.replies_to(message)) for message in slack.messages] == [3, 0, 0, 0]


def test_who_left_is_written_to_in_the_default(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning, 'thread = "one"\nupdate = true\nchannel_default = "#growth"\n', "@$event.owner")
    clock = FakeClock()
    emit(mentioning, "maya@acme.com", clock)
    slack.users[0].deleted = True
    clock.sleep(8 * DAY)
    emit(mentioning, "maya@acme.com", clock)
    emit(mentioning, "maya@acme.com", clock)
    assert [message.channel for message in slack.messages] == ["@U0000000001", "growth", "growth", "growth"]
    assert len(slack.replies_to(slack.messages[1])) == 2


# The line -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", " , ,", "\n"])
def test_nobody_is_no_line(text: str) -> None:
    assert _mention.line(_mention.owners(text)) == ""


def test_a_store_has_one_row_a_person(mentioning: Posting, slack: SlackStandin) -> None:
    pipeline(mentioning)
    emit(mentioning, "maya@acme.com, Maya <MAYA@acme.com>, bo@acme.com")
    connection = sqlite3.connect(mentioning.store)
    rows = connection.execute("SELECT email, user, why FROM people ORDER BY email").fetchall()
    connection.close()
    assert rows == [("bo@acme.com", None, "users_not_found"), ("maya@acme.com", "U0000000001", "")]


@pytest.mark.parametrize("user", ["7", '{"id": 7}', '{"id": "<!channel>"}', '{"id": "\\ud83d"}', '{"deleted": []}'])
def test_a_person_in_another_form_than_slacks_is_nobody_yet(
    user: str, mentioning: Posting, slack: SlackStandin
) -> None:
    pipeline(mentioning)
    slack.script_method("users.lookupByEmail", Garbage(f'{{"ok": true, "user": {user}}}'))
    emit(mentioning, "maya@acme.com")
    assert (slack.messages, mentioning.statuses()) == ([], {"retrying": 1})
