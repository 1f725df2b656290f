"""Blocks of an author's file: what repeats, what is cut, what is refused; who a message is from."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.project import load
from tests.support.bench import DESTINATION, TOKEN, Bench, all_text, texts
from tests.support.blocks import mentions, problems

Laid = Callable[..., list[dict[str, Any]]]

SAID = {"type": "mrkdwn", "text": "$item.name: $item.count"}
ROW = {"type": "section", "repeat": "$event.items", "text": SAID}
ITEMS = [{"name": "one", "count": 1}, {"name": "two", "count": 2}]


def words(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def shown(blocks: list[dict[str, Any]]) -> list[str]:
    return list(texts(blocks))


@pytest.fixture
def laid(tmp_path: Path) -> Laid:
    """Return the blocks that an event makes of a file's; Slack must take them."""

    def compose(blocks: list[dict[str, Any]], destination: str = "", **payload: Any) -> list[dict[str, Any]]:
        body = composed(tmp_path, blocks, destination, payload)
        assert problems(body) == []
        found: list[dict[str, Any]] = body["blocks"]
        return found

    return compose


def composed(root: Path, blocks: Any, destination: str, payload: dict[str, Any], connection: str = "bot") -> Any:
    (root / "pipelines").mkdir(exist_ok=True)
    (root / "ingestlayer.toml").write_text(f'[slack]\nconnection = "{connection}"\n[events]\nundeclared = "accept"\n')
    (root / "b.json").write_text(json.dumps(blocks))
    text = f'{DESTINATION}{destination}\n[destinations.message]\nblocks = "b.json"\n'
    (root / "pipelines" / "alert.toml").write_text(text)
    with Runtime(load(str(root), keep=False), keep=False) as runtime:
        document, _ = flow.preview(runtime, Raw("order", payload))
    (run,) = document["runs"]
    assert run["outcome"] == "queued", run["reason"]
    return run["messages"][0]["body"]


# Repeating


def test_a_block_stands_once_for_each_element(laid: Laid) -> None:
    assert shown(laid([ROW], items=ITEMS)) == ["one: 1", "two: 2"]


def test_the_blocks_around_it_keep_their_places(laid: Laid) -> None:
    blocks = laid([{"type": "divider"}, ROW, {"type": "divider"}], items=ITEMS)
    assert [block["type"] for block in blocks] == ["divider", "section", "section", "divider"]


def test_an_element_that_is_a_text_or_a_number_is_item_itself(laid: Laid) -> None:
    assert shown(laid([{**ROW, "text": words("- $item")}], items=["a", 2, True])) == ["- a", "- 2", "- true"]


def test_an_object_repeats_over_its_pairs(laid: Laid) -> None:
    block = {"type": "section", "fields": [{"repeat": "$event.traits", **words("$item.name = $item.value")}]}
    assert shown(laid([block], traits={"plan": "pro", "seats": 5})) == ["plan = pro", "seats = 5"]


def test_context_elements_and_buttons_repeat(laid: Laid) -> None:
    button = {
        "type": "button",
        "repeat": "$event.items",
        "text": {"type": "plain_text", "text": "$item.name"},
        "url": "https://crm.example/$item.name",
    }
    context = {"type": "context", "elements": [words("of"), {"repeat": "$event.items", **words("$item.name")}]}
    blocks = laid([context, {"type": "actions", "elements": [button]}], items=ITEMS)
    assert shown(blocks[:1]) == ["of", "one", "two"]
    assert [element["url"][-3:] for element in blocks[1]["elements"]] == ["one", "two"]


def test_items_of_a_rich_text_list_repeat(laid: Laid) -> None:
    leaf = {"type": "text", "text": "$item.name & <b>"}
    item = {"type": "rich_text_section", "repeat": "$event.items", "elements": [leaf]}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [item]}]}
    assert shown(laid([rich], items=ITEMS)) == ["one & <b>", "two & <b>"]


def test_an_inner_item_hides_the_outer_one(laid: Laid) -> None:
    block = {
        "type": "section",
        "repeat": "$event.orders",
        "text": words("$item.name"),
        "fields": [{"repeat": "$item.lines", **words("$item")}],
    }
    orders = [{"name": "A", "lines": ["a1", "a2"]}, {"name": "B", "lines": []}]
    assert shown(laid([block], orders=orders)) == ["A", "a1", "a2", "B"]


