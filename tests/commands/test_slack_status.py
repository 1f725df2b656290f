"""`slack status` and `slack channels`: who the bot is, what it may do, and how each pipeline's channels stand."""

import json
import os
import subprocess
from typing import Any

import pytest

from tests.support.person import EMIT, SCOPES, TOKEN, Person
from tests.support.program import PROGRAM


@pytest.fixture
def connected(person: Person) -> Person:
    person.connect()
    return person


def standing(person: Person, channel: str) -> Any:
    """Return how a channel stands to which one pipeline posts."""
    person.pipeline("limits", channel)
    (row,) = person.run("slack", "status", "--json").json["workspaces"][0]["channels"]
    assert row["channel"] == channel
    assert row["pipelines"] == ["limits"]
    return row["mark"], row["standing"], row["hint"]


def test_all_is_well(connected: Person) -> None:
    result = connected.run("slack", "status")
    assert result.code == 0
    assert "✓ Stand-in as @ingest" in result.out
    assert f"✓ the secret is in {connected.kept}" in result.out
    assert all(f"✓ {scope}" in result.out for scope in SCOPES)
    assert "✓ #alerts  public, with the bot  (limits)" in result.out
    assert "✗" not in result.out


def test_a_terminal_connection_is_told(person: Person) -> None:
    result = person.run("slack", "status")
    assert result.code == 0
    assert "drawn here, not sent" in result.out
    assert "ingestlayer slack connect" in result.out


def test_a_missing_scope_is_told_with_what_it_is_needed_for(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {"chat:write", "channels:read", "users:read"}
    result = connected.run("slack", "status")
    assert "! users:read.email  missing: cannot find the account owner" in result.out
    assert set(connected.run("slack", "status", "--json").json["workspaces"][0]["missing_scopes"]) == {
        "users:read.email",
        "chat:write.public",
    }


def test_a_public_channel_needs_no_invitation(connected: Person) -> None:
    connected.slack.add_channel("open", bot_is_member=False)
    assert standing(connected, "#open") == ("ok", "public", "")


def test_without_chat_write_public_it_does(connected: Person) -> None:
    connected.slack.add_channel("open", bot_is_member=False)
    connected.slack.tokens[TOKEN] = {"chat:write", "channels:read"}
    mark, words, hint = standing(connected, "#open")
    assert (mark, words) == ("problem", "public, without the bot")
    assert "/invite @ingest" in hint


def test_an_archived_channel(connected: Person) -> None:
    connected.slack.add_channel("old", archived=True)
    assert standing(connected, "#old")[:2] == ("problem", "archived")


def test_a_misspelt_channel_is_told_with_the_near_miss(connected: Person) -> None:
    mark, words, _ = standing(connected, "#alerst")
    assert mark == "problem"
    assert '(did you mean "alerts"?)' in words


def test_a_private_channel_that_cannot_be_seen_has_the_invitation_as_remedy(connected: Person) -> None:
    connected.slack.add_channel("boardroom", private=True, bot_is_member=False)
    mark, words, hint = standing(connected, "#boardroom")
    assert mark == "problem"
    assert "private ones cannot be seen" in words
    assert "/invite @ingest" in hint


def test_with_groups_read_a_private_channel_with_the_bot_is_well(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {*SCOPES, "groups:read"}
    connected.slack.add_channel("boardroom", private=True)
    assert standing(connected, "#boardroom")[:2] == ("ok", "private, with the bot")


def test_with_groups_read_a_private_channel_without_the_bot_has_the_invitation(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {*SCOPES, "groups:read"}
    connected.slack.add_channel("boardroom", private=True, bot_is_member=False)
    mark, words, hint = standing(connected, "#boardroom")
    assert (mark, words) == ("problem", "no such channel, or a private one without the bot")
    assert "/invite @ingest" in hint


def test_a_private_channel_that_has_taken_a_message_is_well(connected: Person) -> None:
    connected.slack.add_channel("boardroom", private=True)
    connected.pipeline("limits", "#boardroom")
    assert connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN}).code == 0
    mark, words, _ = standing(connected, "#boardroom")
    assert mark == "ok"
    assert words.startswith("private; it took a message at 20")


def test_a_channel_that_took_a_message_and_refused_the_next_is_not_well(connected: Person) -> None:
    room = connected.slack.add_channel("boardroom", private=True)
    connected.pipeline("limits", "#boardroom")
    connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN})
    room.bot_is_member = False
    assert connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN}).code == 69
    assert standing(connected, "#boardroom")[0] == "problem"


def test_a_channel_by_its_id(connected: Person) -> None:
    assert standing(connected, connected.slack.channels["alerts"].id)[:2] == ("ok", "public, with the bot")


@pytest.mark.parametrize("channel", ["#$event.customer_id", "#${event.customer_id | lower}"])
def test_a_channel_that_depends_on_the_event_is_not_looked_up(connected: Person, channel: str) -> None:
    connected.pipeline("limits", channel)
    (row,) = connected.run("slack", "status", "--json").json["workspaces"][0]["channels"]
    assert (row["mark"], row["standing"]) == ("ok", "depends on the event")
    assert "customer_id" in row["channel"]


