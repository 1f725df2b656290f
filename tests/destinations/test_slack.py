"""What the Slack destination posts."""

import json
from typing import Any

import pytest

from tests.support.bench import DESTINATION, TYPE, Bench, all_text
from tests.support.blocks import mentions, problems

HOSTILE = "<!channel> & <https://evil|x>"
ESCAPED = "&lt;!channel&gt; &amp; &lt;https://evil|x&gt;"


def kinds(blocks: list[dict[str, Any]]) -> list[str]:
    return [block["type"] for block in blocks]


# The envelope


def test_an_event_is_posted_once(bench: Bench) -> None:
    result = bench.emit()
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (0, "delivered", 1)
    assert len(bench.slack.requests) == len(bench.slack.messages) == 1


def test_it_goes_to_the_channel_that_the_destination_names(bench: Bench) -> None:
    bench.pipeline('[[destinations]]\nuse = "slack"\nchannel = "#$event.team"\n')
    bench.emit({"team": "growth"})
    assert bench.only.channel == "growth"


def test_an_empty_channel_fails_the_run_and_posts_nothing(bench: Bench) -> None:
    bench.pipeline('[[destinations]]\nuse = "slack"\nchannel = "$event.team"\n')
    result = bench.emit()
    assert (result.code, result.json["runs"][0]["outcome"]) == (78, "failed")
    assert "channel" in result.json["runs"][0]["reason"]
    assert not bench.slack.requests


def test_metadata_carries_event_type_and_delivery(bench: Bench) -> None:
    document = bench.emit().json
    assert bench.only.body["metadata"] == {
        "event_type": "usage_limit_reached",
        "event_payload": {
            "event_id": document["event"]["id"],
            "event_type": TYPE,
            "delivery_id": document["runs"][0]["deliveries"][0]["id"],
        },
    }


@pytest.mark.parametrize("type_", ["a.b-c.d_e", "user.signed-up.v2"])
def test_metadata_survives_every_event_type(bench: Bench, type_: str) -> None:
    metadata = bench.body(type_=type_)["metadata"]
    assert metadata["event_payload"]["event_type"] == type_
    assert set(metadata["event_type"]) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")


def test_a_webhook_gets_texts_and_blocks_alone(hooked: Bench) -> None:
    body = hooked.body()
    assert set(body) == {"text", "blocks"}
    assert hooked.only.method == "webhook"


def test_two_destinations_are_two_messages_with_their_own_ids(bench: Bench) -> None:
    bench.pipeline(DESTINATION + DESTINATION.replace("alerts", "growth"))
    ids = [delivery["id"] for delivery in bench.emit().deliveries]
    assert sorted(bench.slack.by_delivery()) == sorted(ids)
    assert [message.channel for message in bench.slack.messages] in (["alerts", "growth"], ["growth", "alerts"])


# The fallback text


def test_the_fallback_of_the_default_message_is_the_event_type(bench: Bench) -> None:
    assert bench.body()["text"] == TYPE


def test_the_fallback_of_a_message_is_its_title_and_text(bench: Bench) -> None:
    bench.message('title = "Acme is out"\ntext = "10 of 9 used"')
    assert bench.body()["text"] == "Acme is out: 10 of 9 used"


def test_a_fallback_is_there_when_title_and_text_come_out_empty(bench: Bench) -> None:
    bench.message('title = "$event.nothing"\ntext = "$event.nothing"')
    assert bench.body()["text"] == TYPE


def test_blocks_from_a_file_have_a_fallback_too(bench: Bench) -> None:
    bench.write("b.json", '[{"type": "divider"}]')
    bench.message('title = "Look & see"\nblocks = "b.json"')
    assert bench.body()["text"] == "Look &amp; see"


def test_a_long_fallback_is_cut_visibly(bench: Bench) -> None:
    bench.message('text = "$event.text"')
    text = bench.body({"text": "x" * 5000})["text"]
    assert len(text) == 1000
    assert text.endswith("…")


# The default message


def test_the_default_message_is_a_titled_block_of_fields(bench: Bench) -> None:
    payload = {"customer_id": "acme", "used": 10250, "ratio": 1.5, "plan": None, "paid": True, "tags": ["a", "b"]}
    header, fields, context = bench.blocks(payload)
    assert header == {"type": "header", "text": {"type": "plain_text", "text": TYPE, "emoji": True}}
    assert [field["text"] for field in fields["fields"]] == [
        "*customer_id*\nacme",
        "*used*\n10250",
        "*ratio*\n1.5",
        "*plan*\n—",
        "*paid*\ntrue",
        '*tags*\n["a", "b"]',
    ]
    assert kinds([context]) == ["context"]