@pytest.mark.parametrize("payload", [{}, {"items": None}, {"items": []}, {"items": {}}])
def test_nothing_to_repeat_leaves_the_block_out(laid: Laid, payload: dict[str, Any]) -> None:
    fields = {"type": "section", "fields": [{"repeat": "$event.items", **SAID}]}
    context = {"type": "context", "elements": [{"repeat": "$event.items", **SAID}]}
    item = {"type": "rich_text_section", "repeat": "$event.items", "elements": [{"type": "text", "text": "$item"}]}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [item]}]}
    assert laid([ROW, fields, context, rich, {"type": "divider"}], **payload) == [{"type": "divider"}]


def test_a_section_keeps_its_text_without_fields(laid: Laid) -> None:
    (block,) = laid([{"type": "section", "text": words("a"), "fields": [{"repeat": "$event.items", **SAID}]}])
    assert "fields" not in block


def test_a_message_of_which_nothing_is_left_says_where_the_event_is(laid: Laid) -> None:
    assert re.search("nothing to show, `ingestlayer events show evt_", all_text(laid([ROW])))


@pytest.mark.parametrize("value", ["text", 5, True])
def test_what_is_no_list_says_so_in_its_place(laid: Laid, value: Any) -> None:
    field = {"type": "section", "fields": [{"repeat": "$event.items", **SAID}]}
    assert shown(laid([ROW, field], items=value)) == ["$event.items is no list to repeat over"] * 2


def test_ids_are_made_unique(laid: Laid) -> None:
    blocks = laid([{**ROW, "block_id": "row"}], items=ITEMS)
    assert [block["block_id"] for block in blocks] == ["row", "row-2"]


# Cutting


def numbered(count: int) -> list[dict[str, Any]]:
    return [{"name": f"n{number}", "count": number} for number in range(count)]


def test_more_than_fifty_blocks_are_cut_and_counted_and_the_others_stay(laid: Laid) -> None:
    blocks = laid([{"type": "divider"}, ROW, {"type": "context", "elements": [words("end")]}], items=numbered(70))
    assert len(blocks) == 50
    assert "… 23 more blocks, `ingestlayer events show evt_" in all_text(blocks[-2:-1])
    assert shown(blocks)[-1] == "end"


def test_a_mention_stays_beside_fifty_blocks(laid: Laid) -> None:
    blocks = laid([ROW], 'mention = "U024BE7LH"', items=numbered(70))
    assert len(blocks) == 50
    assert shown(blocks)[-1] == "cc <@U024BE7LH>"


@pytest.mark.parametrize(("kind", "room"), [("section", 10), ("context", 10)])
def test_more_than_fits_a_block_is_cut_and_counted_in_it(laid: Laid, kind: str, room: int) -> None:
    name = "fields" if kind == "section" else "elements"
    (block,) = laid([{"type": kind, name: [{"repeat": "$event.items", **SAID}, words("end")]}], items=numbered(40))
    assert len(block[name]) == room
    assert [item["text"] for item in block[name]][-2:] == ["… 32 more", "end"]


def test_just_what_fits_is_not_cut(laid: Laid) -> None:
    (block,) = laid([{"type": "section", "fields": [{"repeat": "$event.items", **SAID}]}], items=numbered(10))
    assert "…" not in all_text([block])


def test_more_buttons_than_fit_are_counted_beneath(laid: Laid) -> None:
    text = {"type": "plain_text", "text": "$item.name"}
    button = {"type": "button", "repeat": "$event.items", "text": text, "url": "https://a.example/", "action_id": "a"}
    blocks = laid([{"type": "actions", "elements": [button]}], items=numbered(30))
    assert len(blocks[0]["elements"]) == 25
    assert "… 5 more buttons" in all_text(blocks[1:])


def test_two_lists_in_a_block_share_its_room(laid: Laid) -> None:
    elements = [{"repeat": f"$event.{name}", **words("$item")} for name in ("a", "b")]
    (block,) = laid([{"type": "context", "elements": elements}], a=["x"] * 20, b=["y"] * 3)
    assert shown([block]) == [
        *"xxxxxx"[: block["elements"].index(words("… 14 more") | {"verbatim": True})],
        "… 14 more",
        "y",
        "y",
        "y",
    ]


