"""Event types without a declaration: refused, unless the project accepts them."""

import tomllib
from typing import Any

import pytest

from tests.support.folder import USAGE, Folder


@pytest.fixture(scope="module")
def open_(made: Any) -> Folder:
    """A project that accepts undeclared types, and posts some."""
    folder: Folder = made("open")
    with (folder.root / "ingestlayer.toml").open("a") as file:
        file.write('\n[events]\nundeclared = "accept"\n')
    folder.listen("deploy.done")
    return folder


def test_an_undeclared_type_is_refused_with_the_near_miss(project: Folder) -> None:
    result = project.run("emit", "usage.limit_reachd", "customer_id=acme")
    assert result.code == 65
    assert f'usage.limit_reachd is not declared (did you mean "{USAGE}"?)' in result.err


def test_the_hint_is_a_declaration_that_admits_the_event(project: Folder) -> None:
    arguments = ("user.seen", "name=Ada", "age:=36", "tags:=[1]", "active:=true")
    result = project.run("emit", *arguments)
    assert result.code == 65
    assert "write events/user.seen.toml" in result.err
    assert 'undeclared = "accept"' in result.err
    lines = result.err.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith("type = "))
    text = "\n".join(line.strip() for line in lines[first : lines.index("", first)])
    assert tomllib.loads(text)["fields"] == {"name": "string", "age": "number", "tags": "array", "active": "boolean"}
    project.write("events/user.seen.toml", text)
    assert project.run("emit", *arguments).code == 0


def test_options_of_an_undeclared_type_are_kept_in_its_dead_letter(project: Folder) -> None:
    assert project.run("emit", "user.seen", "--customer-id", "acme", "--used=3").code == 65
    ((kind, raw),) = project.rows("SELECT kind, raw FROM dead_letters")
    assert kind == "undeclared"
    assert '"customer_id":"acme"' in raw
    assert '"used":"3"' in raw


def test_an_accepted_undeclared_type_takes_texts_and_json(open_: Folder) -> None:
    result = open_.run("emit", "user.seen", "name=Ada", "age:=36", 'more:={"a": [1]}', "--json")
    assert result.code == 0
    assert result.json["event"]["payload"] == {"name": "Ada", "age": 36, "more": {"a": [1]}}


def test_an_accepted_undeclared_type_takes_data(open_: Folder) -> None:
    result = open_.run("emit", "user.seen", "--data", '{"age": 36}', "name=Ada", "--json")
    assert result.json["event"]["payload"] == {"age": 36, "name": "Ada"}


def test_an_accepted_undeclared_type_may_have_no_fields(open_: Folder) -> None:
    assert open_.run("emit", "user.seen", "--json").json["event"]["payload"] == {}


def test_options_for_the_fields_of_an_accepted_undeclared_type_are_refused_with_the_form(open_: Folder) -> None:
    result = open_.run("emit", "user.seen", "--name", "Ada")
    assert result.code == 2
    assert "user.seen is not declared" in result.err
    assert "name=text or name:=json" in result.err


def test_pipelines_run_on_an_accepted_undeclared_type(open_: Folder) -> None:
    result = open_.run("emit", "deploy.done", "version=1.2")
    assert result.code == 0
    assert "deploy.done" in result.out
    assert "#events shown" in result.out


def test_declared_types_are_still_checked_where_undeclared_ones_are_accepted(open_: Folder) -> None:
    assert open_.emit("customer_id=acme").code == 65


@pytest.mark.parametrize("type_", ["", ".", "a..b", "a b", "größe", "a.", "<!channel>", "../x"])
def test_what_is_no_event_type_is_refused_wherever_undeclared_ones_are_accepted(open_: Folder, type_: str) -> None:
    result = open_.run("emit", "--json", type_, "a=b")
    assert result.code in ((65,) if type_ else (2, 65))
    assert result.error["kind"] in ("type", "usage")


def test_keys_of_undeclared_types_are_taken_for_a_day(open_: Folder) -> None:
    first = open_.run("emit", "user.left", "name=Ada", "--key", "ada", "--json").json
    again = open_.run("emit", "user.left", "name=Bob", "--key", "ada", "--json").json
    assert (again["status"], again["differs"], again["event"]["id"]) == ("duplicate", ["name"], first["event"]["id"])
