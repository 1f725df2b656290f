"""Messages within Slack's limits, whatever an event holds."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestlayer_cli.destinations.slack import kit as kit
from ingestlayer_cli.destinations.slack.text import clip, escape
from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from tests.support.bench import DESTINATION, all_text, texts
from tests.support.blocks import MAX_BLOCKS_WEIGHT, length, mentions, problems, weight

Composed = Callable[[dict[str, Any]], dict[str, Any]]

FORM = DESTINATION + (
    'mention = "$event.owner"\n[destinations.message]\n'
    'title = "$event.v"\ntext = "$event.v"\ncontext = "$event.v"\n'
    'buttons = [{ text = "$event.v", url = "https://x.example/$event.v" }, { text = "Go", url = "$event.v" }]\n'
    "[destinations.message.fields]\n" + "".join(f'"F{n} <a & b>" = "$event.v"\n' for n in range(60))
)
OWN = DESTINATION + 'mention = "$event.owner"\n[destinations.message]\nblocks = "own.json"\n'
TEXT = DESTINATION + '[destinations.message]\ntext = "$event.v"\n'
MARKUP = DESTINATION + (
    '[destinations.message]\ntext = "<$event.v|see> <https://x.example/$event.v|$event.v> <@$event.v> <!$event.v>"\n'
    'title = "<!date^$event.v^{date}|$event.v> & <$event.v>"\n'
)


def own_blocks() -> list[dict[str, Any]]:
    """Blocks of every kind that hold values."""
    words = {"type": "plain_text", "text": "$event.v"}
    text = {"type": "mrkdwn", "text": "> $event.v <$event.v|x> & <"}
    confirm = {"title": words, "text": words, "confirm": words, "deny": words}
    button = {"type": "button", "text": words, "url": "$event.v", "action_id": "a"}
    second = {"type": "button", "text": words, "url": "https://x.example/$event.v", "confirm": confirm}
    image = {"type": "image", "image_url": "https://x.example/$event.v", "alt_text": "$event.v"}
    leaves = [
        {"type": "text", "text": "$event.v"},
        {"type": "link", "url": "$event.v", "text": "$event.v"},
        {"type": "user", "user_id": "$event.owner_id"},
    ]
    return [
        {"type": "header", "text": words},
        {"type": "section", "text": text, "accessory": image},
        {"type": "section", "fields": [text] * 10},
        {"type": "context", "elements": [image, text, text]},
        {"type": "actions", "elements": [button, second]},
        {**image, "title": words},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": leaves}]},
        {"type": "divider"},
    ]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    root = tmp_path_factory.mktemp("limits")
    (root / "pipelines").mkdir()
    (root / "ingestlayer.toml").write_text('[slack]\nconnection = "bot"\n[events]\nundeclared = "accept"\n')
    (root / "own.json").write_text(json.dumps(own_blocks()))
    for name, text in {"default": DESTINATION, "form": FORM, "own": OWN, "markup": MARKUP, "text": TEXT}.items():
        (root / "pipelines" / f"{name}.toml").write_text(f'match = ["{name}"]\n{text}')
    with Runtime(load(str(root), keep=False), keep=False) as runtime:
        yield runtime


def composed(runtime: Runtime, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the body that an event makes in the pipeline of that name."""
    document, _ = flow.preview(runtime, Raw(kind, payload))
    (run,) = document["runs"]
    assert run["outcome"] == "queued", run["reason"]
    body: dict[str, Any] = run["messages"][0]["body"]
    return body


# Whatever comes