def test_a_list_of_any_length_is_laid_out_at_once(laid: Laid) -> None:
    inner = {"type": "section", "repeat": "$event.items", "fields": [{"repeat": "$event.items", **words("$item")}]}
    blocks = laid([inner], items=list(range(50_000)))
    assert "more" in all_text(blocks)


def test_long_rich_text_is_shortened_visibly_and_stays_literal(laid: Laid) -> None:
    leaf = {"type": "text", "text": "$item & <!channel>"}
    item = {"type": "rich_text_section", "repeat": "$event.items", "elements": [leaf]}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [item]}]}
    blocks = laid([rich], items=["&" * 2_000] * 20)
    assert all("…" in text and "&amp;" not in text for text in shown(blocks[:1]))


# What a value may not become


def test_a_value_in_a_plain_word_is_no_mention_or_link_to_slack(laid: Laid) -> None:
    (block,) = laid([{"type": "section", "text": words("$event.v")}], v="@here https://evil.example <!channel>")
    assert block["text"]["verbatim"] is True
    assert mentions({"text": "x", "blocks": [block]}) == []


def test_an_author_may_say_otherwise(laid: Laid) -> None:
    (block,) = laid([{"type": "section", "text": {**words("$event.v"), "verbatim": False}}], v="x")
    assert block["text"]["verbatim"] is False


def test_an_id_in_rich_text_that_is_none_is_plain_words(laid: Laid) -> None:
    leaves = [{"type": "user", "user_id": "$event.v"}, {"type": "emoji", "name": "$event.v"}]
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": leaves}]}
    (block,) = laid([rich], v="<!channel> x")
    assert block["elements"][0]["elements"] == [{"type": "text", "text": "<!channel> x"}] * 2


def test_a_button_whose_link_slack_refuses_is_noted_beneath(laid: Laid) -> None:
    button = {"type": "button", "repeat": "$event.items", "text": {"type": "plain_text", "text": "Go"}, "url": "$item"}
    blocks = laid([{"type": "actions", "elements": [button]}], items=["https://a.example/", "javascript:x"])
    assert len(blocks[0]["elements"]) == 1
    assert "no button “Go”: its link is no http(s) address" in all_text(blocks[1:])


# Checking

HEADER = {"type": "header", "text": {"type": "plain_text", "text": "x"}}


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([{"type": "secton", "text": words("a")}], '/0/type: unknown block "secton" (did you mean "section"?)'),
        ([{"type": "section", "txt": words("a")}], 'unknown key "txt" of section (did you mean "text"?)'),
        ([{"type": "section"}], 'section needs "text" or "fields"'),
        ([{"type": "header", "text": words("a")}], '/0/text/type: unknown text "mrkdwn": there are plain_text'),
        ([{"type": "image", "image_url": "https://a.example/"}], 'image needs "alt_text"'),
        ([{"type": "context", "elements": []}], "/0/elements: must be a list with something in it"),
        ([{"type": "section", "fields": [words("a")] * 11}], "/0/fields: has 11 items; section takes 10"),
        ([{"type": "section", "text": words("$item.name")}], "/0/text/text: $item.name stands outside a `repeat`"),
        ([{**HEADER, "repeat": "$item.lines"}], "/0/repeat: $item.lines stands outside a `repeat`"),
        ([{**HEADER, "repeat": "items"}], '/0/repeat: must be one ref to a list, like "$event.items"'),
        ([{**HEADER, "repeat": "$event.a $event.b"}], "/0/repeat: must be one ref"),
        ([{**HEADER, "repeat": "${event.a | json}"}], "/0/repeat: must be one ref"),
        ([{**HEADER, "text": {**HEADER["text"], "repeat": "$event.a"}}], "/0/text/repeat: only an object of a list"),  # type: ignore[dict-item]
        ([{"type": "$event.type"}], "unknown block of a template"),
        (
            [{"type": "section", "text": words("a"), "accessory": {"type": "button", "style": "$event.s"}}],
            'button needs "text"; /0/accessory/style: is fixed',
        ),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_place(bench: Bench, blocks: list[Any], said: str) -> None:
    bench.write("b.json", json.dumps(blocks))
    bench.message('blocks = "b.json"')
    result = bench.run("validate")
    assert result.code in (1, 78)
    assert said in " ".join((result.out + result.err).split())


