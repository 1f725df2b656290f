"""`slack connect` with a bot token or a webhook, without a terminal: the token is checked, kept and switched to."""

import subprocess
import tomllib

import pytest

from tests.support.person import MARK, OTHER, TOKEN, Person
from tests.support.program import PROGRAM
from tests.support.standin import Garbage, Status

CONNECT = ("slack", "connect", "--token-stdin")


def test_a_token_from_stdin_connects(person: Person) -> None:
    result = person.run(*CONNECT, stdin=f"{TOKEN}\n")
    assert result.code == 0
    assert "connected to Stand-in as @ingest" in result.out
    assert tomllib.loads(person.toml)["slack"]["connection"] == "bot"


def test_the_token_is_checked_before_it_is_kept(person: Person) -> None:
    result = person.run(*CONNECT, stdin=f"xoxb-{MARK}-unknown")
    assert result.code == 78
    assert "invalid_auth" in result.err
    assert not person.kept.exists()
    assert "connection" not in person.toml


@pytest.mark.parametrize(
    "token", [f"{TOKEN}\r\n", f"  {TOKEN}  \n", f"{TOKEN}", f"\ufeff{TOKEN}\n", f"{TOKEN}\nmore\n"]
)
def test_line_ends_and_blanks_around_a_token_do_no_harm(person: Person, token: str) -> None:
    assert person.run(*CONNECT, stdin=token).code == 0


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (f"xoxp-{MARK}", "a user's token"),
        (f"xapp-{MARK}", "an app-level token"),
        (f"xoxe.xoxb-{MARK}", "token rotation"),
        (f"{MARK}", "no token of Slack"),
        (f"xoxb-{MARK} and more", "a character in it that no token has"),
        (f"xoxb-{MARK}\x07", "a character in it that no token has"),
        (f"https://hooks.slack.com/services/{MARK}", "--webhook-stdin"),
        (f"xoxb-{MARK}-…", "a character in it that no token has"),
    ],
)
def test_what_is_no_bot_token_is_named_and_not_shown(person: Person, token: str, words: str) -> None:
    result = person.run(*CONNECT, stdin=token)
    assert result.code == 78
    assert words in result.err
    assert person.slack.requests == []


@pytest.mark.parametrize("stdin", [b"", b"\n", b"  \r\n"])
def test_nothing_on_stdin_is_wrong_usage(person: Person, stdin: bytes) -> None:
    result = person.run(*CONNECT, stdin=stdin)
    assert result.code == 2
    assert "nothing was given" in result.err


def test_bytes_that_are_no_UTF_8_are_no_token(person: Person) -> None:
    result = person.run(*CONNECT, stdin=b"xoxb-\xff\xfe\n")
    assert result.code == 78
    assert "a character in it that no token has" in result.err


def test_a_token_without_the_scope_to_post_is_refused(person: Person) -> None:
    person.slack.tokens[TOKEN] = {"users:read"}
    result = person.run(*CONNECT, stdin=TOKEN)
    assert result.code == 78
    assert "lacks the scope chat:write" in result.err
    assert not person.kept.exists()


def test_other_scopes_that_lack_are_warned_of_with_what_they_are_for(person: Person) -> None:
    person.slack.tokens[TOKEN] = {"chat:write", "chat:write.public", "channels:read"}
    result = person.connect()
    assert "without users:read.email it cannot find the account owner" in result.err
    document = person.run(*CONNECT, "--json", stdin=TOKEN).json
    assert set(document["missing_scopes"]) == {"users:read", "users:read.email"}


def test_reconcile_asks_for_the_history_too(person: Person) -> None:
    assert set(person.run(*CONNECT, "--reconcile", "--json", stdin=TOKEN).json["missing_scopes"]) == {
        "channels:history"
    }


def test_without_a_network_the_exit_code_is_75(person: Person) -> None:
    person.settings('[slack]\napi_url = "http://127.0.0.1:9/api/"\n')
    result = person.run(*CONNECT, stdin=TOKEN)
    assert result.code == 75
    assert "Slack cannot be reached" in result.err
    assert not person.kept.exists()


def test_an_answer_that_is_not_slacks_is_told(person: Person) -> None:
    person.settings(f'[slack]\napi_url = "{person.slack.base}/services/nowhere/"\n')
    result = person.run(*CONNECT, stdin=TOKEN)
    assert result.code == 75
    assert "not Slack's" in result.err


def test_the_json_result(person: Person) -> None:
    result = person.run(*CONNECT, "--json", stdin=TOKEN)
    assert result.err == ""
    assert result.json == {
        "connection": "bot",
        "workspace": None,
        "team": "Stand-in",
        "team_id": "T000",
        "bot": "ingest",
        "secret": str(person.kept),
        "scopes": ["channels:read", "chat:write", "chat:write.public", "users:read", "users:read.email"],
        "missing_scopes": {},
    }


