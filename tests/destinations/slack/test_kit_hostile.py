"""Random events with hostile texts, through every pipeline there is, are taken by Slack's strict stand-in.

HOSTILE_EVENTS sets how many go through each pipeline; their seed is fixed.
"""

import json
import os
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ingestlayer_cli import recipes
from ingestlayer_cli.destinations.slack.text import escape, size
from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.declarations import Declaration
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.system.errors import RejectedError
from tests.support import ROOT
from tests.support.bench import TOKEN
from tests.support.blocks import MAX_BLOCKS_WEIGHT, mentions, refusal, weight
from tests.support.program import ingestlayer
from tests.support.standin import SlackStandin

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/ingestlayer.toml"))
PROJECTS = [*EXAMPLES, *recipes.names()]
EVENTS = int(os.environ.get("HOSTILE_EVENTS", "800"))
RECIPE_EVENTS = int(os.environ.get("HOSTILE_EVENTS", "120"))  # there are many recipes
RICH_EVENTS = int(os.environ.get("HOSTILE_EVENTS", "120"))  # each takes as long as ten others
SENT = 25  # over real HTTP

PIECES = [
    *("<!channel>", "<!here>", "<!everyone>", "<@U024BE7LH>", "<#C024BE7LH>", "<!subteam^S024BE7LH>", "@channel"),
    *("<https://evil.example|x>", "https://evil.example/", "<mailto:evil@evil.example>", "[x](https://evil.example)"),
    *("&", "&amp;", "&amp", "&lt;!here&gt;", "&#60;", "<", ">", "<<", ">>>", "|", "<https://evil.example", "!channel>"),
    *("*", "_", "~", "`", "```", "*bold", "_x*", "> quote", "\n", "\n>", "\r\n", "\t", " ", "…", '"', "\\", "\\n"),
    *("$event.name", "${event.name}", "$$", "${", "$item", "{{x}}", "%s", "../", "javascript:alert(1)"),
    *("👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪🇫🇷", "👍🏽", "1️⃣", "é́́", "𝕏", ":rotating_light:", "::", "ﷺ"),
    *("אבג", "مرحبا", "\u202e", "\u2066", "\u200f", "\u2028", "\u2029", "\ufeff", "\u200d", "\u0301"),
    *("\x00", "\x02", "\x03", "\x04", "\x08", "\x1b[31m", "\x7f", "\x85", "\x9b", "\ufffe", "\uffff", "\U0010ffff"),
    *("a", "acme", "Acme Inc", "word ", "0", "-1", "1e400", "2026-11-03", "U024BE7LH", "true", "null", ""),
]
# What a pipeline's author may write as a link; nothing of an event stands before its host, or it shows itself whole.
WRITTEN = re.compile(r"<https://crm\.example/[^<>|\s]*(\|[^<>]*)?>|<https?://[^<>|\s]+>")
WHOLE = re.compile(r"<[^<>]*>|&(amp|lt|gt);")
HALF = re.compile(r"[&<]")  # beside what is whole


