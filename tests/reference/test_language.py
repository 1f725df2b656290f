"""Each filter is explained by an example that is true."""

import pytest

from ingestlayer_cli.language.parser import parse_template as parse
from ingestlayer_cli.language.templates import FILTERS, Template
from ingestlayer_cli.reference.language import SHOWN, topics


def test_every_filter_is_shown() -> None:
    assert SHOWN.keys() == FILTERS.keys()
    assert {topic.name for topic in topics()} >= {"expressions", "templates", "$event", "$entity", "$crossing"}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_does_what_its_example_says(name: str) -> None:
    shown = SHOWN[name]
    assert Template(parse(shown.template)).render({"event": {"used": shown.value}}) == shown.text