def test_all_mistakes_of_a_file_are_told_at_once(bench: Bench) -> None:
    bench.write("b.json", json.dumps([{"type": "dividr"}, {"type": "headr"}] + [{"type": "x"}] * 8))
    bench.message('blocks = "b.json"')
    said = bench.run("emit", "a").err
    assert "/0/type" in said
    assert "/1/type" in said
    assert "and 5 more problems" in said


# Who it is from

SCOPE = "chat:write.customize"
LOOKS = 'username = "$event.v"\nicon = ":package:"\nunfurl = false\n'


@pytest.fixture
def named(bench: Bench) -> Bench:
    """A project whose token may say who a message is from."""
    bench.slack.tokens[TOKEN] = {*bench.slack.tokens[TOKEN], SCOPE}
    return bench


def test_a_message_has_the_name_and_icon_that_it_is_given(named: Bench) -> None:
    named.pipeline(DESTINATION + LOOKS)
    body = named.body({"v": "Orders <!channel>"})
    assert body["username"] == "Orders ‹!channel›"
    assert body["icon_emoji"] == ":package:"
    assert (body["unfurl_links"], body["unfurl_media"]) == (False, False)


def test_an_icon_may_be_an_address(named: Bench) -> None:
    named.pipeline(DESTINATION + 'icon = "https://a.example/i.png"\n')
    assert named.body()["icon_url"] == "https://a.example/i.png"


def test_without_them_slacks_own_ways_hold(bench: Bench) -> None:
    assert not {"username", "icon_emoji", "icon_url", "unfurl_links", "unfurl_media"} & bench.body().keys()


def test_a_name_that_comes_out_empty_is_the_apps(named: Bench) -> None:
    named.pipeline(DESTINATION + 'username = "$event.nothing"\n')
    assert "username" not in named.body()


def test_a_long_name_is_cut_visibly(named: Bench) -> None:
    named.pipeline(DESTINATION + LOOKS)
    name = named.body({"v": "x" * 200})["username"]
    assert (len(name), name[-1]) == (80, "…")


def test_without_the_scope_the_message_is_posted_under_the_apps_name(bench: Bench) -> None:
    bench.pipeline(DESTINATION + LOOKS)
    result = bench.emit({"v": "Orders"})
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (0, "delivered", 1)
    assert not {"username", "icon_emoji"} & bench.only.body.keys()
    assert bench.only.body["unfurl_links"] is False


def test_a_webhook_gets_none_of_them_and_validate_says_so(hooked: Bench) -> None:
    hooked.pipeline(DESTINATION + 'username = "Orders"\nicon = ":package:"\nunfurl = false\n')
    assert hooked.body().keys() == {"text", "blocks"}
    said = " ".join(hooked.run("validate").out.split())
    for name in ("username", "icon", "unfurl"):
        assert f"{name} is left out: an incoming webhook takes none" in said


@pytest.mark.parametrize("icon", ["rotating_light", "http://a.example/i.png", "https://", ":a b:", ""])
def test_an_icon_that_is_none_is_refused(bench: Bench, icon: str) -> None:
    bench.pipeline(f'{DESTINATION}icon = "{icon}"\n')
    result = bench.run("emit", "a")
    assert (result.code, "icon:" in result.err) == (78, True)


# Drawing


def test_a_preview_draws_images_lists_and_who_it_is_from(bench: Bench) -> None:
    image = {"type": "image", "image_url": "https://a.example/chart.png", "alt_text": "a chart"}
    item = {"type": "rich_text_section", "repeat": "$event.items", "elements": [{"type": "text", "text": "$item"}]}
    blocks = [
        ROW,
        {"type": "divider"},
        image,
        {"type": "context", "elements": [{**image, "alt_text": "small"}, words("beside")]},
        {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [item]}]},
    ]
    bench.write("b.json", json.dumps(blocks))
    bench.message('blocks = "b.json"', DESTINATION + 'username = "Orders"\nicon = ":package:"\n')
    files = [str(bench.root / name) for name in ("p.svg", "p.html")]
    arguments = ("preview", "order", "--data", json.dumps({"items": ["a1", "b2"]}))
    drawn = [bench.run(*arguments).out]
    for option, file in zip(("--svg", "--html"), files, strict=True):
        assert bench.run(*arguments, option, file).code == 0
        drawn.append(Path(file).read_text())
    for text in drawn:
        for part in ("Orders", "📦", "a chart", "https://a.example/chart.png", "small", "beside", "• a1", "• b2", "──"):
            assert part in text, (part, text)