class Hostile:
    """Values that try to be more than texts."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, long: float = 0.02) -> str:
        pick = self.random.random
        found = "".join(self.random.choices(PIECES, k=self.random.randrange(1, 9)))
        if pick() < long:  # so long that it is cut, somewhere inside one of the pieces
            piece = self.random.choice(PIECES[:45]) or "x"
            found += piece * (self.random.choice((80, 160, 320, 1_100, 3_100, 9_000)) // len(piece))
        return "x" * self.random.randrange(5) + found

    def value(self, depth: int = 0) -> Any:
        kind = self.random.randrange(9 if depth < 3 else 6)
        if kind < 3:
            return self.text()
        if kind < 6:
            return self.random.choice([0, -1, 1.5, 10**18, 1e-9, True, False, None])
        if kind < 8:
            return self.items(depth + 1)
        return {self.text()[:40]: self.value(depth + 1) for _ in range(self.random.randrange(4))}

    def items(self, depth: int = 0) -> list[Any]:
        count = self.random.choice((0, 1, 2, 3, 5, 9, 10, 11, 12, 26, 60) if depth == 0 else (0, 0, 1, 3))
        return [self.item(depth) for _ in range(count)]

    def item(self, depth: int) -> Any:
        if self.random.random() < 0.4:
            return self.text()
        return {
            "name": self.text(),
            "count": self.random.randrange(-5, 10**6),
            "url": self.random.choice(["https://crm.example/a", "javascript:x", "", self.text()]),
            "lines": self.items(depth + 1) if depth < 2 else None,
        }

    def field(self, kind: str, values: list[Any] | None) -> Any:
        if values:
            return self.random.choice(values)
        if kind in ("number", "integer"):
            return self.random.choice([0, 1, 99, 100, 10_000, -3, 10**15])
        known = {"boolean": True, "date": "2026-11-03", "datetime": "2026-11-03T09:30:00Z"}
        if kind in known:
            return known[kind]
        if kind == "array":
            return self.items()
        return {"name": self.text(), "x": self.value(1)} if kind == "object" else self.text(0.2)

    def payload(self, declaration: Declaration) -> dict[str, Any]:
        fields = declaration.fields.values()
        found = {
            field.name: self.field(field.type, field.values)
            for field in fields
            if not field.optional or self.random.random() < 0.7
        }
        for field in fields:  # a number of a range is as its example has it, one time in two
            example = (declaration.example or {}).get(field.name)
            if example is not None and self.random.random() < (0.5 if field.type != "string" else 0.1):
                found[field.name] = example
            if field.max_length is not None and isinstance(found.get(field.name), str):
                found[field.name] = found[field.name][: field.max_length]
        return found


# A pipeline that uses all of a blocks file ------------------------------------------------------------------

MRKDWN = {
    "type": "mrkdwn",
    "text": "*$item.name* ${item.count | number} <https://crm.example/$item.name|$item.name> $item",
}
PLAIN = {"type": "plain_text", "text": "$item.name"}
LEAVES = [
    {"type": "text", "repeat": "$item.lines", "text": "$item.name, "},
    {"type": "link", "url": "$item.url", "text": "$item.name"},
    {"type": "user", "user_id": "$item.name"},
    {"type": "emoji", "name": "$item.name"},
]
RICH = [
    {"type": "header", "text": {"type": "plain_text", "text": "> $event.name"}},
    {"type": "section", "repeat": "$event.few", "block_id": "row", "text": MRKDWN},
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "$event.name & <https://crm.example/$event.id|$event.name>"},
        "fields": [{"type": "mrkdwn", "text": "$event.name"}, {"repeat": "$event.items", **MRKDWN}],
        "accessory": {"type": "image", "image_url": "$event.id", "alt_text": "$event.name"},
    },
    {"type": "divider"},
    {
        "type": "context",
        "elements": [
            {"type": "image", "repeat": "$event.items", "image_url": "$item.url", "alt_text": "$item.name"},
            {"repeat": "$event.traits", "type": "mrkdwn", "text": "$item.name: $item.value"},
        ],
    },
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "repeat": "$event.items",
                "text": PLAIN,
                "url": "https://crm.example/$item.name",
                "action_id": "open",
                "value": "$item.name",
            }
        ],
    },
    {"type": "image", "repeat": "$event.few", "image_url": "https://crm.example/$item.name", "alt_text": "$item.name"},
    {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_list",
                "style": "bullet",
                "elements": [{"type": "rich_text_section", "repeat": "$event.items", "elements": LEAVES}],
            },
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": "$event.name & <"}]},
        ],
    },
    {"type": "section", "repeat": "$event.items", "fields": [{"repeat": "$item.lines", **MRKDWN}]},
    {"type": "context", "elements": [{"type": "mrkdwn", "text": "the end"}]},
]
RICH_FILES = {
    "ingestlayer.toml": '[slack]\nconnection = "bot"\n',
    "events/order.toml": (
        'type = "order"\n[fields]\nid = "string"\nname = "string"\nitems = "array?"\nfew = "array?"\n'
        'traits = "object?"\nowner = "string?"\n'
    ),
    "rich.json": json.dumps(RICH),
    "pipelines/rich.toml": (
        '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\nmention = "$event.owner"\nusername = "$event.name"\n'
        'icon = ":package:"\nunfurl = false\n[destinations.message]\ntitle = "$event.name"\ntext = "$event.id"\n'
        'blocks = "rich.json"\n'
    ),
    "pipelines/plain.toml": '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n',
}


def rich_project(root: Path, settings: str | None = None) -> Path:
    for name, text in RICH_FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(settings or text if name == "ingestlayer.toml" else text)
    return root


def texts_of(data: Any) -> Iterator[str]:
    """Yield every text in which Slack reads markup."""
    if isinstance(data, list):
        for item in data:
            yield from texts_of(item)
    elif isinstance(data, dict):
        if data.get("type") in ("mrkdwn", "plain_text"):
            yield data["text"]
        else:
            for value in data.values():
                yield from texts_of(value)


def objects_of(data: Any) -> Iterator[dict[str, Any]]:
    if isinstance(data, list):
        for item in data:
            yield from objects_of(item)
    elif isinstance(data, dict):
        yield data
        for value in data.values():
            yield from objects_of(value)


def check(body: dict[str, Any]) -> None:
    """Hold a message to what no event may break."""
    refused = refusal(body)
    assert refused is None, refused
    # A `cc` is its pipeline's will; texts of rich text are literal, and its links and users its author's.
    shown = [block for block in body["blocks"] if block["type"] != "rich_text" and not _is_mention(block)]
    assert [markup for markup in mentions({**body, "blocks": shown}) if not WRITTEN.fullmatch(markup)] == []
    assert not any(item.get("type") == "broadcast" for item in objects_of(body["blocks"]))
    for text in texts_of(body["blocks"]):
        assert not HALF.search(WHOLE.sub("", text)), text[-200:]
    for item in objects_of(body["blocks"]):
        assert item.get("type") != "mrkdwn" or item.get("verbatim") is True  # else Slack reads names and links in it
        # No pipeline leaves a button's whole address to an event.
        assert item.get("type") != "button" or urlsplit(item["url"]).hostname != "evil.example"
    json.dumps(body, ensure_ascii=False).encode()  # half a surrogate cannot be written


def _is_mention(block: dict[str, Any]) -> bool:
    return re.match(r"(.*\n)?cc ", str(block.get("text", {}).get("text", "")), re.DOTALL) is not None


def previewed(runtime: Runtime, type_: str, payload: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (pipeline, body) of every message of an event to Slack."""
    try:
        document, _ = flow.preview(runtime, Raw(type_, payload, "key"))
    except RejectedError as error:
        if error.kind == "size":
            return
        raise
    for run in document["runs"]:
        assert run["outcome"] != "failed" or "channel" in run["reason"], run["reason"]
        for message in run["messages"]:
            if message["destination"] == "slack":
                yield run["pipeline"], message["body"]