def test_its_context_has_pipeline_time_and_event(bench: Bench) -> None:
    document = bench.emit(None, "--timestamp", "2026-11-03T09:30:59.999Z").json
    context = bench.only.body["blocks"][-1]["elements"][0]["text"]
    time = "<!date^1793698259^{date_num} {time}|2026-11-03 09:30 UTC>"  # in the reader's own zone
    assert context == f"alert · {time} · {document['event']['id']}"


def test_an_event_without_fields_has_a_message_too(bench: Bench) -> None:
    bench.write("payload.json", "{}")
    assert bench.run("emit", TYPE, "--data", f"@{bench.root}/payload.json").code == 0
    assert kinds(bench.only.body["blocks"]) == ["header", "context"]


# The message form


def test_a_message_has_title_text_fields_buttons_context(bench: Bench) -> None:
    bench.message(
        'title = "$event.name is out of $event.metric"\n'
        'text = "${event.used | number} used"\n'
        'fields = { Plan = "$event.plan", Gone = "$event.nothing" }\n'
        'context = "seen by $event.by"\n'
        'buttons = [{ text = "Open", url = "https://crm.example/$event.id_", style = "primary" }]'
    )
    payload = {"name": "Acme", "metric": "seats", "used": 10250, "plan": "pro", "by": "meter", "id_": "a"}
    header, section, fields, actions, context, where = bench.blocks(payload)
    assert header["text"]["text"] == "Acme is out of seats"
    assert section["text"]["text"] == "10,250 used"
    assert [field["text"] for field in fields["fields"]] == ["*Plan*\npro", "*Gone*\n—"]
    assert actions["elements"] == [
        {
            "type": "button",
            "text": {"type": "plain_text", "text": "Open", "emoji": True},
            "url": "https://crm.example/a",
            "action_id": "open-0",
            "style": "primary",
        }
    ]
    assert context["elements"][0]["text"] == "seen by meter"
    assert where["elements"][0]["text"].startswith("alert · ")


def test_a_message_with_a_title_alone_shows_the_events_fields(bench: Bench) -> None:
    bench.message('title = "News"')
    assert "*customer_id*\nacme" in all_text(bench.blocks())


def test_a_title_that_comes_out_empty_is_the_event_type(bench: Bench) -> None:
    bench.message('title = " $event.nothing "\ntext = "x"')
    assert bench.blocks()[0]["text"]["text"] == TYPE


def test_a_title_of_several_lines_is_one_line(bench: Bench) -> None:
    bench.message('title = "$event.name"')
    assert bench.blocks({"name": "a\r\n b\tc"})[0]["text"]["text"] == "a b c"


def test_a_text_that_comes_out_empty_leaves_no_empty_section(bench: Bench) -> None:
    bench.message('text = "$event.nothing"')
    assert kinds(bench.blocks()) == ["header", "context"]


@pytest.mark.parametrize(
    ("owner", "said"),
    [
        ("maya@ourcompany.example", "cc maya@ourcompany.example"),
        ("U024BE7LH", "cc <@U024BE7LH>"),
        ("W024BE7LH", "cc <@W024BE7LH>"),
        ("S0614TZR7", "cc <!subteam^S0614TZR7>"),
        ("!channel", "cc !channel"),
        ("<!channel>", "cc &lt;!channel&gt;"),
        ("U024BE7LH> <!channel", "cc U024BE7LH&gt; &lt;!channel"),
    ],
)
def test_the_owner_is_mentioned_by_id_and_named_otherwise(bench: Bench, owner: str, said: str) -> None:
    bench.message('text = "Look"', DESTINATION + 'mention = "$event.owner"\n')
    assert bench.blocks({"owner": owner})[1]["text"]["text"] == f"Look\n{said}"


def test_without_an_owner_nobody_is_mentioned(bench: Bench) -> None:
    bench.message('text = "Look"', DESTINATION + 'mention = "$event.owner"\n')
    assert "cc" not in all_text(bench.blocks())


