"""`slack disconnect`: the token is revoked and forgotten."""

import shutil

from tests.connect.support import OTHER, TOKEN, Bench


def test_the_token_is_revoked_and_forgotten(bench: Bench) -> None:
    bench.connect()
    result = bench.run("slack", "disconnect")
    assert result == (0, "disconnected: the secret is forgotten, the token revoked\n", "")
    assert bench.slack.revoked == {TOKEN}
    assert TOKEN not in bench.kept.read_text()


def test_the_connection_stays_so_that_messages_wait(bench: Bench) -> None:
    bench.connect()
    bench.run("slack", "disconnect")
    assert 'connection = "bot"' in bench.toml


def test_a_second_time_there_is_nothing_to_do(bench: Bench) -> None:
    bench.connect()
    bench.run("slack", "disconnect")
    assert bench.run("slack", "disconnect") == (0, "there was no secret to forget\n", "")


def test_a_token_that_is_dead_already_is_forgotten_without_a_word(bench: Bench) -> None:
    bench.connect()
    bench.slack.revoked.add(TOKEN)
    assert bench.run("slack", "disconnect", "--json").json == {"removed": True, "revoked": True, "error": None}


def test_without_a_network_it_is_forgotten_and_told_not_to_be_revoked(bench: Bench) -> None:
    bench.connect()
    bench.settings('[slack]\nconnection = "bot"\napi_url = "http://127.0.0.1:9/api/"\n')
    result = bench.run("slack", "disconnect")
    assert result.code == 75
    assert "not revoked" in result.err
    assert "Revoke Tokens" in result.err
    assert TOKEN not in bench.kept.read_text()


def test_a_token_of_two_projects_is_not_revoked(bench: Bench) -> None:
    bench.connect()
    shutil.copytree(bench.root, bench.root.with_name("second"))
    bench.connect(cwd=bench.root.with_name("second"))
    result = bench.run("slack", "disconnect")
    assert result.code == 0
    assert f"{bench.root.with_name('second')} is connected by the same one" in result.err
    assert bench.slack.revoked == set()


def test_a_token_of_the_environment_is_left_alone_and_warned_of(bench: Bench) -> None:
    result = bench.run("slack", "disconnect", env={"SLACK_BOT_TOKEN": OTHER})
    assert result.code == 0
    assert "SLACK_BOT_TOKEN is set in this environment" in result.err
    assert bench.slack.revoked == set()


def test_a_webhook_is_forgotten(bench: Bench) -> None:
    bench.run("slack", "connect", "--webhook-stdin", stdin=bench.webhook())
    assert bench.run("slack", "disconnect", "-q") == (0, "", "")
    assert bench.webhook() not in bench.kept.read_text()
