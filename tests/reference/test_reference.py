"""How a topic is found."""

from functools import cache

import pytest

from ingestlayer_cli.reference import Topic, every, matching, named


@cache
def topics() -> list[Topic]:
    return every()


def test_a_name_is_of_one_topic() -> None:
    names = [topic.name for topic in topics()]
    assert sorted({name for name in names if names.count(name) > 1}) == []


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("store.path", "store.path"),
        ("[store]", "store"),
        ("[checks.quota] levels", "checks.NAME.levels"),
        ("checks.quota", "checks.NAME"),
        ("entities", "entities.KIND"),
        ("Throttle", "steps.throttle"),
        ("redact.pii", "steps.redact.pii"),
        ("message.buttons", "destinations.slack.message.buttons"),
        ("percent", "filters.percent"),
        ("75", "exit.75"),
        ("unknown", "delivery.unknown"),
        ("undeclared", "events.undeclared"),
        ("slack_bot_token", "SLACK_BOT_TOKEN"),
        ("idempotency key", "word.idempotency key"),
        ("$event.used", "$event"),
        ("delivery_dead", "ingestlayer.delivery_dead"),
        ("check.stale", "check.stale"),
        ("pipelines/usage-limit-hits.toml", "pipelines/NAME.toml"),
    ],
)
def test_a_topic_is_found_by_its_name_or_the_end_of_it(asked: str, first: str) -> None:
    assert named(topics(), asked)[0].name == first


@pytest.mark.parametrize("word", ["declaration", "settled", "dead", "trait", "outbox", "lane", "crossing", "digest"])
def test_the_words_of_the_readme_are_explained(word: str) -> None:
    assert f"word.{word}" in {topic.name for topic in named(topics(), word)}


def test_what_is_no_name_is_looked_for_in_the_texts() -> None:
    assert named(topics(), "healthchecks") == []
    assert "deliver" in {topic.name for topic in matching(topics(), "healthchecks convention")}
