"""The stand-in answers Slack's own clients as Slack does."""

import http.client
import json
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.support.standin import Message, SlackError, SlackStandin


def refused(call: Any, *arguments: Any, **options: Any) -> Any:
    """The body of the refusal that a call ends in."""
    with pytest.raises(SlackApiError) as error:
        call(*arguments, **options)
    assert error.value.response.status_code == 200
    assert error.value.response["ok"] is False
    return error.value.response.data


def post(url: str, body: str, content_type: str) -> str:
    """The text of the answer to a request that Slack's clients would not send."""
    place = urlsplit(url)
    with closing(http.client.HTTPConnection(place.netloc, timeout=5)) as connection:
        connection.request("POST", place.path, body, {"Content-Type": content_type})
        return connection.getresponse().read().decode()


# Tokens and scopes


def test_no_token_is_not_authed(slack: SlackStandin) -> None:
    assert refused(WebClient(base_url=slack.url).auth_test)["error"] == "not_authed"


def test_an_unknown_token_is_invalid_auth(slack: SlackStandin) -> None:
    assert refused(WebClient("xoxb-other", base_url=slack.url).auth_test)["error"] == "invalid_auth"


def test_a_revoked_token_is_token_revoked(slack: SlackStandin, client: WebClient) -> None:
    slack.revoked.add("xoxb-test")
    assert refused(client.auth_test)["error"] == "token_revoked"


def test_auth_test_names_the_workspace_and_the_bot(client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["team"], answer["user"], answer["bot_id"]) == ("Stand-in", "ingest", "B000")


def test_answers_list_the_scopes_of_the_token(client: WebClient) -> None:
    scopes = "channels:history,channels:read,chat:write,chat:write.public,users:read,users:read.email"
    assert client.auth_test().headers["X-OAuth-Scopes"] == scopes


@pytest.mark.parametrize(
    ("scope", "method", "options"),
    [
        ("chat:write", "chat.postMessage", {"channel": "test", "text": "a"}),
        ("chat:write", "chat.update", {"channel": "C0000000003", "ts": "1.2", "text": "a"}),
        ("chat:write.customize", "chat.postMessage", {"channel": "test", "text": "a", "username": "b"}),
        ("users:read", "users.list", {}),
        ("users:read.email", "users.lookupByEmail", {"email": "a@b.example"}),
        ("usergroups:read", "usergroups.list", {}),
        ("channels:read", "conversations.list", {}),
        ("groups:read", "conversations.list", {"types": "public_channel,private_channel"}),
        ("channels:read", "conversations.info", {"channel": "C0000000003"}),
        ("channels:history", "conversations.history", {"channel": "C0000000003"}),
        ("channels:history", "conversations.replies", {"channel": "C0000000003", "ts": "1.2"}),
        ("groups:history", "conversations.history", {"channel": "C0000000004"}),
    ],
)
def test_a_missing_scope_is_named(
    slack: SlackStandin, client: WebClient, scope: str, method: str, options: dict[str, Any]
) -> None:
    slack.add_channel("secret", private=True)
    every = {"chat:write", "users:read", "users:read.email", "channels:read", "channels:history"}
    slack.tokens["xoxb-test"] = every - {scope}
    answer = refused(client.api_call, method, json=options)
    assert (answer["error"], answer["needed"]) == ("missing_scope", scope)
    assert answer["provided"] == ",".join(sorted(every - {scope}))


def test_an_unknown_method_is_unknown_method(client: WebClient) -> None:
    assert refused(client.api_call, "chat.postMesage")["error"] == "unknown_method"


# chat.postMessage


@pytest.mark.parametrize("name", ["#alerts", "alerts", "C0000000001"])
def test_a_message_goes_to_a_channel_by_name_or_id(slack: SlackStandin, client: WebClient, name: str) -> None:
    answer = client.chat_postMessage(channel=name, text="a")
    assert answer["channel"] == "C0000000001"
    assert [(message.channel, message.ts) for message in slack.messages] == [("alerts", answer["ts"])]