def test_a_long_text_does_not_push_the_mention_out(bench: Bench) -> None:
    bench.message('text = "$event.text"', DESTINATION + 'mention = "$event.owner"\n')
    assert mentions(bench.body({"owner": "U024BE7LH", "text": "x" * 9000})) == ["<@U024BE7LH>"]


def test_the_default_message_mentions_too(bench: Bench) -> None:
    bench.pipeline(DESTINATION + 'mention = "U024BE7LH"\n')
    assert mentions(bench.body()) == ["<@U024BE7LH>"]


# A blocks file


def test_a_blocks_file_is_the_message_with_values_put_in(bench: Bench) -> None:
    bench.write(
        "b.json",
        json.dumps(
            {
                "blocks": [
                    {"type": "section", "text": {"type": "mrkdwn", "text": "*$event.name* & more"}},
                    {"type": "divider"},
                    {
                        "type": "actions",
                        "elements": [
                            {
                                "type": "button",
                                "text": {"type": "plain_text", "text": "Go"},
                                "url": "https://x.example/?q=$event.name",
                            }
                        ],
                    },
                ]
            }
        ),
    )
    bench.message('blocks = "b.json"')
    section, divider, actions = bench.blocks({"name": "A&B <x>"})
    assert section["text"]["text"] == "*A&amp;B &lt;x&gt;* &amp; more"
    assert divider == {"type": "divider"}
    assert actions["elements"][0]["url"] == "https://x.example/?q=A%26B%20%3Cx%3E"


def test_an_empty_text_of_a_blocks_file_is_a_dash(bench: Bench) -> None:
    bench.write("b.json", '[{"type": "section", "text": {"type": "mrkdwn", "text": "$event.nothing"}}]')
    bench.message('blocks = "b.json"')
    assert bench.blocks()[0]["text"]["text"] == "—"


def test_a_blocks_file_and_a_mention_go_together(bench: Bench) -> None:
    bench.write("b.json", '[{"type": "divider"}]')
    bench.message('blocks = "b.json"', DESTINATION + 'mention = "U024BE7LH"\n')
    assert kinds(bench.blocks()) == ["divider", "section"]
    assert mentions(bench.only.body) == ["<@U024BE7LH>"]


def test_what_a_blocks_file_would_hide_is_refused(bench: Bench) -> None:
    bench.write("b.json", '[{"type": "divider"}]')
    bench.message('blocks = "b.json"\nfields = { A = "b" }')
    result = bench.emit()
    assert result.code == 78
    assert "fields would not show" in result.out


def test_rich_text_holds_values_literally(bench: Bench) -> None:
    leaf = {"type": "text", "text": "$event.name"}
    rich = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [leaf]}]}
    bench.write("b.json", json.dumps([rich]))
    bench.message('blocks = "b.json"')
    assert bench.blocks({"name": "A & <B>\x07"})[0]["elements"][0]["elements"][0]["text"] == "A & <B>"
    assert mentions(bench.only.body) == []


def test_links_and_images_of_a_blocks_file_that_slack_would_refuse_are_left_out_with_a_note(bench: Bench) -> None:
    go = {"type": "button", "text": {"type": "plain_text", "text": "Go"}, "url": "$event.link"}
    image = {"type": "image", "image_url": "$event.link", "alt_text": "Logo"}
    text = {"type": "mrkdwn", "text": "Words"}
    blocks = [
        {"type": "section", "text": text, "accessory": go},
        {"type": "actions", "elements": [go]},
        {"type": "context", "elements": [image, text]},
        image,
    ]
    bench.write("b.json", json.dumps(blocks))
    bench.message('blocks = "b.json"')
    found = bench.blocks()
    assert kinds(found) == ["section", "context", "context", "context", "context", "context"]
    assert all_text(found).count("no button “Go”: its link is empty") == 2
    assert all_text(found).count("no image “Logo”: its link is empty") == 2


# Escaping

EVERYWHERE = """
title = "$event.v"
text = "$event.v"
fields = { "F" = "$event.v" }
context = "$event.v"
buttons = [{ text = "$event.v", url = "https://x.example/$event.v" }]
"""


def test_a_value_mentions_nobody_and_forges_no_link(bench: Bench) -> None:
    bench.message(EVERYWHERE)
    body = bench.body({"v": HOSTILE})
    assert mentions(body) == []
    assert all_text(body["blocks"]).count(ESCAPED) == 5
    assert body["text"] == f"{ESCAPED}: {ESCAPED}"


