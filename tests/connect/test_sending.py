"""Deliveries over what `slack connect` stored, and to several workspaces."""

from tests.connect.support import EMIT, OTHER, PROGRAM, TOKEN, Bench
from tests.connect.terminal import Terminal
from tests.slack.standin import SlackStandin


def test_emit_posts_over_the_stored_token(bench: Bench) -> None:
    bench.connect()
    result = bench.run(*EMIT)
    assert result.code == 0, result
    assert len(bench.slack.posted_to("#alerts")) == 1


def test_a_job_of_cron_without_an_environment_posts(bench: Bench) -> None:
    bench.connect()
    nothing = dict.fromkeys(bench.environment()) | {"HOME": str(bench.home)}
    assert bench.run("-C", str(bench.root), *EMIT, env=nothing, cwd=bench.home).code == 0
    assert len(bench.slack.posted_to("#alerts")) == 1


def test_the_token_of_the_environment_wins(bench: Bench) -> None:
    bench.connect()
    bench.slack.revoked.add(TOKEN)
    assert bench.run(*EMIT, env={"SLACK_BOT_TOKEN": OTHER}).code == 0


def test_a_stored_webhook_posts(bench: Bench) -> None:
    bench.run("slack", "connect", "--webhook-stdin", stdin=bench.webhook())
    assert bench.run(*EMIT).code == 0
    assert len(bench.slack.posted_to("#alerts")) == 1


def test_after_disconnecting_messages_wait_and_go_out_when_connected_again(bench: Bench) -> None:
    bench.connect()
    bench.run("slack", "disconnect")
    result = bench.run(*EMIT)
    assert result.code == 75
    assert "ingestlayer slack connect" in result.err
    bench.connect(OTHER)
    assert bench.run("deliver").code == 0
    assert len(bench.slack.posted_to("#alerts")) == 1


def test_a_damaged_file_of_secrets_makes_messages_wait_and_loses_none(bench: Bench) -> None:
    bench.connect()
    text = bench.kept.read_text()
    bench.kept.write_text("{")
    result = bench.run(*EMIT)
    assert result.code == 75
    assert "is damaged" in result.said
    bench.kept.write_text(text)
    assert bench.run("deliver").code == 0
    assert len(bench.slack.posted_to("#alerts")) == 1


def test_each_workspace_gets_its_own_messages(bench: Bench) -> None:
    with SlackStandin() as sales:
        sales.tokens = {OTHER: sales.tokens["xoxb-test"]}
        bench.slack.tokens.pop(OTHER)
        bench.settings(f'[slack]\napi_url = "{bench.slack.url}"\n[slack.workspaces.sales]\napi_url = "{sales.url}"\n')
        bench.connect()
        bench.connect(OTHER, "--workspace", "sales")
        bench.pipeline("sales", "#growth", 'workspace = "sales"')
        assert bench.run(*EMIT).code == 0
        assert (len(bench.slack.messages), len(sales.messages)) == (1, 1)
        assert len(sales.posted_to("#growth")) == 1


def test_one_workspace_that_is_not_connected_holds_up_no_other(bench: Bench) -> None:
    bench.settings(f'[slack]\napi_url = "{bench.slack.url}"\n[slack.workspaces.sales]\nconnection = "bot"\n')
    bench.connect()
    bench.pipeline("sales", "#growth", 'workspace = "sales"')
    result = bench.run(*EMIT)
    assert result.code == 75
    assert len(bench.slack.posted_to("#alerts")) == 1
    assert bench.slack.posted_to("#growth") == []


def test_status_looks_for_each_channel_in_its_own_workspace(bench: Bench) -> None:
    bench.settings(f'[slack]\napi_url = "{bench.slack.url}"\n[slack.workspaces.sales]\n')
    bench.connect()
    bench.connect(OTHER, "--workspace", "sales")
    bench.pipeline("sales", "#growth", 'workspace = "sales"')
    rows = bench.run("slack", "status", "--json").json["workspaces"]
    assert [[it["channel"] for it in row["channels"]] for row in rows] == [["#alerts"], ["#growth"]]


def test_no_row_and_no_trace_holds_a_secret(bench: Bench) -> None:
    """The sweep at the end reads the store."""
    bench.connect()
    bench.slack.revoked.add(TOKEN)
    assert bench.run(*EMIT).code == 75
    assert bench.run("deliveries", "list").code == 0


def test_from_a_fresh_machine_to_the_first_event_in_slack(bench: Bench) -> None:
    fresh = bench.home / "fresh"
    fresh.mkdir()
    env = bench.environment()
    with Terminal(PROGRAM, "init", cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0
    toml = fresh / "ingestlayer.toml"
    toml.write_text(toml.read_text().replace("[slack]\n", f'[slack]\napi_url = "{bench.slack.url}"\n', 1))
    with Terminal(PROGRAM, "slack", "connect", cwd=fresh, env=env) as terminal:
        terminal.expect("(not shown): ")
        terminal.type(TOKEN)
        assert terminal.wait() == 0
    fields = ("--customer", "acme", "--metric", "api-calls", "--limit", "10000", "--used", "10250", "--plan", "pro")
    with Terminal(PROGRAM, "emit", "usage.limit_reached", *fields, cwd=fresh, env=env) as terminal:
        assert terminal.wait() == 0, terminal.text
    assert len(bench.slack.posted_to("#alerts")) == 1