def test_a_stored_message_keeps_its_body(slack: SlackStandin, client: WebClient) -> None:
    blocks = [{"type": "divider"}]
    metadata = {"event_type": "ingest_event", "event_payload": {"delivery_id": "dlv_1"}}
    client.chat_postMessage(channel="#alerts", text="a", blocks=blocks, metadata=metadata)
    body = {"channel": "#alerts", "text": "a", "blocks": blocks, "metadata": metadata}
    assert slack.messages[0].body == body


def test_a_form_is_read_as_json_is(slack: SlackStandin, client: WebClient) -> None:
    form = {"channel": "#alerts", "text": "a", "blocks": '[{"type": "divider"}]', "unfurl_links": "false"}
    client.api_call("chat.postMessage", params=form)
    assert slack.messages[0].body["blocks"] == [{"type": "divider"}]
    assert slack.messages[0].body["unfurl_links"] is False


def test_every_message_has_a_later_ts(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="#test", text="a")["ts"] for _ in range(20)]
    assert stamps == sorted(set(stamps))


def test_an_unknown_channel_is_not_found(client: WebClient) -> None:
    assert refused(client.chat_postMessage, channel="#alert", text="a")["error"] == "channel_not_found"


def test_a_private_channel_without_the_bot_is_not_found(slack: SlackStandin, client: WebClient) -> None:
    slack.add_channel("secret", private=True, bot_is_member=False)
    assert refused(client.chat_postMessage, channel="#secret", text="a")["error"] == "channel_not_found"


def test_a_private_channel_with_the_bot_takes_messages(slack: SlackStandin, client: WebClient) -> None:
    slack.add_channel("secret", private=True)
    assert client.chat_postMessage(channel="#secret", text="a")["ok"]


def test_a_public_channel_needs_no_bot_with_chat_write_public(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["alerts"].bot_is_member = False
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]


