"""Deliveries over what `slack connect` stored, and to several workspaces."""

from tests.support.person import EMIT, OTHER, TOKEN, Person
from tests.support.program import PROGRAM
from tests.support.standin import SlackStandin
from tests.support.terminal import Terminal


def test_emit_posts_over_the_stored_token(person: Person) -> None:
    person.connect()
    result = person.run(*EMIT)
    assert result.code == 0, result
    assert len(person.slack.posted_to("#alerts")) == 1


def test_a_duplicate_of_what_was_only_drawn_says_how_to_send_it(person: Person) -> None:
    key = ("--key", "tour")
    assert "replay" not in person.run(*EMIT, *key).said + person.run(*EMIT, *key).said
    person.connect()
    result = person.run(*EMIT, *key)
    assert "duplicate" in result.out
    words = result.err.partition("the first was only shown on a terminal; to send it: ingestlayer ")[2].split()
    assert person.run(*words, "--yes").code == 0
    assert len(person.slack.posted_to("#alerts")) == 1
    assert "replay" not in person.run(*EMIT, *key).said


def test_a_job_of_cron_without_an_environment_posts(person: Person) -> None:
    person.connect()
    nothing = dict.fromkeys(person.environment()) | {"HOME": str(person.home)}
    assert person.run("-C", str(person.root), *EMIT, env=nothing, cwd=person.home).code == 0
    assert len(person.slack.posted_to("#alerts")) == 1


def test_the_token_of_the_environment_wins(person: Person) -> None:
    person.connect()
    person.slack.revoked.add(TOKEN)
    assert person.run(*EMIT, env={"SLACK_BOT_TOKEN": OTHER}).code == 0


def test_a_stored_webhook_posts(person: Person) -> None:
    person.run("slack", "connect", "--webhook-stdin", stdin=person.webhook())
    assert person.run(*EMIT).code == 0
    assert len(person.slack.posted_to("#alerts")) == 1


def test_after_disconnecting_messages_wait_and_go_out_when_connected_again(person: Person) -> None:
    person.connect()
    person.run("slack", "disconnect")
    result = person.run(*EMIT)
    assert result.code == 75
    assert "ingestlayer slack connect" in result.err
    person.connect(OTHER)
    assert person.run("deliver").code == 0
    assert len(person.slack.posted_to("#alerts")) == 1


def test_a_damaged_file_of_secrets_makes_messages_wait_and_loses_none(person: Person) -> None:
    person.connect()
    text = person.kept.read_text()
    person.kept.write_text("{")
    result = person.run(*EMIT)
    assert result.code == 75
    assert "is damaged" in result.said
    person.kept.write_text(text)
    assert person.run("deliver").code == 0
    assert len(person.slack.posted_to("#alerts")) == 1


def test_each_workspace_gets_its_own_messages(person: Person) -> None:
    with SlackStandin() as sales:
        sales.tokens = {OTHER: sales.tokens["xoxb-test"]}
        person.slack.tokens.pop(OTHER)
        person.settings(f'[slack]\napi_url = "{person.slack.url}"\n[slack.workspaces.sales]\napi_url = "{sales.url}"\n')
        person.connect()
        person.connect(OTHER, "--workspace", "sales")
        person.pipeline("sales", "#growth", 'workspace = "sales"')
        assert person.run(*EMIT).code == 0
        assert (len(person.slack.messages), len(sales.messages)) == (1, 1)
        assert len(sales.posted_to("#growth")) == 1


def test_one_workspace_that_is_not_connected_holds_up_no_other(person: Person) -> None:
    person.settings(f'[slack]\napi_url = "{person.slack.url}"\n[slack.workspaces.sales]\nconnection = "bot"\n')
    person.connect()
    person.pipeline("sales", "#growth", 'workspace = "sales"')
    result = person.run(*EMIT)
    assert result.code == 75
    assert len(person.slack.posted_to("#alerts")) == 1
    assert person.slack.posted_to("#growth") == []


def test_status_looks_for_each_channel_in_its_own_workspace(person: Person) -> None:
    person.settings(f'[slack]\napi_url = "{person.slack.url}"\n[slack.workspaces.sales]\n')
    person.connect()
    person.connect(OTHER, "--workspace", "sales")
    person.pipeline("sales", "#growth", 'workspace = "sales"')
    rows = person.run("slack", "status", "--json").json["workspaces"]
    assert [[it["channel"] for it in row["channels"]] for row in rows] == [["#alerts"], ["#growth"]]


def test_no_row_and_no_trace_holds_a_secret(person: Person) -> None:
    """The sweep at the end reads the store."""
    person.connect()
    person.slack.revoked.add(TOKEN)
    assert person.run(*EMIT).code == 75
    assert person.run("deliveries", "list").code == 0


def test_from_a_fresh_machine_to_the_first_event_in_slack(person: Person) -> None:
    fresh = person.home / "fresh"
    fresh.mkdir()
    env = person.environment()
    with Terminal(PROGRAM, "init", cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0
    toml = fresh / "ingestlayer.toml"
    toml.write_text(toml.read_text().replace("[slack]\n", f'[slack]\napi_url = "{person.slack.url}"\n', 1))
    with Terminal(PROGRAM, "slack", "connect", cwd=fresh, env=env) as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        assert terminal.wait() == 0
    fields = ("--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro")
    with Terminal(PROGRAM, "emit", "usage.limit_reached", *fields, cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0, terminal.text
    assert len(person.slack.posted_to("#alerts")) == 1
