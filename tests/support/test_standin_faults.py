"""Faults on the way to Slack, limits of pace, many clients at once, and the stand-in as its own process."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from tests.support import ROOT
from tests.support.standin import (
    Fault,
    Garbage,
    Hang,
    HangAfterStore,
    Ok,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Slow,
    Status,
)

WRONG_BLOCKS = [{"type": "other"}]


def failed(client: WebClient, **more: Any) -> Any:
    """Slack's answer to a posting that it did not take."""
    with pytest.raises(SlackApiError) as error:
        client.chat_postMessage(channel="#alerts", text="a", **more)
    return error.value.response


# Scripts


def test_a_status_is_answered_as_it_is(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Status(503, "<h1>busy</h1>", {"X-Slack-Failure": "yes"}))
    answer = failed(client)
    assert (answer.status_code, answer.headers["X-Slack-Failure"]) == (503, "yes")


def test_a_rate_limit_says_when_to_come_back(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(RateLimited(7))
    answer = failed(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.data == {"ok": False, "error": "ratelimited"}


def test_a_rate_limit_may_lack_its_header(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(RateLimited(None))
    assert "Retry-After" not in failed(client).headers


def test_a_rate_limited_webhook_says_when_to_come_back(slack: SlackStandin, hook: WebhookClient) -> None:
    slack.script.append(RateLimited(7))
    answer = hook.send(text="a")
    assert (answer.status_code, answer.headers["Retry-After"], answer.body) == (429, "7", "rate_limited")


def test_a_scripted_error_is_answered_with_its_code(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(SlackError("restricted_action"))
    assert failed(client).data == {"ok": False, "error": "restricted_action"}


@pytest.mark.parametrize(
    "fault", [Status(500), RateLimited(1), SlackError("fatal_error"), Garbage("<html>"), ResetBeforeStore()]
)
def test_a_fault_before_storing_stores_nothing(slack: SlackStandin, client: WebClient, fault: Fault) -> None:
    slack.script.append(fault)
    with pytest.raises((SlackApiError, OSError)):
        client.chat_postMessage(channel="#alerts", text="a")
    assert slack.messages == []


def test_garbage_is_answered_as_it_is(slack: SlackStandin, hook: WebhookClient) -> None:
    slack.script.append(Garbage("<html>", status=502))
    answer = hook.send(text="a")
    assert (answer.status_code, answer.body) == (502, "<html>")


def test_garbage_may_stand_for_a_stored_message(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Garbage("<html>", stored=True))
    assert "non-JSON" in failed(client)["error"]
    assert len(slack.messages) == 1


@pytest.mark.parametrize(("fault", "stored"), [(ResetBeforeStore(), 0), (ResetAfterStore(), 1)])
def test_a_reset_reaches_the_client_as_a_reset(slack: SlackStandin, fault: Fault, stored: int) -> None:
    slack.script.append(fault)
    connection = http.client.HTTPConnection("127.0.0.1", int(slack.base.rpartition(":")[2]), timeout=5)
    headers = {"Authorization": "Bearer xoxb-test", "Content-Type": "application/json"}
    connection.request("POST", "/api/chat.postMessage", '{"channel": "alerts", "text": "a"}', headers)
    with pytest.raises(ConnectionResetError) as error:
        connection.getresponse()
    connection.close()
    assert not isinstance(error.value, http.client.RemoteDisconnected)
    assert len(slack.messages) == stored


def test_a_hang_ends_without_an_answer(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Hang(0.05))
    with pytest.raises(http.client.RemoteDisconnected):
        client.chat_postMessage(channel="#alerts", text="a")
    assert slack.messages == []


def test_a_hang_lasts_longer_than_an_impatient_client(slack: SlackStandin) -> None:
    slack.script.append(Hang(60))
    impatient = WebClient("xoxb-test", base_url=slack.url, retry_handlers=[], timeout=0.1)  # type: ignore[arg-type]
    with pytest.raises((TimeoutError, URLError)):
        impatient.chat_postMessage(channel="#alerts", text="a")


def test_a_hang_after_storing_keeps_the_message(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(HangAfterStore(0.05))
    with pytest.raises(http.client.RemoteDisconnected):
        client.chat_postMessage(channel="#alerts", text="a")
    assert len(slack.messages) == 1


@pytest.mark.parametrize("fault", [Hang(60), HangAfterStore(60), Slow(60)])
def test_stopping_does_not_wait_for_what_hangs(fault: Fault) -> None:
    slack = SlackStandin().start()
    slack.always = fault
    client = WebClient("xoxb-test", base_url=slack.url, retry_handlers=[])
    ended: list[BaseException] = []

    def post() -> None:
        try:
            client.chat_postMessage(channel="#alerts", text="a")
        except OSError as error:
            ended.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    _wait_for(lambda: bool(slack.requests))
    begun = time.monotonic()
    slack.stop()
    thread.join()
    assert time.monotonic() - begun < 50
    assert len(ended) == 1


def test_a_slow_answer_is_right_and_late(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Slow(0.05))
    begun = time.monotonic()
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]
    assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize("fault", [ResetAfterStore(), HangAfterStore(60), Garbage("<html>", stored=True)])
def test_a_fault_after_storing_lets_a_refusal_through(slack: SlackStandin, client: WebClient, fault: Fault) -> None:
    slack.script.append(fault)
    assert failed(client, blocks=WRONG_BLOCKS)["error"] == "invalid_blocks"


def test_a_script_is_played_once_in_order(slack: SlackStandin, client: WebClient) -> None:
    slack.script.extend([Status(500), Ok(), SlackError("fatal_error")])
    assert failed(client).status_code == 500
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]
    assert failed(client)["error"] == "fatal_error"
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]


def test_always_holds_after_the_script(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Ok())
    slack.always = Status(500)
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]
    assert [failed(client).status_code, failed(client).status_code] == [500, 500]


def test_a_channels_script_leaves_other_channels_alone(slack: SlackStandin, client: WebClient) -> None:
    slack.script_for("#alerts", Status(500))
    assert client.chat_postMessage(channel="#growth", text="a")["ok"]
    assert failed(client).status_code == 500


def test_a_channels_script_goes_before_the_script(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(Status(500))
    slack.script_for("alerts", Status(503))
    assert [failed(client).status_code, failed(client).status_code] == [503, 500]


def test_a_channels_script_holds_for_its_webhook(slack: SlackStandin, hook: WebhookClient) -> None:
    slack.script_for("alerts", Status(503))
    assert hook.send(text="a").status_code == 503


def test_faults_are_for_postings_only(slack: SlackStandin, client: WebClient) -> None:
    slack.always = Status(500)
    assert client.auth_test()["ok"]
    assert client.conversations_history(channel="C0000000001")["ok"]


def test_an_update_is_a_posting(slack: SlackStandin, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="#alerts", text="a")["ts"]
    slack.script.append(Status(500))
    with pytest.raises(SlackApiError) as error:
        client.chat_update(channel="C0000000001", ts=ts, text="b")
    assert error.value.response.status_code == 500


# Pace, requests, many clients


def test_a_channel_takes_no_more_than_its_rate(slack: SlackStandin, client: WebClient) -> None:
    slack.enforce_rate = 1
    assert client.chat_postMessage(channel="#alerts", text="a")["ok"]
    answer = failed(client)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


def test_a_slow_rate_gives_a_longer_retry_after(slack: SlackStandin, client: WebClient) -> None:
    slack.enforce_rate = 0.1
    client.chat_postMessage(channel="#alerts", text="a")
    assert failed(client).headers["Retry-After"] == "10"


def test_every_channel_has_its_own_rate(slack: SlackStandin, client: WebClient) -> None:
    slack.enforce_rate = 1
    for channel in ("#alerts", "#growth", "#test"):
        assert client.chat_postMessage(channel=channel, text="a")["ok"]


def test_a_paced_client_is_never_limited(slack: SlackStandin, client: WebClient) -> None:
    slack.enforce_rate = 20
    for _ in range(4):
        assert client.chat_postMessage(channel="#alerts", text="a")["ok"]
        time.sleep(1 / 20)


def test_a_webhook_shares_the_rate_of_its_channel(slack: SlackStandin, client: WebClient, hook: WebhookClient) -> None:
    slack.enforce_rate = 1
    client.chat_postMessage(channel="#alerts", text="a")
    assert hook.send(text="a").status_code == 429


def test_every_request_is_counted_with_its_status(slack: SlackStandin, client: WebClient, hook: WebhookClient) -> None:
    slack.script.append(Status(500))
    client.auth_test()
    failed(client)
    hook.send(text="a")
    seen = [(request.method, request.status, request.channel) for request in slack.requests]
    assert seen == [("auth.test", 200, None), ("chat.postMessage", 500, "alerts"), ("webhook", 200, "alerts")]


def test_a_request_without_an_answer_has_no_status(slack: SlackStandin, client: WebClient) -> None:
    slack.script.append(ResetAfterStore())
    with pytest.raises(OSError):
        client.chat_postMessage(channel="#alerts", text="a")
    assert [request.status for request in slack.requests] == [None]


def test_no_token_is_kept_in_the_record_of_requests(slack: SlackStandin, client: WebClient) -> None:
    client.api_call("chat.postMessage", params={"token": "xoxb-test", "channel": "alerts", "text": "a"})
    assert "xoxb" not in repr(slack.requests) + repr(slack.messages)


def test_many_clients_at_once_lose_and_double_nothing(slack: SlackStandin) -> None:
    slack.script.extend([ResetAfterStore()] * 20)
    ended = []

    def post(number: int) -> None:
        client = WebClient("xoxb-test", base_url=slack.url, retry_handlers=[])
        try:
            client.chat_postMessage(channel="#alerts", text=f"{number}")
        except OSError:
            ended.append(number)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(post, range(200)))
    assert sorted(int(message.body["text"]) for message in slack.messages) == list(range(200))
    assert len({message.ts for message in slack.messages}) == 200
    assert len(ended) == 20


# As a process


def test_as_a_process_it_prints_its_url_logs_messages_and_ends_on_sigterm(tmp_path: Path) -> None:
    log = tmp_path / "slack.ndjson"
    command = [sys.executable, "-m", "tests.support.standin", "--log", str(log)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        metadata = {"event_type": "ingest", "event_payload": {"delivery_id": "dlv_1"}}
        client = WebClient("xoxb-test", base_url=url, retry_handlers=[])
        client.chat_postMessage(channel="#alerts", text="a", metadata=metadata)
        entry = json.loads(log.read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert (entry["channel"], entry["delivery_id"], entry["body"]["text"]) == ("alerts", "dlv_1", "a")


def test_as_a_process_it_can_store_without_answering(tmp_path: Path) -> None:
    log = tmp_path / "slack.ndjson"
    command = [sys.executable, "-m", "tests.support.standin", "--log", str(log), "--hang-after-store", "60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        impatient = WebClient("xoxb-test", base_url=url, retry_handlers=[], timeout=0.2)  # type: ignore[arg-type]
        with pytest.raises((TimeoutError, URLError)):
            impatient.chat_postMessage(channel="#alerts", text="a")
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
    assert len(log.read_text().splitlines()) == 1


def _wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)