def test_a_public_channel_needs_the_bot_without_that_scope(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["alerts"].bot_is_member = False
    slack.tokens["xoxb-test"].remove("chat:write.public")
    assert refused(client.chat_postMessage, channel="#alerts", text="a")["error"] == "not_in_channel"


def test_an_archived_channel_is_archived(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["alerts"].archived = True
    assert refused(client.chat_postMessage, channel="#alerts", text="a")["error"] == "is_archived"


def test_a_refused_message_is_not_stored(slack: SlackStandin, client: WebClient) -> None:
    refused(client.chat_postMessage, channel="#alerts", text="a", blocks=[{"type": "other"}])
    assert slack.messages == []


def test_invalid_blocks_tell_where(client: WebClient) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": ""}}]
    answer = refused(client.chat_postMessage, channel="#alerts", text="a", blocks=blocks)
    at = "must be more than 0 characters [json-pointer:/blocks/0/text/text]"
    assert answer["response_metadata"] == {"messages": [f"[ERROR] {at}"]}


def test_metadata_with_a_dotted_type_is_dropped_silently(slack: SlackStandin, client: WebClient) -> None:
    metadata = {"event_type": "usage.limit", "event_payload": {"delivery_id": "dlv_1"}}
    client.chat_postMessage(channel="#alerts", text="a", metadata=metadata)
    assert "metadata" not in slack.messages[0].body


def test_messages_are_grouped_by_delivery(slack: SlackStandin, client: WebClient) -> None:
    for number in (1, 2, 2):
        payload = {"delivery_id": f"dlv_{number}"}
        metadata = {"event_type": "ingest", "event_payload": payload}
        client.chat_postMessage(channel="#alerts", text="a", metadata=metadata)
    client.chat_postMessage(channel="#alerts", text="a")
    assert {key: len(group) for key, group in slack.by_delivery().items()} == {"dlv_1": 1, "dlv_2": 2}


def test_a_reply_needs_its_parent(client: WebClient) -> None:
    answer = refused(client.chat_postMessage, channel="#alerts", text="a", thread_ts="1700000000.000001")
    assert answer["error"] == "thread_not_found"


@pytest.mark.parametrize(
    ("content_type", "body", "code"),
    [
        ("application/json", "{", "invalid_json"),
        ("application/json", "[]", "json_not_object"),
        ("application/x-www-form-urlencoded", "text=a&blocks=[", "invalid_form_data"),
        ("text/plain", "{}", "invalid_post_type"),
    ],
)
def test_a_body_that_can_not_be_read_is_refused(slack: SlackStandin, content_type: str, body: str, code: str) -> None:
    answer = post(slack.url + "chat.postMessage", body, content_type)
    assert json.loads(answer) == {"ok": False, "error": code}


# chat.update and chat.getPermalink


@pytest.fixture
def posted(slack: SlackStandin, client: WebClient) -> Message:
    metadata = {"event_type": "ingest", "event_payload": {"delivery_id": "dlv_1"}}
    client.chat_postMessage(channel="#alerts", text="a", metadata=metadata)
    return slack.messages[0]


def test_an_update_changes_the_message(slack: SlackStandin, client: WebClient, posted: Message) -> None:
    assert client.chat_update(channel="C0000000001", ts=posted.ts, text="b")["text"] == "b"
    assert [message.body["text"] for message in slack.messages] == ["b"]


def test_an_update_keeps_the_metadata(client: WebClient, posted: Message) -> None:
    client.chat_update(channel="C0000000001", ts=posted.ts, text="b")
    assert posted.delivery_id == "dlv_1"


def test_an_update_is_recorded(slack: SlackStandin, client: WebClient, posted: Message) -> None:
    client.chat_update(channel="C0000000001", ts=posted.ts, text="b")
    assert [(update.method, update.ts) for update in slack.updates] == [("chat.update", posted.ts)]


def test_an_update_takes_no_channel_name(client: WebClient, posted: Message) -> None:
    answer = refused(client.chat_update, channel="#alerts", ts=posted.ts, text="b")
    assert answer["error"] == "channel_not_found"


def test_an_update_of_an_unknown_message_is_message_not_found(client: WebClient) -> None:
    answer = refused(client.chat_update, channel="C0000000001", ts="1700000000.000001", text="b")
    assert answer["error"] == "message_not_found"


def test_an_update_takes_text_of_4000_bytes(client: WebClient, posted: Message) -> None:
    assert client.chat_update(channel="C0000000001", ts=posted.ts, text="é" * 2000)["ok"]


def test_an_update_with_text_of_4001_bytes_is_too_long(client: WebClient, posted: Message) -> None:
    answer = refused(client.chat_update, channel="C0000000001", ts=posted.ts, text="é" * 2000 + "a")
    assert answer["error"] == "msg_too_long"


def test_an_update_is_held_to_the_same_blocks(client: WebClient, posted: Message) -> None:
    blocks = [{"type": "other"}]
    answer = refused(client.chat_update, channel="C0000000001", ts=posted.ts, text="b", blocks=blocks)
    assert answer["error"] == "invalid_blocks"


def test_a_webhook_message_can_not_be_updated(slack: SlackStandin, client: WebClient, hook: WebhookClient) -> None:
    hook.send(text="a")
    answer = refused(client.chat_update, channel="C0000000001", ts=slack.messages[0].ts, text="b")
    assert answer["error"] == "cant_update_message"


def test_a_permalink_points_to_the_message(client: WebClient, posted: Message) -> None:
    link = client.chat_getPermalink(channel="C0000000001", message_ts=posted.ts)["permalink"]
    assert link == f"https://standin.slack.com/archives/C0000000001/p{posted.ts.replace('.', '')}"


def test_a_permalink_takes_no_channel_name(client: WebClient, posted: Message) -> None:
    answer = refused(client.chat_getPermalink, channel="#alerts", message_ts=posted.ts)
    assert answer["error"] == "channel_not_found"


# conversations.*


def test_channels_come_in_pages(slack: SlackStandin, client: WebClient) -> None:
    pages = [[channel["name"] for channel in page["channels"]] for page in client.conversations_list(limit=2)]
    assert pages == [["alerts", "growth"], ["test"]]


def test_a_wrong_cursor_is_invalid(client: WebClient) -> None:
    assert refused(client.conversations_list, cursor="wrong")["error"] == "invalid_cursor"


def test_a_limit_of_nought_is_invalid(client: WebClient) -> None:
    assert refused(client.conversations_list, limit=0)["error"] == "invalid_limit"


def test_private_channels_are_listed_when_asked_and_joined(slack: SlackStandin, client: WebClient) -> None:
    slack.tokens["xoxb-test"].add("groups:read")
    slack.add_channel("secret", private=True)
    slack.add_channel("hidden", private=True, bot_is_member=False)
    listed = client.conversations_list(types="private_channel")["channels"]
    assert [channel["name"] for channel in listed] == ["secret"]


def test_archived_channels_are_left_out_when_asked(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["test"].archived = True
    assert len(client.conversations_list()["channels"]) == 3
    assert len(client.conversations_list(exclude_archived=True)["channels"]) == 2


def test_a_channel_tells_about_itself(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["growth"].bot_is_member = False
    channel = client.conversations_info(channel="C0000000002")["channel"]
    assert (channel["name"], channel["is_private"], channel["is_member"]) == ("growth", False, False)


def test_a_channel_is_not_looked_up_by_name(client: WebClient) -> None:
    assert refused(client.conversations_info, channel="#alerts")["error"] == "channel_not_found"


def test_history_is_newest_first_and_in_pages(client: WebClient) -> None:
    for text in "abc":
        client.chat_postMessage(channel="#alerts", text=text)
    pages = [
        ([message["text"] for message in page["messages"]], page["has_more"])
        for page in client.conversations_history(channel="C0000000001", limit=2)
    ]
    assert pages == [(["c", "b"], True), (["a"], False)]


def test_history_gives_metadata_when_asked(client: WebClient, posted: Message) -> None:
    history = client.conversations_history(channel="C0000000001", include_all_metadata=True)
    assert history["messages"][0]["metadata"] == posted.body["metadata"]


def test_history_gives_only_the_type_of_metadata_otherwise(client: WebClient, posted: Message) -> None:
    history = client.conversations_history(channel="C0000000001")
    assert history["messages"][0]["metadata"] == {"event_type": "ingest"}


def test_history_is_between_oldest_and_latest(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="#alerts", text=text)["ts"] for text in "abc"]
    history = client.conversations_history(channel="C0000000001", oldest=stamps[0], latest=stamps[2])
    assert [message["text"] for message in history["messages"]] == ["b"]


def test_history_includes_its_ends_when_asked(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="#alerts", text=text)["ts"] for text in "abc"]
    history = client.conversations_history(channel="C0000000001", oldest=stamps[0], latest=stamps[1], inclusive=True)
    assert [message["text"] for message in history["messages"]] == ["b", "a"]


def test_history_needs_the_bot_in_the_channel(slack: SlackStandin, client: WebClient) -> None:
    slack.channels["alerts"].bot_is_member = False
    assert refused(client.conversations_history, channel="C0000000001")["error"] == "not_in_channel"


def test_replies_stand_in_the_thread_and_not_in_the_history(client: WebClient, posted: Message) -> None:
    client.chat_postMessage(channel="#alerts", text="b", thread_ts=posted.ts)
    replies = client.conversations_replies(channel="C0000000001", ts=posted.ts)
    history = client.conversations_history(channel="C0000000001")
    assert [message["text"] for message in replies["messages"]] == ["a", "b"]
    assert [message["text"] for message in history["messages"]] == ["a"]


def test_replies_to_no_message_are_thread_not_found(client: WebClient) -> None:
    answer = refused(client.conversations_replies, channel="C0000000001", ts="1700000000.000001")
    assert answer["error"] == "thread_not_found"


# users.* and usergroups.*


def test_a_user_is_found_by_email(slack: SlackStandin, client: WebClient) -> None:
    dana = slack.add_user("dana@example.com")
    assert client.users_lookupByEmail(email="Dana@example.com")["user"]["id"] == dana.id


def test_an_unknown_email_is_users_not_found(client: WebClient) -> None:
    assert refused(client.users_lookupByEmail, email="no@example.com")["error"] == "users_not_found"


def test_a_deleted_user_is_not_found(slack: SlackStandin, client: WebClient) -> None:
    slack.add_user("dana@example.com", deleted=True)
    assert refused(client.users_lookupByEmail, email="dana@example.com")["error"] == "users_not_found"


def test_users_come_in_pages(slack: SlackStandin, client: WebClient) -> None:
    for name in "abc":
        slack.add_user(f"{name}@example.com")
    pages = [[user["name"] for user in page["members"]] for page in client.users_list(limit=2)]
    assert pages == [["a", "b"], ["c"]]


def test_users_hide_emails_without_the_scope(slack: SlackStandin, client: WebClient) -> None:
    slack.add_user("dana@example.com")
    assert client.users_list()["members"][0]["profile"]["email"] == "dana@example.com"
    slack.tokens["xoxb-test"].remove("users:read.email")
    assert "email" not in client.users_list()["members"][0]["profile"]


def test_usergroups_are_listed(slack: SlackStandin, client: WebClient) -> None:
    slack.tokens["xoxb-test"].add("usergroups:read")
    slack.add_usergroup("csm")
    assert [group["handle"] for group in client.usergroups_list()["usergroups"]] == ["csm"]


# Incoming webhooks


def test_a_webhook_answers_ok_in_plain_text(slack: SlackStandin, hook: WebhookClient) -> None:
    answer = hook.send(text="a")
    assert (answer.status_code, answer.body) == (200, "ok")
    assert [(message.channel, message.method) for message in slack.messages] == [("alerts", "webhook")]


def test_a_further_webhook_posts_to_its_own_channel(slack: SlackStandin) -> None:
    WebhookClient(slack.add_webhook("growth")).send(text="a")
    assert [message.channel for message in slack.messages] == ["growth"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"unfurl_links": False}, "no_text"),
        ({"text": " "}, "no_text"),
        ({"text": "a", "channel": "#growth"}, "invalid_payload"),
        ({"text": "a", "txt": "b"}, "invalid_payload"),
        ({"text": "a", "metadata": {"event_type": "b", "event_payload": {}}}, "invalid_payload"),
        ({"text": "a & b"}, "invalid_payload"),
        ({"text": "a" * 40_001}, "invalid_payload"),
        ({"text": "a", "blocks": [{"type": "other"}]}, "invalid_blocks"),
        ({"text": "a", "blocks": {}}, "invalid_blocks"),
        (
            {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "a" * 3000}}] * 5},
            "invalid_blocks",
        ),
    ],
)
def test_a_webhook_answers_400_to_a_wrong_message(
    slack: SlackStandin, hook: WebhookClient, body: dict[str, Any], error: str
) -> None:
    answer = hook.send_dict(body)
    assert (answer.status_code, answer.body) == (400, error)
    assert slack.messages == []


