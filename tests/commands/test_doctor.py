"""`doctor`: each thing that can be wrong with a set-up is told, with its remedy."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.person import EMIT, MARK, OTHER, TOKEN, Person
from tests.support.program import LONG_AGO
from tests.support.situations import Morning
from tests.support.standin import Hang, SlackError

ENTITIES = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'


def findings(person: Person, check: str, **more: Any) -> list[tuple[str, str, str]]:
    """Return (mark, words, remedy) of one check's findings."""
    rows = person.run("doctor", "--json", **more).json["findings"]
    return [(row["mark"], row["words"], row["hint"]) for row in rows if row["check"] == check]


@pytest.fixture
def connected(person: Person) -> Person:
    person.connect()
    return person


def test_a_good_set_up_has_no_problem(connected: Person) -> None:
    assert connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN}).code == 0
    result = connected.run("doctor")
    assert result.code == 0, result
    assert "✗" not in result.out
    for words in ("✓ Python 3.", "✓ SQLite 3.", "files are valid", "intact", "free", "✓ Slack: Stand-in as @ingest"):
        assert words in result.out


def test_it_leaves_no_file_behind(connected: Person) -> None:
    before = sorted(path for path in connected.root.rglob("*"))
    connected.run("doctor")
    assert sorted(path for path in connected.root.rglob("*")) == before


def test_outside_a_project(person: Person) -> None:
    result = person.run("doctor", cwd=person.home)
    assert result.code == 1
    assert "✗ no ingestlayer.toml" in result.out
    assert "ingestlayer init" in result.out


def test_files_with_mistakes(connected: Person) -> None:
    connected.write("pipelines/limits.toml", "match = 5\nuze = 1\n")
    result = connected.run("doctor")
    assert result.code == 1
    assert "✗ pipelines/limits.toml has 2 problems" in result.out
    assert "\n  → ingestlayer validate" in result.out


def test_quiet_prints_problems_alone(connected: Person) -> None:
    connected.pipeline("limits", "#alerst")
    out = connected.run("doctor", "-q").out
    assert out.startswith("✗ Slack: #alerst")
    assert "✓" not in out
    assert "!" not in out