HOSTILE = st.sampled_from(
    [
        *(
            "<!channel>",
            "<@U024BE7LH>",
            "<https://evil.example|x>",
            "&amp;",
            "&amp",
            "&lt;!here&gt;",
            "<",
            ">",
            "&",
            "|",
        ),
        *("*", "_", "~", "`", "```", "> ", "\n", "\r\n", "\t", " ", '"', "\\", "$event.v", "${event.v}", "$$", "^"),
        *(
            "👩‍👩‍👧‍👦",
            "🏳️‍🌈",
            "🇩🇪🇫🇷",
            "👍🏽",
            "1️⃣",
            "é́́",
            "אבג",
            "مرحبا",
            "\u202e",
            "\u2066",
            "\u200f",
            "\u2028",
            "\ufeff",
        ),
        *(
            "\x00",
            "\x02",
            "\x03",
            "\x04",
            "\x1b[31m",
            "\x7f",
            "\x9b",
            "\ufffe",
            "𝕏",
            "https://x.example/",
            "mailto:a@b",
            "!",
        ),
    ]
)
PIECES = st.lists(HOSTILE | st.text(max_size=12), max_size=30).map("".join)
TEXTS = st.builds(lambda piece, times: (piece * times)[:9_000], PIECES, st.sampled_from([1, 1, 3, 40, 400]))
VALUES = TEXTS | st.none() | st.integers(-(2**63), 2**63) | st.booleans() | st.lists(TEXTS, max_size=3)
LEISURELY = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("kind", ["default", "form", "own", "markup"])
@LEISURELY
@given(value=TEXTS)
def test_any_text_makes_a_message_that_slack_takes(runtime: Runtime, kind: str, value: str) -> None:
    assert problems(composed(runtime, kind, {"v": value, "owner": value})) == []


@pytest.mark.parametrize("kind", ["default", "form"])
@LEISURELY
@given(value=TEXTS)
def test_no_text_mentions_anybody_or_forges_a_link(runtime: Runtime, kind: str, value: str) -> None:
    assert mentions(composed(runtime, kind, {"v": value})) == []


@LEISURELY
@given(value=TEXTS)
def test_no_text_leaves_its_place_in_an_authors_markup(runtime: Runtime, value: str) -> None:
    allowed = re.compile(r"<(https?://x\.example/[^|]*\|.*|https?://[^|]*(\|see)?|mailto:[^|]*(\|see)?|@[A-Z0-9]+)>")
    for mention in mentions(composed(runtime, "markup", {"v": value})):
        assert allowed.fullmatch(mention) or mention.startswith("<!date^"), mention
        assert not mention.startswith(("<!channel", "<!here", "<!everyone"))


@LEISURELY
@given(payload=st.dictionaries(PIECES | st.text(min_size=1, max_size=3000), VALUES, max_size=60))
def test_any_fields_make_a_message_that_slack_takes(runtime: Runtime, payload: dict[str, Any]) -> None:
    assert problems(composed(runtime, "default", payload)) == []


@LEISURELY
@given(count=st.integers(0, 400), value=TEXTS)
def test_any_number_of_fields_makes_a_message_that_slack_takes(runtime: Runtime, count: int, value: str) -> None:
    body = composed(runtime, "default", {f"field_{number}": value[:400] for number in range(count)})
    assert problems(body) == []
    shown = sum(len(block.get("fields", ())) for block in body["blocks"])
    left_out = re.search(
        r"… (\d+) more (?:fields?|blocks?), `ingestlayer events show evt_\w+`", all_text(body["blocks"])
    )
    assert shown == count or left_out


@LEISURELY
@given(text=TEXTS, limit=st.integers(20, 400))
def test_a_cut_keeps_a_start_of_the_text_within_the_limit(text: str, limit: int) -> None:
    escaped = escape(text)
    cut = clip(escaped, limit, "`way`")
    assert length(cut) <= limit
    if cut != escaped:
        assert escaped.startswith(cut[: cut.rindex("…")])


# Each limit, by visible truncation

WAY = r"`ingestlayer events show evt_\w{26}`"
MORE = re.compile(rf"… ([\d,]+) more characters, {WAY}$")


@pytest.fixture
def compose(runtime: Runtime) -> Composed:
    return lambda payload: composed(runtime, "default", payload)


def test_a_small_message_is_left_alone(compose: Composed) -> None:
    assert "…" not in all_text(compose({"a": "b" * 1900})["blocks"])


def test_a_long_value_says_how_much_is_missing_and_where_it_is(compose: Composed) -> None:
    field = compose({"name": "x" * 3000})["blocks"][1]["fields"][0]["text"]
    said = MORE.search(field)
    assert said is not None
    assert field.count("x") + int(said[1].replace(",", "")) == 3000
    assert length(field) == 2000


def test_what_is_missing_is_counted_as_it_is_read(compose: Composed) -> None:
    field = compose({"name": "&" * 3000})["blocks"][1]["fields"][0]["text"]
    said = MORE.search(field)
    assert said is not None
    assert field.count("&amp;") + int(said[1].replace(",", "")) == 3000


