"""Slack's answers: what becomes of the delivery, what the process answers, and what a person is told."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.support.bench import TOKEN, Bench
from tests.support.program import Result, ingestlayer
from tests.support.standin import (
    BUSY,
    Fault,
    Garbage,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Status,
)


class Answer(NamedTuple):
    """What Slack does, and what should come of it; `hint` holds patterns, each of which must be found."""

    name: str
    does: Fault | Callable[[SlackStandin], Any]
    status: str
    code: int
    attempts: int
    error: str
    hint: tuple[str, ...] = ()


def without_scope(slack: SlackStandin) -> None:
    slack.tokens[TOKEN] = {"channels:read"}


def private(slack: SlackStandin) -> None:
    slack.add_channel("alerts", private=True, bot_is_member=False)


def not_a_member(slack: SlackStandin) -> None:
    slack.add_channel("alerts", bot_is_member=False)
    slack.tokens[TOKEN] = {"chat:write"}


BOT = [
    Answer("ok", lambda slack: None, "delivered", 0, 1, ""),
    Answer("unknown token", lambda slack: slack.tokens.clear(), "pending", 75, 0, "invalid_auth", ("SLACK_BOT_TOKEN",)),
    Answer("revoked", lambda slack: slack.revoked.add(TOKEN), "pending", 75, 0, "token_revoked", ("SLACK_BOT_TOKEN",)),
    Answer("expired", SlackError("token_expired"), "pending", 75, 0, "token_expired", ("SLACK_BOT_TOKEN",)),
    Answer("deactivated", SlackError("account_inactive"), "pending", 75, 0, "account_inactive", ("SLACK_BOT_TOKEN",)),
    Answer(
        "scope", without_scope, "pending", 75, 0, r"missing_scope \(needs chat:write\)", ("scope", "SLACK_BOT_TOKEN")
    ),
    Answer(
        "no such channel", lambda slack: slack.channels.clear(), "dead", 69, 1, "channel_not_found", ("name", "/invite")
    ),
    Answer("private channel", private, "dead", 69, 1, "channel_not_found", ("name", "private channel.*/invite")),
    Answer("not a member", not_a_member, "dead", 69, 1, "not_in_channel", ("/invite",)),
    Answer(
        "archived",
        lambda slack: slack.add_channel("alerts", archived=True),
        "dead",
        69,
        1,
        "is_archived",
        ("unarchive",),
    ),
    Answer("too long", SlackError("msg_too_long"), "dead", 69, 1, "msg_too_long", ("preview .*--blocks",)),
    Answer("forbidden", SlackError("restricted_action"), "dead", 69, 1, "restricted_action", ("admin",)),
    Answer("a code nobody knows", SlackError("brand_new_code"), "dead", 69, 1, "brand_new_code"),
    Answer("slow down", RateLimited(60), "retrying", 75, 0, "429"),
    Answer("slow down without a time", RateLimited(None), "retrying", 75, 1, "429"),
    Answer("slow down as a code", SlackError("ratelimited"), "retrying", 75, 1, "ratelimited"),
    Answer("500", Status(500, "oops"), "unknown", 75, 1, "500.*oops"),
    Answer("502 page", Status(502, "<html><h1>Bad gateway</h1></html>"), "unknown", 75, 1, "502"),
    Answer("503", Status(503), "unknown", 75, 1, r"\(503\)$"),
    Answer("504, and it is posted", Garbage("late", 504, stored=True), "unknown", 75, 1, r"\(504\): late"),
    Answer("internal", SlackError("internal_error"), "unknown", 75, 1, "internal_error"),
    Answer("fatal", SlackError("fatal_error"), "unknown", 75, 1, "fatal_error"),
    Answer("not available", SlackError("service_unavailable"), "unknown", 75, 1, "service_unavailable"),
    Answer("truncated", BUSY, "retrying", 75, 1, "request_timeout"),
    Answer("ok, but a text", Garbage('{"ok": "false", "channel": "C1", "ts": "1.1"}'), "unknown", 75, 1, "could not"),
    Answer("ok without a place", Garbage('{"ok": true}'), "unknown", 75, 1, "does not say where"),
    Answer("ok and no ts", Garbage('{"ok": true, "channel": "C1", "ts": 7}'), "unknown", 75, 1, "does not say where"),
    Answer("201", Garbage('{"ok": true, "channel": "C1", "ts": "1.1"}', 201), "unknown", 75, 1, "could not be read"),
    Answer("a gateway's JSON", Status(401, '{"error": "unauthorized"}'), "pending", 75, 0, "401.*unauthorized"),
    Answer("a gateway's word", Status(403, "forbidden"), "pending", 75, 0, "403.*forbidden"),
    Answer("odd types", Garbage('{"ok": false, "error": ["x"], "response_metadata": []}'), "unknown", 75, 1, ""),
    Answer(
        "odd pointers",
        Garbage('{"ok": false, "error": "invalid_blocks", "needed": 7, "response_metadata": {"messages": 7}}'),
        "dead",
        69,
        1,
        "invalid_blocks$",
    ),
    Answer(
        "half a character",
        Garbage('{"ok": false, "error": "invalid_blocks", "response_metadata": {"messages": ["\\ud83d"]}}'),
        "dead",
        69,
        1,
        "invalid_blocks \\(�\\)",
    ),
    Answer(
        "a page with 200", Garbage("<html>Log in to the Wi-Fi</html>"), "unknown", 75, 1, "could not be read.*Wi-Fi"
    ),
    Answer("half a JSON", Garbage('{"ok": tr', stored=True), "unknown", 75, 1, "could not be read"),
    Answer("JSON of another kind", Garbage("[1]"), "unknown", 75, 1, "could not be read"),
    Answer("nothing with 200", Garbage(""), "unknown", 75, 1, "could not be read"),
    Answer(
        "a proxy's 403", Status(403, "<html>Blocked by policy</html>"), "pending", 75, 0, "403.*Blocked", ("proxy",)
    ),
    Answer("a wrong address", Status(404, "<html>no such page</html>"), "pending", 75, 0, "404", ("api_url",)),
    Answer("reset before", ResetBeforeStore(), "unknown", 75, 1, "connection was lost"),
    Answer("reset after", ResetAfterStore(), "unknown", 75, 1, "connection was lost"),
]

WEBHOOK = [
    Answer("ok", lambda slack: None, "delivered", 0, 1, ""),
    Answer(
        "gone",
        lambda slack: slack.webhooks.clear(),
        "pending",
        75,
        0,
        "no_service",
        ("new webhook", "SLACK_WEBHOOK_URL"),
    ),
    Answer("team gone", SlackError("no_team"), "pending", 75, 0, "no_team", ("SLACK_WEBHOOK_URL",)),
    Answer("bad token", SlackError("invalid_token"), "pending", 75, 0, "invalid_token", ("SLACK_WEBHOOK_URL",)),
    Answer("channel gone", SlackError("channel_not_found"), "dead", 69, 1, "channel_not_found", ("SLACK_WEBHOOK_URL",)),
    Answer("archived", SlackError("channel_is_archived"), "dead", 69, 1, "channel_is_archived", ("unarchive",)),
    Answer("prohibited", SlackError("action_prohibited"), "dead", 69, 1, "action_prohibited", ("admin",)),
    Answer("payload", SlackError("invalid_payload"), "dead", 69, 1, "invalid_payload", ("--blocks",)),
    Answer("no text", SlackError("no_text"), "dead", 69, 1, "no_text"),
    Answer("slow down", RateLimited(60), "retrying", 75, 0, "429"),
    Answer("rollup", SlackError("rollup_error"), "unknown", 75, 1, "rollup_error"),
    Answer("503", Status(503), "unknown", 75, 1, "503"),
    Answer("truncated", BUSY, "retrying", 75, 1, "request_timeout"),
    Answer("ok with 201", Garbage("ok", 201), "unknown", 75, 1, "could not be read"),
    Answer("a page with 200", Garbage("<html>Log in</html>"), "unknown", 75, 1, "could not be read"),
    Answer("no UTF-8", Garbage("\ud800"), "unknown", 75, 1, ""),
    Answer("a page with 404", Status(404, "<html>nothing here</html>"), "pending", 75, 0, "404", ("proxy",)),
    Answer("reset after", ResetAfterStore(), "unknown", 75, 1, "connection was lost"),
]


def meet(bench: Bench, answer: Answer) -> None:
    """Make Slack do what the answer says."""
    if callable(answer.does):
        answer.does(bench.slack)
    else:
        bench.slack.script.append(answer.does)


def as_said(bench: Bench, answer: Answer) -> None:
    meet(bench, answer)
    result = bench.emit()
    delivery = result.delivery
    assert (delivery["status"], result.code, delivery["attempts"]) == (answer.status, answer.code, answer.attempts)
    if answer.status == "delivered":
        assert delivery["error"] is None
    else:
        assert re.search(answer.error, delivery["error"]), delivery["error"]


def as_told(bench: Bench, answer: Answer) -> None:
    meet(bench, answer)
    result = bench.run("emit", "usage.limit_reached", "customer_id=acme")
    hints = "\n".join(line for line in result.err.splitlines() if line.startswith("hint: "))
    for pattern in answer.hint:
        assert re.search(pattern, hints), hints
    assert f"#alerts {answer.status}" in result.out


@pytest.mark.parametrize("answer", BOT, ids=lambda answer: answer.name)
def test_an_answer_to_the_bot_settles_the_delivery(bench: Bench, answer: Answer) -> None:
    as_said(bench, answer)


@pytest.mark.parametrize("answer", [answer for answer in BOT if answer.hint], ids=lambda answer: answer.name)
def test_a_refusal_of_the_bot_tells_the_remedy(bench: Bench, answer: Answer) -> None:
    as_told(bench, answer)


@pytest.mark.parametrize("answer", WEBHOOK, ids=lambda answer: answer.name)
def test_an_answer_to_the_webhook_settles_the_delivery(hooked: Bench, answer: Answer) -> None:
    as_said(hooked, answer)


@pytest.mark.parametrize("answer", [answer for answer in WEBHOOK if answer.hint], ids=lambda answer: answer.name)
def test_a_refusal_of_the_webhook_tells_the_remedy(hooked: Bench, answer: Answer) -> None:
    as_told(hooked, answer)


def test_refused_blocks_are_told_with_their_pointers(bench: Bench) -> None:
    bench.write("b.json", '[{"type": "header", "block_id": 7, "text": {"type": "plain_text", "text": "x"}}]')
    bench.message('blocks = "b.json"')
    result = bench.emit()
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert "invalid_blocks" in result.delivery["error"]
    assert "[json-pointer:/blocks/0/block_id]" in result.delivery["error"]


def test_a_retry_after_within_the_waiting_time_is_waited_for(bench: Bench) -> None:
    bench.slack.script.append(RateLimited(0.3))
    result = bench.emit()
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (0, "delivered", 1)
    assert len(bench.slack.messages) == 1


@pytest.mark.parametrize("after", ["1e9", "inf", "nan", "-5", "soon", ""])
def test_a_nonsensical_retry_after_holds_the_channel_for_an_hour_at_most(bench: Bench, after: str) -> None:
    headers = {"Retry-After": after}
    bench.slack.script.extend([Status(429, "{}", headers)])
    bench.emit(None, "--wait", "0s")
    (free_at, queued_at), *_ = bench.rows("SELECT free_at, queued_at FROM lanes JOIN deliveries")
    assert free_at - queued_at < 3_700_000


# Without an answer


def test_a_refused_connection_is_tried_again_later(bench: Bench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bench.connect(api_url=f"http://127.0.0.1:{unused.getsockname()[1]}/api/")
        result = bench.emit()
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (75, "retrying", 1)
    assert "could not be reached" in result.delivery["error"]


def test_a_name_that_does_not_resolve_is_tried_again_later(bench: Bench) -> None:
    bench.connect(api_url="https://no-such-host.invalid/api/")
    result = bench.emit()
    assert (result.code, result.delivery["status"]) == (75, "retrying")
    assert "could not be reached" in result.delivery["error"]


def test_an_address_that_is_none_keeps_the_messages(bench: Bench) -> None:
    bench.connect(api_url="https://a host/api/")
    result = bench.emit()
    assert (result.code, result.delivery["status"]) == (75, "pending")


@pytest.mark.parametrize(
    ("connection", "variable", "value", "remedy"),
    [
        ("bot", "SLACK_BOT_TOKEN", "", "set SLACK_BOT_TOKEN"),
        ("bot", "SLACK_BOT_TOKEN", "  \n", "set SLACK_BOT_TOKEN"),
        ("bot", "SLACK_BOT_TOKEN", "xoxb-1\nxoxb-2", "bot token"),
        ("bot", "SLACK_BOT_TOKEN", "xoxb-“quoted”", "bot token"),
        ("webhook", "SLACK_WEBHOOK_URL", "", "set SLACK_WEBHOOK_URL"),
        ("webhook", "SLACK_WEBHOOK_URL", "hooks.slack.com/services/T0/B0/x", "https://hooks.slack.com/services/"),
        (
            "webhook",
            "SLACK_WEBHOOK_URL",
            "https://hooks.slack.com/services/T0/B0 x",
            "https://hooks.slack.com/services/",
        ),
        ("webhook", "SLACK_WEBHOOK_URL", "file:///etc/passwd", "https://hooks.slack.com/services/"),
    ],
)
def test_without_a_usable_secret_everything_waits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, connection: str, variable: str, value: str, remedy: str
) -> None:
    bench.connect(connection)
    monkeypatch.setenv(variable, value)
    result = bench.run("emit", "usage.limit_reached", "customer_id=acme")
    assert result.code == 75
    assert "#alerts pending: Slack is not connected" in result.out
    assert remedy in result.err
    assert "ingestlayer deliver" in result.err
    assert bench.rows("SELECT status, attempts FROM deliveries") == [("pending", 0)]
    assert not bench.slack.requests


def test_an_event_behind_one_that_waits_is_told_the_remedy_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    bench.emit()
    assert "set SLACK_BOT_TOKEN" in bench.run("emit", "usage.limit_reached", "customer_id=acme").err


def test_space_around_the_token_is_no_part_of_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", f" {TOKEN}\n")
    assert bench.emit().code == 0


# Later


@pytest.mark.parametrize(
    "does",
    [
        SlackError("invalid_auth"),
        SlackError("missing_scope"),
        RateLimited(60),
        BUSY,
        SlackError("ratelimited"),
        Status(404, "<html>no such page</html>"),
    ],
    ids=repr,
)
def test_deliver_sends_what_waits_once_the_cause_is_gone(bench: Bench, does: Fault) -> None:
    bench.slack.script.append(does)
    assert bench.emit().code == 75
    bench.make_due()
    assert bench.run("deliver").code == 0
    assert bench.rows("SELECT status FROM deliveries") == [("delivered",)]
    assert bench.run("deliver").code == 0
    assert len(bench.slack.messages) == 1


def test_a_token_set_later_is_used_by_deliver(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN")
    for _ in range(3):
        bench.emit()
    assert bench.run("deliver").code == 75
    monkeypatch.setenv("SLACK_BOT_TOKEN", TOKEN)
    bench.make_due()
    assert bench.run("deliver").code == 0
    assert len(bench.slack.messages) == 3
    assert all(len(messages) == 1 for messages in bench.slack.by_delivery().values())


def test_what_is_sent_later_is_what_was_stored(bench: Bench) -> None:
    bench.slack.script.append(BUSY)
    bench.emit()
    bench.message('text = "another message"')
    bench.make_due()
    bench.run("deliver")
    ((stored,),) = bench.rows("SELECT body FROM deliveries")
    assert bench.only.body == json.loads(stored)


@pytest.mark.parametrize("does", [SlackError("channel_not_found"), SlackError("is_archived")], ids=repr)
def test_what_is_dead_is_not_sent_again(bench: Bench, does: Fault) -> None:
    bench.slack.script.append(does)
    bench.emit()
    bench.make_due()
    bench.run("deliver")
    assert len(bench.slack.requests) == 1


@pytest.mark.parametrize(
    "does", [ResetAfterStore(), Garbage("<html>", stored=True), Garbage("late", 504, stored=True)], ids=repr
)
def test_what_may_have_arrived_is_never_posted_twice(bench: Bench, does: Fault) -> None:
    bench.slack.script.append(does)
    assert bench.emit().delivery["status"] == "unknown"
    for _ in range(2):
        bench.make_due()
        bench.run("deliver")
    assert len(bench.slack.messages) == 1


def test_what_may_have_arrived_over_a_webhook_is_never_posted_twice(hooked: Bench) -> None:
    hooked.slack.script.append(ResetAfterStore())
    assert hooked.emit().delivery["status"] == "unknown"
    for _ in range(2):
        hooked.make_due()
        hooked.run("deliver")
    assert len(hooked.slack.messages) == 1


def test_what_went_to_a_webhooks_own_channel_is_told_to_have_gone_there(hooked: Bench) -> None:
    delivery = hooked.emit().delivery
    assert (delivery["target"], delivery["meant"]) == ("the webhook's own channel", "#alerts")
    result = hooked.run("emit", "usage.limit_reached", "customer_id=acme")
    assert "the webhook's own channel (meant for #alerts) delivered" in result.out
    stored = json.loads(hooked.run("deliveries", "list", "--status", "delivered", "--json").out.splitlines()[0])
    assert (stored["target"], stored["meant"]) == ("the webhook's own channel", "#alerts")


def test_one_channel_that_is_gone_does_not_keep_another_from_its_message(bench: Bench) -> None:
    bench.pipeline(
        '[[destinations]]\nuse = "slack"\nchannel = "#gone"\n[[destinations]]\nuse = "slack"\nchannel = "#growth"\n'
    )
    result = bench.emit()
    assert result.code == 69
    assert {delivery["target"]: delivery["status"] for delivery in result.deliveries} == {
        "#gone": "dead",
        "#growth": "delivered",
    }


# Redirects


@pytest.fixture
def elsewhere() -> Iterator[SlackStandin]:
    """Another host, to which a redirect points; it would take everything."""
    with SlackStandin() as other:
        yield other
        assert not other.requests


def moved(code: int, other: SlackStandin) -> Status:
    return Status(code, "", {"Location": f"{other.url}chat.postMessage?token=secret"})


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_the_message_waits(bench: Bench, elsewhere: SlackStandin, code: int) -> None:
    bench.slack.script.append(moved(code, elsewhere))
    delivery = bench.emit().delivery
    assert (delivery["status"], delivery["attempts"]) == ("pending", 0)
    assert f"it points to {elsewhere.url}chat.postMessage, and redirects are not followed" in delivery["error"]
    assert "secret" not in delivery["error"]


def test_a_redirect_of_one_who_may_have_done_it_is_unknown(bench: Bench, elsewhere: SlackStandin) -> None:
    bench.slack.script.append(moved(303, elsewhere))
    assert bench.emit().delivery["status"] == "unknown"


def test_a_redirect_of_a_webhook_is_not_followed(hooked: Bench, elsewhere: SlackStandin) -> None:
    hooked.slack.script.append(Status(302, "", {"Location": elsewhere.webhook_url}))
    assert hooked.emit().delivery["status"] == "pending"


def test_a_redirect_of_a_look_up_is_not_followed(bench: Bench, elsewhere: SlackStandin) -> None:
    bench.slack.script.append(Garbage("?", stored=True))
    bench.emit()
    bench.slack.script_method("conversations.list", moved(302, elsewhere))
    bench.slack.script_method("conversations.info", moved(302, elsewhere))
    assert bench.run("deliver").code == 75


INSECURE = [
    "http://slack.example/api/",
    "http://127.0.0.1@slack.example/",
    "http://127.0.0.1:80@slack.example/api/",
    "http://127.0.0.1.example/",
    "http://[::2]/api/",
]


@pytest.mark.parametrize("url", INSECURE)
def test_an_address_to_which_the_token_would_go_in_the_clear_is_refused(bench: Bench, url: str) -> None:
    bench.connect(api_url=url)
    result = bench.run("emit", "usage.limit_reached", "customer_id=acme")
    assert result.code == 78
    assert "say insecure = true" in result.err
    assert "ingestlayer.toml:3:12" in result.err


@pytest.mark.parametrize("url", ["http://localhost:1/", "http://127.0.0.1:1/api/", "http://[::1]:1/"])
def test_this_machine_is_no_network(bench: Bench, url: str) -> None:
    bench.connect(api_url=url)
    assert bench.run("validate").code == 0


def test_a_network_that_is_trusted_is_said_to_be(bench: Bench) -> None:
    bench.connect(api_url='http://slack.internal/api/"\ninsecure = true\n#"')
    assert bench.run("validate").code == 0


def test_a_webhook_in_the_clear_is_not_used(hooked: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "http://hooks.example/services/T0/B0/distinctive")
    result = hooked.run("emit", "usage.limit_reached", "customer_id=acme")
    assert result.code == 75
    assert "leads over a network without encryption" in result.out
    assert "insecure = true" in result.err
    assert "distinctive" not in result.out + result.err
    assert hooked.run("slack", "test", "#alerts").code == 78


# Secrets

SECRET = "xoxb-4-very-secret-4"
ECHOES: list[Fault] = [
    SlackError("invalid_auth"),
    Status(500, f"token {SECRET} caused a fault"),
    Status(404, "The requested URL /services/T000/B000/xyz was not found on this server."),
    Status(403, f"no {SECRET}"),
    Garbage(f"<html>{SECRET} /services/T000/B000/xyz</html>"),
    Garbage(json.dumps({"ok": False, "error": f"no {SECRET}"})),
    Garbage("x" * 95 + SECRET),  # cut in the middle
    Status(502, "upstream B000/xyz and B000%2Fxyz of xyz failed"),
    ResetAfterStore(),
]


def everything(bench: Bench, *results: Result) -> str:
    """Return all that was written: on the streams, and into any file of the project."""
    files = [path.read_bytes().decode(errors="replace") for path in bench.root.rglob("*") if path.is_file()]
    return "\n".join(files + [result.said for result in results])


@pytest.mark.parametrize("does", ECHOES, ids=repr)
def test_the_token_is_written_nowhere(bench: Bench, monkeypatch: pytest.MonkeyPatch, does: Fault) -> None:
    bench.slack.tokens[SECRET] = {"chat:write"}
    monkeypatch.setenv("SLACK_BOT_TOKEN", SECRET)
    bench.slack.script.append(does)
    results = [bench.emit(), bench.run("--debug", "deliver"), bench.run("emit", "a.b", "c=d")]
    assert "xoxb-4" not in everything(bench, *results)


@pytest.mark.parametrize("does", ECHOES, ids=repr)
def test_the_webhooks_address_is_written_nowhere(hooked: Bench, does: Fault) -> None:
    hooked.slack.script.append(does)
    results = [hooked.emit(), hooked.run("--debug", "deliver"), hooked.run("emit", "a.b", "c=d")]
    said = re.sub("[0-9A-Z]{26}", "", everything(hooked, *results))  # an id may have any four characters
    assert not any(part in said for part in ("T000", "B000", "xyz"))


@pytest.mark.parametrize(
    ("connection", "variable", "value"),
    [
        ("bot", "SLACK_BOT_TOKEN", "xoxb-secret\nword"),
        ("bot", "SLACK_BOT_TOKEN", "xoxb-secret-é"),
        ("webhook", "SLACK_WEBHOOK_URL", "hooks.slack.com/services/secret"),
        ("webhook", "SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/secret path"),
        ("webhook", "SLACK_WEBHOOK_URL", "https://[::1/services/secret"),
        ("webhook", "SLACK_WEBHOOK_URL", "http://127.0.0.1:1/services/secret"),
        ("webhook", "SLACK_WEBHOOK_URL", "http://127.0.0.1:99999/services/secret"),
        ("webhook", "SLACK_WEBHOOK_URL", "https://no-such-host.invalid/services/secret"),
    ],
)
def test_a_secret_that_cannot_be_used_is_written_nowhere(
    bench: Bench, connection: str, variable: str, value: str
) -> None:
    bench.connect(connection)
    done = [
        ingestlayer("--debug", *arguments, cwd=bench.root, env={variable: value})
        for arguments in (["emit", "a.b", "c=d"], ["deliver"])
    ]
    assert done[0].code == 75
    assert "secret" not in everything(bench, *done)


# As a process of its own


def test_the_script_posts_and_answers_zero(bench: Bench) -> None:
    command = [sys.executable, "-m", "ingestlayer_cli", "emit", "user.signed_up", "name=Maya", "--json"]
    done = subprocess.run(command, cwd=bench.root, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["runs"][0]["deliveries"][0]["status"] == "delivered"
    assert len(bench.slack.messages) == 1


def test_the_script_tells_a_refusal_on_stderr_and_answers_69(bench: Bench) -> None:
    not_a_member(bench.slack)
    command = [sys.executable, "-m", "ingestlayer_cli", "emit", "user.signed_up", "name=Maya"]
    done = subprocess.run(command, cwd=bench.root, capture_output=True, text=True, timeout=100)
    assert done.returncode == 69
    assert "#alerts dead: Slack refused the message: not_in_channel" in done.stdout
    assert done.stderr == "hint: invite the bot: type /invite @ingestlayer in the channel\n"