@pytest.mark.parametrize("body", ["{", "[]", "null", ""])
def test_a_webhook_answers_invalid_payload_to_what_is_no_object(slack: SlackStandin, body: str) -> None:
    assert post(slack.webhook_url, body, "application/json") == "invalid_payload"


def test_a_webhook_takes_a_form_with_a_payload(slack: SlackStandin) -> None:
    answer = post(slack.webhook_url, "payload=%7B%22text%22%3A%22a%22%7D", "application/x-www-form-urlencoded")
    assert (answer, slack.messages[0].body) == ("ok", {"text": "a"})


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("action_prohibited", 403),
        ("no_service", 404),
        ("channel_not_found", 404),
        ("channel_is_archived", 410),
        ("user_not_found", 400),
    ],
)
def test_a_webhook_refuses_as_it_is_set_to(slack: SlackStandin, hook: WebhookClient, code: str, status: int) -> None:
    slack.webhook.refusal = code
    answer = hook.send(text="a")
    assert (answer.status_code, answer.body) == (status, code)


def test_an_unknown_webhook_is_no_service(slack: SlackStandin) -> None:
    answer = WebhookClient(slack.webhook_url + "a").send(text="a")
    assert (answer.status_code, answer.body) == (404, "no_service")


def test_a_webhook_to_an_archived_channel_is_gone(slack: SlackStandin, hook: WebhookClient) -> None:
    slack.channels["alerts"].archived = True
    answer = hook.send(text="a")
    assert (answer.status_code, answer.body) == (410, "channel_is_archived")


def test_a_scripted_error_reaches_a_webhook_in_plain_text(slack: SlackStandin, hook: WebhookClient) -> None:
    slack.script.append(SlackError("no_team"))
    answer = hook.send(text="a")
    assert (answer.status_code, answer.body) == (404, "no_team")
