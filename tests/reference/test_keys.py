"""Every key of every file is explained, with an example that fits."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from textwrap import dedent
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli.project.jsonschema import KINDS, schema_of
from ingestlayer_cli.reference import Topic, keys


@cache
def topics() -> dict[str, Topic]:
    return {topic.name: topic for topic in keys.topics()}


def tables(schema: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every table that a schema knows, wherever it stands, with the names on the way to it."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield name, schema
        for key, inner in schema.items():
            yield from tables(inner, f"{name}/{key}")
    elif isinstance(schema, list):
        for index, inner in enumerate(schema):
            yield from tables(inner, f"{name}/{index}")


TABLES = [(f"{kind}{name}", table) for kind in KINDS for name, table in tables(schema_of(kind))]


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_every_key_says_what_it_means(name: str, table: dict[str, Any]) -> None:
    meanings = {key: schema.get("description", "").partition("\n\n")[0] for key, schema in table["properties"].items()}
    assert [key for key, meaning in meanings.items() if not meaning.endswith(".")] == []


@pytest.mark.parametrize(("name", "table"), TABLES, ids=[name for name, _ in TABLES])
def test_every_key_that_the_schemas_know_is_a_topic(name: str, table: dict[str, Any]) -> None:
    explained = [{re.sub(r"\.(NAME|KIND)$", "", key).rpartition(".")[2] for key in it.keys} for it in topics().values()]
    assert table["properties"].keys() in explained


def test_every_topic_has_a_text_and_every_key_its_type_and_an_example_in_toml() -> None:
    for topic in topics().values():
        assert topic.summary, topic.name
        if topic.kind == "key":
            assert topic.type, topic.name
            assert topic.example, topic.name
            assert list(tomllib.loads(topic.example)) == [topic.name.rpartition(".")[2]]


def test_what_is_below_a_topic_is_there() -> None:
    for topic in topics().values():
        assert [name for name in topic.keys if name not in topics()] == []


@pytest.mark.parametrize("name", ["store", "slack", "slack.workspaces.NAME", "events", "entities.KIND", "checks.NAME"])
def test_a_table_has_a_key_of_each_of_its_own_in_its_examples(name: str) -> None:
    set_there = " ".join(keys.blocks(topics()[name].text))
    assert [
        key for key in topics()[name].keys if f"{key.rpartition('.')[2]} =" not in set_there and key.count(".") < 3
    ] in (
        [],
        ["slack.workspaces.NAME"],
    )


@pytest.mark.parametrize("topic", [it for it in topics().values() if it.title.startswith("[")], ids=lambda it: it.name)
def test_the_examples_of_the_settings_fit(topic: Topic) -> None:
    """Each is written as a file has it, or as the one key that it is the value of."""
    if topic.title.endswith(".toml"):
        return
    for block in keys.blocks(topic.text):
        data = tomllib.loads(dedent(block))
        if next(iter(data)) in schema_of("project")["properties"]:
            errors = Draft202012Validator(schema_of("project")).iter_errors(data)
            assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.mark.parametrize(("kind", "name"), [("event", "events/TYPE.toml"), ("pipeline", "pipelines/NAME.toml")])
def test_the_example_of_a_file_fits(kind: str, name: str) -> None:
    data = tomllib.loads("\n".join(map(dedent, keys.blocks(topics()[name].text))))
    errors = Draft202012Validator(schema_of(kind)).iter_errors(data)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


def test_a_default_is_told_as_a_file_has_it() -> None:
    assert topics()["store.retention"].default == "90d"
    assert topics()["event.idempotency.window"].default == "1d"
    assert topics()["slack.insecure"].default is False
    assert topics()["timezone"].default is None
    assert topics()["checks.NAME.emit"].required


def test_an_editor_is_told_what_a_key_means_and_what_its_value_is_like() -> None:
    text = schema_of("project")["$defs"]["CheckTable"]["properties"]["every"]["description"]
    assert re.fullmatch(r"How often cron runs it.*\n\nA duration.*", text)