def test_a_section_holds_3000_characters(runtime: Runtime) -> None:
    section = composed(runtime, "text", {"v": "x" * 3000})["blocks"][1]["text"]["text"]
    assert section == "x" * 3000
    section = composed(runtime, "text", {"v": "x" * 3001})["blocks"][1]["text"]["text"]
    assert 2990 < length(section) <= 3000
    assert MORE.search(section)


def test_a_long_title_is_cut_and_the_message_says_where_it_is(runtime: Runtime) -> None:
    blocks = composed(runtime, "form", {"v": "x" * 160})["blocks"]
    assert length(blocks[0]["text"]["text"]) == 150
    assert blocks[0]["text"]["text"].endswith("x…")
    assert re.search(rf"… shortened, {WAY}", all_text(blocks))


def test_a_long_label_is_cut(runtime: Runtime) -> None:
    blocks = composed(runtime, "form", {"v": "x" * 80})["blocks"]
    actions = next(block for block in blocks if block["type"] == "actions")
    assert actions["elements"][0]["text"]["text"] == "x" * 74 + "…"


def test_forty_fields_are_shown_in_sections_of_ten(compose: Composed) -> None:
    blocks = compose({f"f{n}": n for n in range(40)})["blocks"]
    assert [len(block["fields"]) for block in blocks[1:-1]] == [10] * 4


def test_more_fields_are_counted(compose: Composed) -> None:
    assert re.search(rf"… 1 more field, {WAY}", all_text(compose({f"f{n}": n for n in range(41)})["blocks"]))
    assert re.search(rf"… 1,160 more fields, {WAY}", all_text(compose({f"f{n}": n for n in range(1200)})["blocks"]))


def test_the_whole_counts_its_containers_as_slack_does(compose: Composed) -> None:
    blocks = compose({f"f{n}": "x" * 290 for n in range(40)})["blocks"]
    assert MAX_BLOCKS_WEIGHT - 3500 < weight(blocks) <= MAX_BLOCKS_WEIGHT


def test_short_values_stay_whole_beside_a_long_one(compose: Composed) -> None:
    payload = {**{f"f{n}": "x" * 1900 for n in range(8)}, "customer_id": "acme"}
    assert "*customer_id*\nacme" in list(texts(compose(payload)["blocks"]))


def test_hundreds_of_long_fields_still_say_where_the_whole_is(compose: Composed) -> None:
    body = compose({f"f{n}": '"' * 1200 for n in range(400)})
    assert problems(body) == []
    assert re.search(WAY, all_text(body["blocks"]))
    assert body["metadata"]["event_payload"]["event_id"] in all_text(body["blocks"])


def test_fifty_blocks_and_a_mention_are_fifty(tmp_path: Path) -> None:
    blocks = kit.fit([{"type": "divider"}] * 50 + [kit.section("cc")], "`way`")
    assert len(blocks) == 50
    assert blocks[-1]["elements"][0]["text"] == "… 2 more blocks, `way`"


@pytest.mark.parametrize("entity", ["&", "<", ">"])
def test_a_cut_never_splits_an_entity(entity: str) -> None:
    text = escape("ab" + entity * 200)
    for limit in range(20, 120):
        kept = clip(text, limit).removesuffix("…")
        assert re.fullmatch(r"ab(&(amp|lt|gt);)*", kept)
        assert length(kept) > limit - 7


def test_a_cut_never_splits_a_link() -> None:
    text = "ab <https://x.example/long|label> " * 20
    for limit in range(20, 120):
        kept = clip(text, limit).removesuffix("…")
        assert kept.count("<") == kept.count(">")


@pytest.mark.parametrize("after", ["\u0301", "\u200d", "\ufe0f", "👍🏽"])
def test_an_entity_before_a_joined_character_is_not_split_either(after: str) -> None:
    text = escape(("&" + after) * 100)
    for limit in range(20, 120):
        assert re.fullmatch(rf"(&amp;({after})?)*", clip(text, limit).removesuffix("…"))


@pytest.mark.parametrize("cluster", ["👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "1️⃣", "e\u0301", "𝕏"])
def test_a_cut_never_splits_what_is_one_character_to_a_reader(cluster: str) -> None:
    text = cluster * 100
    for limit in range(30, 90):
        kept = clip(text, limit).removesuffix("…")
        assert kept == cluster * (len(kept) // len(cluster))
        assert length(kept) > limit - 1 - 2 * length(cluster)
