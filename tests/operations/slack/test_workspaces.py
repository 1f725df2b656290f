"""Several workspaces, each with its own secret."""

import tomllib

import pytest

from tests.support.person import OTHER, TOKEN, Person


@pytest.fixture
def both(person: Person) -> Person:
    """Two workspaces; a pipeline posts to each."""
    person.settings(f'[slack]\napi_url = "{person.slack.url}"\n\n[slack.workspaces.sales]  # theirs\n')
    person.connect()
    person.connect(OTHER, "--workspace", "sales")
    return person


def test_each_has_its_own_secret(both: Person) -> None:
    assert TOKEN in both.kept.read_text()
    assert OTHER in both.kept.read_text()


def test_the_file_says_so(both: Person) -> None:
    assert tomllib.loads(both.toml)["slack"]["workspaces"] == {"sales": {"connection": "bot"}}
    assert "# theirs" in both.toml


def test_a_new_one_is_added_to_the_file(person: Person) -> None:
    person.connect(OTHER, "--workspace", "sales")
    assert tomllib.loads(person.toml)["slack"]["workspaces"] == {"sales": {"connection": "bot"}}
    assert "connection" not in tomllib.loads(person.toml)["slack"]


def test_a_misspelt_one_is_not_added(both: Person) -> None:
    result = both.run("slack", "connect", "--token-stdin", "--workspace", "sale", stdin=TOKEN)
    assert result.code == 2
    assert '(did you mean "sales"?)' in result.err


@pytest.mark.parametrize("name", ["a b", "1st", "x.y", "ä", "a\n[store]"])
def test_a_name_that_is_none_is_refused(person: Person, name: str) -> None:
    assert person.run("slack", "connect", "--token-stdin", "--workspace", name, stdin=TOKEN).code == 2


@pytest.mark.parametrize("command", [("disconnect",), ("status",), ("channels",), ("test", "#test")])
def test_one_that_is_not_there_is_wrong_usage(person: Person, command: tuple[str, ...]) -> None:
    result = person.run("slack", *command, "--workspace", "sales")
    assert result.code == 2
    assert "slack connect --workspace sales" in result.err


def test_status_shows_each(both: Person) -> None:
    rows = both.run("slack", "status", "--json").json["workspaces"]
    assert [(row["workspace"], row["team"]) for row in rows] == [(None, "Stand-in"), ("sales", "Stand-in")]
    assert "workspace (default)" in both.run("slack", "status").out
    assert "workspace sales" in both.run("slack", "status").out


def test_a_workspace_has_its_own_variable(both: Person) -> None:
    document = both.run("slack", "status", "--json", env={"SLACK_BOT_TOKEN_SALES": TOKEN}).json
    assert [row["secret"] for row in document["workspaces"]] == [
        str(both.kept),
        "the environment (SLACK_BOT_TOKEN_SALES)",
    ]


def test_disconnecting_one_leaves_the_other(both: Person) -> None:
    assert both.run("slack", "disconnect", "--workspace", "sales").code == 0
    assert both.slack.revoked == {OTHER}
    assert TOKEN in both.kept.read_text()


def test_test_posts_with_the_token_of_the_workspace(both: Person) -> None:
    both.slack.revoked.add(TOKEN)
    assert both.run("slack", "test", "#test", "--workspace", "sales").code == 0
