"""`explain`: the reference."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json

if TYPE_CHECKING:
    from ..model.documents.reference import ExplainDocument
    from ..reference import Topic

WHOLE = 3  # topics that are shown whole; of more a line each
ALSO = 8  # further ones that are named


Asked = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOPIC]...",
        help="A key, table, step, destination, filter, status, exit code, variable, error, word or page; or words of"
        " a text.",
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown; without TOPIC the whole reference.")]


def explain(context: typer.Context, topic: Asked = None, markdown: Markdown = False, json: Json = False) -> int:
    """Explain what may stand in the project's files, and what is printed: every key, step, status, exit code, word.

    ingestlayer explain checks.NAME.rearm
    """
    from ..reference import every, named
    from ..system.console import note, say_json
    from ..system.errors import UsageError

    if markdown and json:
        raise UsageError("--json and --markdown do not go together")
    asked = " ".join(topic or ())
    topics = every()
    exact = named(topics, asked) if asked else []
    found = (exact or _searched(topics, asked)) if asked else topics
    if json:
        document: ExplainDocument = {"topic": asked or None, "topics": [it.document() for it in found]}
        say_json(document)
    elif markdown:
        _print_markdown(found if asked else [it for it in found if it.kind not in ("page", "section")], topics)
    elif not asked:
        _overview(topics)
    else:
        _draw(asked, found, topics, bool(exact))
        if asked in getattr(context.find_root().command, "commands", ()):
            note(f"of the command: ingestlayer {asked} --help")
    return 0


def _searched(topics: "list[Topic]", asked: str) -> "list[Topic]":
    """Return the topics that speak of it; UsageError with the near miss when none does."""
    from ..reference import matching
    from ..system.errors import UsageError, near_miss

    if found := matching(topics, asked):
        return found
    known = {name: topic.name for topic in topics for name in (topic.name.rpartition(".")[2], topic.name)}
    near = near_miss(asked, known)
    hint = "ingestlayer explain lists what there is; of a command `ingestlayer COMMAND --help` tells"
    raise UsageError(f'nothing is known of "{asked}"{near}', hint)


def _overview(topics: "list[Topic]") -> None:
    from ..render.explain import overview
    from ..system.console import note, say

    for line, style in overview([topic.document() for topic in topics]):
        say(line, style)
    note("to read one: ingestlayer explain TOPIC; to look for a word: ingestlayer explain WORD; all: --markdown")


def _draw(asked: str, found: "list[Topic]", topics: "list[Topic]", is_named: bool) -> None:
    from ..reference import matching
    from ..render.explain import listed, whole
    from ..system.console import note, say

    found = _once(found)
    if len(found) > WHOLE:
        for line, style in listed((topic.name, topic.summary) for topic in found):
            say(line, style)
        note(f"to read one: ingestlayer explain {found[0].name}")
        return
    by_name = {topic.name: topic.document() for topic in topics}
    for topic in found:
        for line, style in whole(topic.document(), by_name):
            say(line, style)
    shown = {name for topic in found for name in (topic.name, *topic.keys)}
    also = [topic.name for topic in matching(topics, asked) if topic.name not in shown] if is_named else []
    if also:
        more = f" and {len(also) - ALSO} more" if len(also) > ALSO else ""
        note(f"see also: {', '.join(also[:ALSO])}{more}")


def _once(found: "list[Topic]") -> "list[Topic]":
    """Leave out what says the same of another place: [alerts] has all that destinations have."""
    said: dict[tuple[str, str], Topic] = {}
    for topic in sorted(found, key=lambda it: it.name.startswith("alerts.")):
        said.setdefault((topic.name.rpartition(".")[2], topic.text), topic)
    return list(said.values())


def _print_markdown(found: "list[Topic]", topics: "list[Topic]") -> None:
    from ..render.explain import markdown
    from ..system.console import say, speak_utf8

    speak_utf8()
    lines: Iterator[str] = markdown([it.document() for it in found], {it.name: it.document() for it in topics})
    for line in "\n".join(lines).rstrip().split("\n"):
        say(line)