@pytest.mark.parametrize("source", PROJECTS, ids=lambda source: getattr(source, "name", source))
def test_hostile_events_through_every_pipeline_are_taken(source: Path | str, tmp_path: Path) -> None:
    root = tmp_path / "project"
    if isinstance(source, Path):
        shutil.copytree(source, root, ignore=shutil.ignore_patterns(".ingestlayer"))
    else:
        recipes.write(source, str(root))
    count = EVENTS if isinstance(source, Path) else RECIPE_EVENTS
    settings = root / "ingestlayer.toml"
    settings.write_text(settings.read_text().replace('connection = "terminal"', 'connection = "bot"'))
    hostile = Hostile(PROJECTS.index(source))
    with Runtime(load(str(root), keep=False), keep=False) as runtime:
        composed = 0
        for number in range(count):
            type_ = runtime.project.types[number % len(runtime.project.types)]
            declaration = runtime.project.declaration(type_)
            assert declaration is not None
            for _, body in previewed(runtime, type_, hostile.payload(declaration)):
                check(body)
                composed += 1
    assert composed


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    root = rich_project(tmp_path_factory.mktemp("rich"))
    with Runtime(load(str(root), keep=False), keep=False) as runtime:
        yield runtime


def test_hostile_events_through_a_rich_blocks_file_are_taken(rich: Runtime) -> None:
    hostile = Hostile(7)
    declaration = rich.project.declaration("order")
    assert declaration is not None
    for _ in range(RICH_EVENTS):
        for _, body in previewed(rich, "order", hostile.payload(declaration)):
            check(body)


@pytest.mark.parametrize("piece", ["&", "<!channel>", "𝕏", "👩‍👩‍👧‍👦", "🇩🇪", "<https://evil.example|x>", "é́"])
def test_a_value_that_is_cut_at_any_place_is_cut_visibly_and_whole(rich: Runtime, piece: str) -> None:
    for length in range(2_900, 3_010, 3):
        payload = {"id": "a", "name": "n", "few": ["x" * (length % 7) + piece * (length // len(escape(piece)))]}
        for pipeline, body in previewed(rich, "order", payload):
            check(body)
            if pipeline == "rich":
                text = next(text for text in texts_of(body["blocks"]) if text.startswith("**"))
                whole = f"** {0} " if False else payload["few"][0]
                assert "…" in text or escape(whole) in text
                assert size(text) <= 3_000


def test_long_lists_are_cut_and_counted(rich: Runtime) -> None:
    payload = {
        "id": "a",
        "name": "n",
        "items": [{"name": f"item {n}", "url": "https://crm.example/"} for n in range(500)],
    }
    (body,) = [body for pipeline, body in previewed(rich, "order", payload) if pipeline == "rich"]
    check(body)
    assert weight(body["blocks"]) <= MAX_BLOCKS_WEIGHT
    words = "\n".join(item["text"] for item in objects_of(body["blocks"]) if isinstance(item.get("text"), str))
    for count in re.findall(r"… ([\d,]+) more", words):
        assert int(count.replace(",", "")) > 0
    assert "more" in words


def test_hostile_events_reach_slack_over_http(tmp_path: Path) -> None:
    hostile = Hostile(11)
    with SlackStandin() as slack:
        settings = f'[slack]\nconnection = "bot"\napi_url = "{slack.url}"\npace = "0s"\n'
        root = rich_project(tmp_path / "project", settings)
        with Runtime(load(str(root), keep=False), keep=False) as runtime:
            declaration = runtime.project.declaration("order")
        assert declaration is not None
        lines = [{"type": "order", "payload": hostile.payload(declaration)} for _ in range(SENT)]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        env = {"SLACK_BOT_TOKEN": TOKEN}
        result = ingestlayer("emit", "--batch", "-", "--json", "--wait", "60s", cwd=root, stdin=text.encode(), env=env)
        assert (result.code, result.json["deliveries"]["delivered"]) == (0, 2 * SENT), result
        for message in slack.messages:
            check(message.body)