def test_without_channels_read_it_cannot_be_told(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {"chat:write"}
    assert standing(connected, "#alerts")[:2] == ("warning", "cannot be told without the scope channels:read")


def test_paused_pipelines_are_left_out(connected: Person) -> None:
    connected.pipeline("limits", "#nowhere")
    text = (connected.root / "pipelines/limits.toml").read_text()
    connected.write("pipelines/limits.toml", 'status = "paused"\n' + text)
    assert connected.run("slack", "status", "--json").json["workspaces"][0]["channels"] == []


def test_one_channel_of_two_pipelines_is_told_once(connected: Person) -> None:
    connected.pipeline("more", "#alerts")
    assert "(limits, more)" in connected.run("slack", "status").out


def test_problems_exit_with_1_and_quiet_prints_them_alone(connected: Person) -> None:
    connected.pipeline("limits", "#alerst")
    result = connected.run("slack", "status", "-q")
    assert result.code == 1
    assert result.out.startswith("✗ #alerst")
    assert len(result.out.splitlines()) == 2


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_a_clock_that_differs_is_a_problem(connected: Person, skew: float) -> None:
    connected.slack.skew = skew
    result = connected.run("slack", "status")
    assert result.code == 1
    assert f"s {'behind' if skew > 0 else 'ahead of'} Slack's" in result.out


def test_a_revoked_token_is_told_with_the_remedy(connected: Person) -> None:
    connected.slack.revoked.add(TOKEN)
    result = connected.run("slack", "status")
    assert result.code == 1
    assert "token_revoked" in result.out
    assert "ingestlayer slack connect" in result.out


def test_a_token_of_the_environment_is_told_to_be_there(connected: Person) -> None:
    result = connected.run("slack", "status", env={"SLACK_BOT_TOKEN": TOKEN})
    assert "the secret is in the environment (SLACK_BOT_TOKEN)" in result.out


def test_a_webhook_has_no_channels_to_look_at(person: Person) -> None:
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    result = person.run("slack", "status")
    assert result.code == 0
    assert "messages go to its own channel" in result.out


def test_a_damaged_file_is_a_problem_and_no_defect(connected: Person) -> None:
    connected.kept.write_text("{")
    result = connected.run("slack", "status")
    assert result.code == 1
    assert "is damaged" in result.out


def test_looking_leaves_no_file_behind(connected: Person) -> None:
    before = sorted(path for path in connected.root.rglob("*"))
    connected.run("slack", "status")
    connected.run("slack", "test", "#alerts")
    assert sorted(path for path in connected.root.rglob("*")) == before


def test_colour_is_for_terminals_and_FORCE_COLOR(connected: Person) -> None:
    connected.pipeline("limits", "#alerst")
    assert "\x1b[" not in connected.run("slack", "status").out
    assert "\x1b[31m" in connected.run("slack", "status", env={"FORCE_COLOR": "1"}).out
    assert "\x1b[" not in connected.run("slack", "status", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).out


def test_a_name_of_slacks_cannot_drive_the_terminal(connected: Person) -> None:
    connected.slack.add_channel("evil\x1b[2J")
    assert "\x1b" not in connected.run("slack", "channels").out


# channels


def test_every_page_is_listed(connected: Person) -> None:
    for number in range(2100):
        connected.slack.add_channel(f"c-{number}", bot_is_member=False)
    result = connected.run("slack", "channels")
    assert len(result.out.splitlines()) == 2103
    assert "#c-2099" in result.out


def test_a_search_finds_parts_of_names(connected: Person) -> None:
    connected.slack.add_channel("sales-alerts", bot_is_member=False)
    connected.slack.add_channel("old-alerts", archived=True)
    result = connected.run("slack", "channels", "--search", "#ALERT")
    assert [line.split("  ")[0] for line in result.out.splitlines()] == ["#alerts", "#sales-alerts", "#old-alerts"]
    assert "archived" in result.out


def test_no_match_is_said_on_stderr(connected: Person) -> None:
    assert connected.run("slack", "channels", "--search", "zzz") == (0, "", "no channel has zzz in its name\n")


def test_channels_as_ndjson(connected: Person) -> None:
    rows = [json.loads(line) for line in connected.run("slack", "channels", "--json").out.splitlines()]
    assert rows[0] == {
        "id": connected.slack.channels["alerts"].id,
        "name": "alerts",
        "is_private": False,
        "is_member": True,
        "is_archived": False,
    }


def test_channels_without_a_connection(person: Person) -> None:
    result = person.run("slack", "channels", "--json")
    assert (result.code, result.error["kind"]) == (78, "slack")
    assert "SLACK_BOT_TOKEN" in result.error["hint"]


def test_channels_of_a_revoked_token(connected: Person) -> None:
    connected.slack.revoked.add(TOKEN)
    result = connected.run("slack", "channels")
    assert (result.code, result.out) == (78, "")


def test_unreachable_is_75(connected: Person) -> None:
    connected.settings('[slack]\nconnection = "bot"\napi_url = "http://127.0.0.1:9/api/"\n')
    assert connected.run("slack", "channels").code == 75


def test_a_reader_that_leaves_is_no_error(connected: Person) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [PROGRAM, "slack", "channels"], cwd=connected.root, stdout=write, stderr=-1, env=connected.environment()
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_token_that_may_not_post_is_a_problem(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {"channels:read"}
    result = connected.run("slack", "status")
    assert result.code == 1
    assert "✗ the token may not post: it lacks the scope chat:write\n" in result.out
    document = connected.run("slack", "status", "--json")
    assert (document.code, document.json["workspaces"][0]["problems"][0]["kind"]) == (1, "missing_scope")
