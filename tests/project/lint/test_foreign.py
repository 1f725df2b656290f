"""Other languages in our texts are noticed where they stand, and what is ours is not."""

from pathlib import Path

import pytest

from ingestlayer_cli.project.lint.inspect import inspect
from tests.support.validate import project_of, with_lines


def said(root: Path, **more: str) -> list[str]:
    project_of(root, with_lines(**more))
    return [f"{it.severity} {it.line}:{it.column} {it.problem}" for it in inspect(str(root))]


def in_text(root: Path, text: str) -> list[str]:
    return said(root, pipeline=f"[destinations.message]\ntext = '''{text}'''\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ event.used }} of it", "10:11 {{ event.used }} is no value here, and stands as it is: write ${event.used}"),
        ("so {{used}}", "10:14 {{used}} is no value here, and stands as it is: write ${event.used}"),
        (
            "{{ used | date }}",
            "10:11 {{ used | date }} is no value here, and stands as it is: write ${event.used | date}",
        ),
        ("{event.used} of it", "10:11 {event.used} is no value here, and stands as it is: write ${event.used}"),
        ("so **$event.used** now", "10:14 **$event.used** is Markdown, and stands as it is: in Slack bold is *…*"),
        (
            "[Open](https://crm.example/$event.customer)",
            "10:11 [Open](https://crm.example/$event.custo… is Markdown, and stands as it is:"
            " in Slack a link is <address|words>",
        ),
        (
            "one\n## Over the limit",
            "11:1 ## is Markdown, and stands as it is: in Slack there are no headings but `title`, and bold is *…*",
        ),
        ("~~gone~~", "10:11 ~~gone~~ is Markdown, and stands as it is: in Slack struck out is ~…~"),
    ],
)
def test_what_would_be_shown_as_it_is_is_noticed(tmp_path: Path, text: str, words: str) -> None:
    assert in_text(tmp_path, text) == [f"warning {words}"]


@pytest.mark.parametrize(
    "text",
    [
        "${event.used} of *it*, ~no~, _so_",
        "2 ** 3 and a*b**c",
        "<https://crm.example/$event.customer|Open>",
        "#alerts is #1 [of (it)]",
        "see [1] (page 2)",
        '$entity.customer["name"](x)',
        "{used}",
    ],
)
def test_what_is_ours_or_plain_is_not(tmp_path: Path, text: str) -> None:
    assert in_text(tmp_path, text) == []


def test_the_key_of_a_declaration_is_looked_at_too(tmp_path: Path) -> None:
    words = "{{ customer }} is no value here, and stands as it is: write ${event.customer}"
    assert said(tmp_path, event='[idempotency]\nkey = "a:{{ customer }}:$event.used"\n') == [f"warning 13:10 {words}"]