def test_a_damaged_store(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver")
    store = connected.root / ".ingestlayer" / "store.db"
    content = bytearray(store.read_bytes())
    content[8192:] = os.urandom(len(content) - 8192)
    store.write_bytes(content)
    ((mark, words, hint), *_) = findings(connected, "store")
    assert mark == "problem"
    assert "damaged" in words
    assert ".recover" in hint


def test_a_file_that_is_no_store(connected: Person) -> None:
    (connected.root / ".ingestlayer").mkdir()
    (connected.root / ".ingestlayer" / "store.db").write_text("this is a text " * 100)
    ((mark, words, _),) = findings(connected, "store")
    assert (mark, "not a SQLite database" in words) == ("problem", True)


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_store_that_cannot_be_written(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver")
    (connected.root / ".ingestlayer" / "store.db").chmod(0o400)
    assert any("cannot be written" in words for _, words, _ in findings(connected, "store"))


def test_an_entity_file_that_is_not_there(connected: Person) -> None:
    connected.settings(connected.toml + ENTITIES)
    ((mark, words, hint),) = findings(connected, "entities")
    assert (mark, words) == ("problem", "customers.csv is not there")
    assert "[entities.customer]" in hint


@pytest.mark.parametrize(("age", "mark"), [(0, "ok"), (86_400 * 3, "ok"), (86_400 * 30, "warning")])
def test_the_age_of_an_entity_file(connected: Person, age: int, mark: str) -> None:
    connected.settings(connected.toml + ENTITIES)
    path = connected.write("customers.csv", "customer_id\nacme\n")
    os.utime(path, (time.time() - age - 5, time.time() - age - 5))
    ((found, words, _),) = findings(connected, "entities")
    assert found == mark
    assert words == f"customers.csv: {f'{age // 86_400}d' if age else words.split()[1]} old"


def test_no_connection(person: Person) -> None:
    assert findings(person, "slack")[0] == (
        "warning",
        "Slack: messages are drawn on the terminal, not sent",
        "ingestlayer slack connect",
    )
    assert person.run("doctor").code == 0


def test_a_connection_without_a_secret(person: Person) -> None:
    person.settings(f'[slack]\nconnection = "bot"\napi_url = "{person.slack.url}"\n')
    ((mark, words, hint),) = findings(person, "slack")
    assert (mark, words) == ("problem", "Slack: Slack is not connected")
    assert "SLACK_BOT_TOKEN" in hint


def test_a_revoked_token(connected: Person) -> None:
    connected.slack.revoked.add(TOKEN)
    assert findings(connected, "slack")[0][0] == "problem"


def test_a_slack_that_cannot_be_reached_is_a_warning(connected: Person) -> None:
    connected.settings('[slack]\nconnection = "bot"\napi_url = "http://127.0.0.1:9/api/"\n')
    ((mark, words, _),) = findings(connected, "slack")
    assert (mark, "cannot be reached" in words) == ("warning", True)


def test_a_channel_that_is_not_there(connected: Person) -> None:
    connected.pipeline("limits", "#alerst")
    assert ("problem", True) in [
        (mark, 'did you mean "alerts"' in words) for mark, words, _ in findings(connected, "slack")
    ]


def test_each_workspace_is_looked_at(connected: Person) -> None:
    connected.connect(OTHER, "--workspace", "sales")
    connected.slack.revoked.add(OTHER)
    words = [words for _, words, _ in findings(connected, "slack")]
    assert any(it.startswith("Slack: Stand-in") for it in words)
    assert any(it.startswith("Slack (sales): Slack refused") for it in words)


def test_secrets_that_others_can_read(connected: Person) -> None:
    connected.kept.chmod(0o644)
    try:
        assert ("problem", "the file of secrets can be read by others", f"chmod 600 {connected.kept}") in findings(
            connected, "slack"
        )
    finally:
        connected.kept.chmod(0o600)


def test_a_token_of_this_shell_only(person: Person) -> None:
    person.settings(f'[slack]\nconnection = "bot"\napi_url = "{person.slack.url}"\n')
    rows = findings(person, "cron", env={"SLACK_BOT_TOKEN": TOKEN})
    assert ("warning", "SLACK_BOT_TOKEN is set in this shell only") in [row[:2] for row in rows]


def test_a_stored_token_serves_cron(connected: Person) -> None:
    rows = findings(connected, "cron", env={"SLACK_BOT_TOKEN": TOKEN})
    assert not any("SLACK_BOT_TOKEN" in words for _, words, _ in rows)


@pytest.mark.parametrize("name", ["INGESTLAYER_PROJECT", "HTTPS_PROXY", "XDG_STATE_HOME"])
def test_what_this_shell_has_and_cron_has_not(person: Person, name: str) -> None:
    rows = findings(person, "cron", env={name: str(person.root)})
    assert ("warning", f"{name} is set in this shell only") in [row[:2] for row in rows]


def test_the_program_is_named_with_its_whole_path_for_cron(person: Person) -> None:
    ((mark, words, hint),) = findings(person, "cron")
    assert (mark, words) == ("warning", "cron's PATH (/usr/bin:/bin) does not have ingestlayer")
    assert f"/ingestlayer -C {person.root} deliver -q" in hint


def test_a_line_for_cron_quotes_what_a_shell_would_split(person: Person) -> None:
    spaced = person.root.rename(person.root.with_name("my project"))
    ((_, _, hint),) = findings(person, "cron", cwd=spaced)
    assert f"-C '{spaced}'" in hint


def test_it_finds_everything_under_env_i(connected: Person) -> None:
    nothing = dict.fromkeys(connected.environment()) | {"HOME": str(connected.home)}
    result = connected.run("doctor", env=nothing)
    assert result.code == 0, result
    assert "Stand-in as @ingest" in result.out


def test_waiting_deliveries(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver")
    assert findings(connected, "deliveries") == [("ok", "#alerts: 1 message waits", "")]


def test_overdue_deliveries(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver")
    changed(connected.root, "UPDATE deliveries SET due_at = ?", (time.time() - 3600) * 1000 // 1)
    ((mark, words, hint),) = findings(connected, "deliveries")
    assert (mark, words) == (
        "problem",
        "#alerts: 1 message waits for over 15m: `ingestlayer deliver` never ran here",
    )
    assert "ingestlayer deliver" in hint


def test_dead_deliveries_are_a_problem_for_a_day(connected: Person) -> None:
    connected.slack.script.append(SlackError("is_archived"))
    assert connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN}).code == 69
    assert findings(connected, "deliveries")[0][:2] == (
        "problem",
        "#alerts: 1 message is dead: Slack refused the message: is_archived",
    )
    changed(connected.root, "UPDATE deliveries SET settled_at = ?", LONG_AGO * 1000)
    assert findings(connected, "deliveries")[0][0] == "warning"


def test_deliveries_that_may_have_arrived(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver")
    changed(connected.root, "UPDATE deliveries SET status = ?", "unknown")
    assert any("may or may not have arrived" in words for _, words, _ in findings(connected, "deliveries"))


def test_a_slack_that_hangs_does_not_hang_it(connected: Person) -> None:
    """Posting is not needed; what is asked is answered while posting hangs."""
    connected.slack.always = Hang(60)
    assert connected.run("doctor").code == 0


def test_no_secret_in_json(connected: Person) -> None:
    assert MARK not in connected.run("doctor", "--json").out


def changed(root: Path, statement: str, value: Any) -> None:
    connection = sqlite3.connect(root / ".ingestlayer" / "store.db")
    with connection:
        connection.execute(statement, (int(value) if isinstance(value, float) else value,))
    connection.close()


def test_another_address_of_slack_is_told(connected: Person) -> None:
    ((mark, words, hint),) = findings(connected, "api")
    assert mark == "warning"
    assert words == f"Slack: the token and the messages go to {connected.slack.url}, and not to slack.com"
    assert "[slack]" in hint


def test_an_address_that_is_a_webhooks_is_told_without_its_secret(connected: Person) -> None:
    connected.settings('[slack]\nconnection = "bot"\napi_url = "https://hooks.slack.com/services/T0/B0/hidden"\n')
    out = connected.run("doctor").out
    assert ("[secret]" in out, "hidden" in out) == (True, False)


def test_a_token_that_may_not_post_is_a_problem(connected: Person) -> None:
    connected.slack.tokens[TOKEN] = {"channels:read"}
    assert findings(connected, "slack")[0][:2] == (
        "problem",
        "Slack: the token may not post: it lacks the scope chat:write",
    )
    assert connected.run("doctor").code == 1


def test_a_clock_that_is_behind_the_store_is_a_problem(connected: Person) -> None:
    assert connected.run(*EMIT, env={"SLACK_BOT_TOKEN": TOKEN}).code == 0
    with closing(sqlite3.connect(connected.root / ".ingestlayer" / "store.db", isolation_level=None)) as store:
        store.execute("UPDATE attempts SET at = at + 86400000")
    ((mark, words, hint),) = findings(connected, "clock")
    assert (mark, "the store was written to at " in words, "set the clock right" in hint) == ("problem", True, True)


def test_events_of_a_time_that_is_still_to_come_are_named(connected: Person) -> None:
    connected.run(*EMIT, "--no-deliver", "--timestamp", "2200-01-01T00:00:00Z", "--allow-future")
    ((mark, words, _),) = findings(connected, "clock")
    assert (mark, words.startswith("1 event is of a time that is still to come")) == ("warning", True)


# What it alone looks for: Slack is asked. What `status` names, too, is with the tests of that.
ITS_OWN: dict[str, tuple[str, Callable[[Morning], object], Callable[[Morning], object]]] = {
    "an archived channel": ("slack_channel", lambda it: it.archive(True), lambda it: it.archive(False)),
    "a channel that is not there": (
        "slack_channel",
        lambda it: it.pipeline(channel="#alerst"),
        lambda it: it.pipeline(channel="#alerts"),
    ),
    "a private channel without the bot": (
        "slack_channel",
        lambda it: it.post_to_a_private_channel(),
        lambda it: it.invite_and_try(),
    ),
    "a token that may not post": (
        "slack_missing_scope",
        lambda it: it.slack.tokens.update({"xoxb-test": {"channels:read"}}),
        lambda it: it.slack.tokens.update({"xoxb-test": {"channels:read", "chat:write", "groups:read"}}),
    ),
    "a revoked token": (
        "not_connected",
        lambda it: it.slack.revoked.add("xoxb-test"),
        lambda it: it.slack.revoked.clear(),
    ),
    "a clock that is ahead": (
        "slack_clock",
        lambda it: setattr(it, "wrong", 3 * 3600.0),
        lambda it: setattr(it, "wrong", 0.0),
    ),
}


@pytest.mark.parametrize("name", ITS_OWN)
def test_what_it_alone_names_it_names_no_more_once_that_is_mended(morning: Morning, name: str) -> None:
    kind, comes, by_hand = ITS_OWN[name]
    comes(morning)
    (found,) = [row for row in morning.doctor() if row["kind"] == kind]
    assert (found["mark"], bool(found["hint"])) == ("problem", True)
    by_hand(morning)
    assert [row for row in morning.doctor() if row["mark"] == "problem"] == []