def test_names_of_fields_are_escaped_too(bench: Bench) -> None:
    assert mentions(bench.body({HOSTILE: HOSTILE})) == []


def test_a_value_is_not_read_as_a_template(bench: Bench) -> None:
    bench.message('text = "$event.v"')
    assert bench.blocks({"v": "${event.secret} $event.secret", "secret": "s3"})[1]["text"]["text"] == (
        "${event.secret} $event.secret"
    )


def test_entities_in_a_value_stay_what_they_are(bench: Bench) -> None:
    bench.message('text = "$event.v"')
    assert bench.blocks({"v": "&amp; &lt;!channel&gt;"})[1]["text"]["text"] == "&amp;amp; &amp;lt;!channel&amp;gt;"


def test_slack_is_asked_not_to_look_for_names_in_plain_words(bench: Bench) -> None:
    bench.message(EVERYWHERE)
    _, section, fields, _, context, where = bench.blocks({"v": "@here #general"})
    texts = [section["text"], *fields["fields"], *context["elements"], *where["elements"]]
    assert [text["verbatim"] for text in texts] == [True] * 4


def test_control_characters_of_a_value_are_gone(bench: Bench) -> None:
    bench.message('text = "$event.v"')
    assert bench.blocks({"v": "a\x00\x07\x1b[31mb\x9b\x7fc\n\td"})[1]["text"]["text"] == "a[31mbc\n\td"


@pytest.mark.parametrize(
    ("literal", "said"),
    [
        ("R&D", "R&amp;D"),
        ("R&amp;D", "R&amp;D"),
        ("R&copy;", "R&amp;copy;"),
        ("a < b", "a &lt; b"),
        ("a > b", "a &gt; b"),
        ("1 < 2 > 0", "1 &lt; 2 &gt; 0"),
        ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
        ("> a quotation", "> a quotation"),
        ("see <https://x.example/a?b=c&d=e|the page>", "see <https://x.example/a?b=c&amp;d=e|the page>"),
        ("<!here> <@U024BE7LH> <#C024BE7LR> <!subteam^S0614TZR7>",) * 2,
        ("<mailto:a@b.example|Mail>", "<mailto:a@b.example|Mail>"),
        ("<!date^1392734382^{date_num} {time_secs}|then>", "<!date^1392734382^{date_num} {time_secs}|then>"),
        ("a<", "a&lt;"),
        ("<<@U024BE7LH>>", "&lt;<@U024BE7LH>&gt;"),
        ("bell\\u0007", "bell"),
    ],
)
def test_an_authors_words_and_markup_arrive(bench: Bench, literal: str, said: str) -> None:
    bench.message(f'text = "{literal}"')
    assert bench.blocks()[1]["text"]["text"] == said


@pytest.mark.parametrize("place", ["title", "context"])
def test_an_authors_lone_signs_are_escaped_everywhere(bench: Bench, place: str) -> None:
    bench.message(f'{place} = "> a < b & c"\ntext = "x"\nfields = {{ "a < b & c" = "d" }}')
    body = bench.body()
    assert problems(body) == []
    assert "a &lt; b &amp; c" in all_text(body["blocks"])


@pytest.mark.parametrize(
    ("template", "value", "said"),
    [
        ("<$event.v|Open>", "https://t.example/1?a=b&c", "<https://t.example/1?a=b&amp;c|Open>"),
        ("<$event.v>", "https://t.example/1", "<https://t.example/1>"),
        ("<$event.v|Open>", "!channel", "&lt;!channel|Open&gt;"),
        ("<$event.v>", "!here", "&lt;!here&gt;"),
        ("<$event.v>", "@U024BE7LH", "&lt;@U024BE7LH&gt;"),
        ("<!$event.v>", "channel", "&lt;!channel&gt;"),
        ("<$event.v|Open>", "javascript:alert(1)", "&lt;javascript:alert(1)|Open&gt;"),
        (
            "<https://t.example/$event.v|Open>",
            "x|Log in to Slack",
            "<https://t.example/x%7CLog%20in%20to%20Slack|Open>",
        ),
        ("<https://t.example/$event.v|Open>", "x> <!channel", "<https://t.example/x&gt;%20&lt;!channel|Open>"),
        ("<https://t.example|$event.v>", "a|b\n> c", "<https://t.example|a|b \u200b&gt; c>"),
        ("<@$event.v>", "U024BE7LH", "<@U024BE7LH>"),
        ("<@$event.v>", "U024BE7LH|x", "&lt;@U024BE7LH|x&gt;"),
        ("<!date^$event.v^{date}|then>", "1^https://evil.example", "&lt;!date^1^https://evil.example^{date}|then&gt;"),
        ("<!date^$event.v^{date}|then>", "1392734382", "<!date^1392734382^{date}|then>"),
    ],
)
def test_values_inside_an_authors_markup_keep_their_place(bench: Bench, template: str, value: str, said: str) -> None:
    bench.message(f'text = "{template}"')
    assert bench.blocks({"v": value})[1]["text"]["text"] == said


