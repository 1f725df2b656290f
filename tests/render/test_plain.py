"""A message's words, line by line."""

from ingestlayer_cli.render.plain import lines


def test_the_words_of_every_block_come_in_their_order() -> None:
    mrkdwn = {"type": "mrkdwn", "text": "*Plan*\n&lt;pro&gt;"}
    button = {"type": "button", "text": {"type": "plain_text", "text": "Open"}, "url": "https://crm.example/1"}
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Acme *is* out"}},
        {"type": "section", "fields": [mrkdwn]},
        {"type": "actions", "elements": [button]},
        {"type": "divider"},
    ]
    assert lines({"blocks": blocks}) == ["Acme *is* out", "Plan", "<pro>", "Open", "  https://crm.example/1"]


def test_a_body_that_is_no_message_comes_as_indented_json() -> None:
    body = {"account": "Zürich", "blocks": [1]}
    assert lines(body) == ["{", '  "account": "Zürich",', '  "blocks": [', "    1", "  ]", "}"]