def test_a_refusal_as_json(person: Person) -> None:
    result = person.run(*CONNECT, "--json", stdin=f"xoxb-{MARK}")
    assert (result.code, result.err) == (78, "")
    assert result.error["kind"] == "slack"
    assert "invalid_auth" in result.error["message"]


def test_quiet_says_nothing(person: Person) -> None:
    assert person.run(*CONNECT, "-q", stdin=TOKEN) == (0, "", "")


def test_connecting_twice_replaces_the_token(person: Person) -> None:
    person.connect()
    person.connect(OTHER)
    assert OTHER in person.kept.read_text()
    assert TOKEN not in person.kept.read_text()


def test_a_token_in_the_environment_is_warned_of(person: Person) -> None:
    result = person.connect(env={"SLACK_BOT_TOKEN": OTHER})
    assert "SLACK_BOT_TOKEN is set in this environment, and wins" in result.err


def test_without_a_terminal_the_way_by_hand_names_the_other_one(person: Person) -> None:
    result = person.run("slack", "connect")
    assert result.code == 2
    assert "--token-stdin" in result.err
    assert "slack manifest" in result.err


def test_two_ways_at_once_are_wrong_usage(person: Person) -> None:
    assert person.run(*CONNECT, "--webhook-stdin", stdin=TOKEN).code == 2


def test_outside_a_project_the_remedy_is_init(person: Person) -> None:
    result = person.run(*CONNECT, stdin=TOKEN, cwd=person.home)
    assert result.code == 78
    assert "ingestlayer init" in result.err


def test_a_project_with_a_mistake_is_not_connected(person: Person) -> None:
    person.settings("[slack]\nconection = 1\n")
    result = person.run(*CONNECT, stdin=TOKEN)
    assert result.code == 78
    assert "connection" in result.err
    assert not person.kept.exists()


def test_a_file_that_cannot_be_edited_says_what_to_write_and_that_the_secret_is_kept(person: Person) -> None:
    person.settings(f'[slack]\nworkspaces = {{ sales = {{}} }}\napi_url = "{person.slack.url}"\n')
    result = person.run(*CONNECT, "--workspace", "marketing", stdin=TOKEN)
    assert result.code == 78
    assert "the secret is kept, but ingestlayer.toml: its connection cannot be edited" in result.err
    assert "[slack.workspaces.marketing]" in result.err


def test_a_webhook_connects(person: Person) -> None:
    result = person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook() + "\r\n")
    assert result.code == 0, result
    assert tomllib.loads(person.toml)["slack"]["connection"] == "webhook"
    assert person.webhook() in person.kept.read_text()


@pytest.mark.parametrize("address", [f"{MARK}", f"ftp://{MARK}/x", f"https://hooks.slack.com/ {MARK}", TOKEN])
def test_what_is_no_address_is_not_kept_and_not_shown(person: Person, address: str) -> None:
    result = person.run("slack", "connect", "--webhook-stdin", stdin=address)
    assert result.code == 78
    assert "not the address of an incoming webhook" in result.err
    assert not person.kept.exists()


def test_a_webhook_takes_the_place_of_a_token(person: Person) -> None:
    person.connect()
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    assert TOKEN not in person.kept.read_text()


def test_no_proxy_or_gateway_that_repeats_the_request_makes_it_tell_the_token(person: Person) -> None:
    person.connect()
    for fault in (Status(502, f"<html>Bearer {TOKEN}</html>"), Garbage(f"your token {TOKEN}")):
        person.slack.script.append(fault)
        result = person.run("slack", "test", "#alerts")
        assert result.code == 75
        assert "not Slack's" in result.err


def test_a_malformed_token_of_the_environment_is_not_told_in_the_error(person: Person) -> None:
    person.connect()
    result = person.run("slack", "channels", env={"SLACK_BOT_TOKEN": f"xoxb-a\n{MARK}"})
    assert result.code == 78
    assert "holds nothing that could be Slack's secret" in result.err


def test_debug_shows_no_secret_in_its_traceback(person: Person) -> None:
    person.settings('[slack]\napi_url = "http://127.0.0.1:9/api/"\n')
    done = subprocess.run(
        [PROGRAM, "--debug", *CONNECT],
        cwd=person.root,
        input=TOKEN.encode(),
        capture_output=True,
        env=person.environment(),
    )
    assert b"Traceback" in done.stderr
    assert MARK.encode() not in done.stdout + done.stderr