# Buttons


def buttons(url: str, count: int) -> str:
    return "buttons = [" + ", ".join([f'{{ text = "Go", url = "{url}" }}'] * count) + "]"


def test_values_in_a_url_are_percent_encoded(bench: Bench) -> None:
    bench.message('text = "x"\nbuttons = [{ text = "Go", url = "https://x.example/c/$event.v?q=$event.v" }]')
    url = bench.blocks({"v": "a/../b c&d=é#?\n"})[2]["elements"][0]["url"]
    quoted = "a%2F..%2Fb%20c%26d%3D%C3%A9%23%3F%0A"
    assert url == f"https://x.example/c/{quoted}?q={quoted}"


def test_a_value_that_starts_a_url_is_an_address(bench: Bench) -> None:
    bench.message('text = "x"\nbuttons = [{ text = "Go", url = "$event.base/c?q=$event.v" }]')
    url = bench.blocks({"base": "https://x.example/a?b", "v": "1&2"})[2]["elements"][0]["url"]
    assert url == "https://x.example/a?b/c?q=1%262"


@pytest.mark.parametrize(
    ("link", "why"),
    [
        (None, "its link is empty"),
        ("javascript:alert(1)", "its link is no http(s) address"),
        ("ftp://x.example/", "its link is no http(s) address"),
        ("https://", "its link is no http(s) address"),
        ("https:///path", "its link is no http(s) address"),
        ("https://x.example/a b", "its link is no http(s) address"),
        ("https://x.example/\u3000x", "its link is no http(s) address"),
        ("https://x.example/<b>", "its link is no http(s) address"),
        ("https://x.example/" + "a" * 3000, "its link has 3,018 characters, Slack takes 3,000"),
    ],
)
def test_a_button_that_slack_would_refuse_is_left_out_with_a_note(bench: Bench, link: str | None, why: str) -> None:
    bench.message('text = "x"\nbuttons = [{ text = "Go & see", url = "${event.link}" }]')
    blocks = bench.blocks({"link": link})
    assert "actions" not in kinds(blocks)
    assert f"no button “Go &amp; see”: {why}" in all_text(blocks)


def test_a_good_button_stays_beside_a_bad_one(bench: Bench) -> None:
    good, bad = '{ text = "A", url = "https://x.example/" }', '{ text = "B", url = "$event.nothing" }'
    bench.message(f'text = "x"\nbuttons = [{bad}, {good}]')
    blocks = bench.blocks()
    assert [button["text"]["text"] for button in blocks[2]["elements"]] == ["A"]
    assert "no button “B”" in all_text(blocks)


def test_twenty_five_buttons_are_taken_and_more_are_refused(bench: Bench) -> None:
    bench.message('text = "x"\n' + buttons("https://x.example/", 25))
    assert len(bench.blocks()[2]["elements"]) == 25
    bench.message('text = "x"\n' + buttons("https://x.example/", 26))
    assert bench.emit().code == 78


def test_twenty_five_bad_buttons_are_one_note(bench: Bench) -> None:
    bench.message('text = "x"\n' + buttons("$event.nothing", 25))
    assert problems(bench.body()) == []


def test_links_that_are_too_long_together_are_left_out_with_a_note(bench: Bench) -> None:
    bench.message('text = "x"\n' + buttons("https://x.example/$event.v", 25))
    blocks = bench.blocks({"v": "a" * 2900})
    assert len(blocks[2]["elements"]) == 2
    assert "too long together" in all_text(blocks)


def test_a_button_without_words_has_a_dash(bench: Bench) -> None:
    bench.message('text = "x"\nbuttons = [{ text = "$event.nothing", url = "https://x.example/" }]')
    assert bench.blocks()[2]["elements"][0]["text"]["text"] == "—"
