"""webhook over real HTTP: what goes out, what the answers mean, and that no secret is told."""

import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as StandardWebhook
from standardwebhooks import WebhookVerificationError

from ingestlayer_cli.destinations.webhook.sender import Requests
from ingestlayer_cli.model.events import encode
from ingestlayer_cli.model.sending import Outgoing, Sent
from tests.support.bench import Bench
from tests.support.program import Result
from tests.support.receiver import Answer, Receiver, bomb, drip, endless, hang, raw, reset, status, then_hang
from tests.support.webhooks import SECRET, proof, webhook, written

ID = "dlv_01JDB2Q7W8E9R0T1Y2A3S4D5F6"
QUICK = 'timeout = "300ms"'


@pytest.fixture
def receiver(receiver: Receiver) -> Iterator[Receiver]:
    """One that nothing came to that is no webhook."""
    yield receiver
    assert receiver.problems == []


@pytest.fixture
def receiving(bench: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A project with one webhook, whose Slack is this terminal."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("CRM_SECRET", SECRET)
    bench.connect("terminal")
    bench.pipeline(webhook(f"{receiver.url}/hooks"))
    return bench


def answered(bench: Bench, receiver: Receiver, answer: Answer, more: str = "") -> Result:
    """Emit an event to a webhook that answers so."""
    bench.pipeline(webhook(f"{receiver.url}/hooks", more))
    receiver.answers = [answer]
    return bench.emit()


def deliver(bench: Bench) -> Result:
    bench.make_due()
    return bench.run("deliver", "--json")


def hint(bench: Bench) -> str:
    return str(bench.rows("SELECT hint FROM deliveries")[0][0])


# The body -------------------------------------------------------------------------------------------------


def test_the_body_is_the_event(receiving: Bench, receiver: Receiver) -> None:
    event = receiving.emit({"customer_id": "acme", "id": "7", "note": "Zürich 🎉"}).json["event"]
    assert receiver.only.body == {name: event[name] for name in ("id", "type", "received_at", "payload")}


def test_the_body_is_what_a_transform_made(receiving: Bench, receiver: Receiver) -> None:
    steps = '[[steps]]\nuse = "transform"\nbody = { account = "$event.customer_id", n = "$event.used" }\n'
    receiving.pipeline(steps + webhook(receiver.url))
    receiving.emit({"customer_id": "acme", "used": 12})
    assert receiver.only.content == b'{"account":"acme","n":12}'


def test_each_kind_of_destination_gets_its_own_redacted_body_address_and_headers(
    receiving: Bench, receiver: Receiver
) -> None:
    steps = '[[steps]]\nuse = "redact.pii"\nfields = { email = { webhook = "drop", "*" = "keep" } }\n'
    file = '[[destinations]]\nuse = "file"\npath = "all.ndjson"\n'
    receiving.pipeline(steps + webhook(f"{receiver.url}/x$event.email", 'headers = { X-Mail = "$event.email" }') + file)
    receiving.emit({"email": "jo@acme.example", "plan": "pro"})
    assert receiver.only.body["payload"] == {"plan": "pro"}
    assert (receiver.only.path, receiver.only.headers["x-mail"]) == ("/x", "")
    assert "jo@acme.example" in (receiving.root / "all.ndjson").read_text()


def test_infinity_is_null(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline(
        '[[steps]]\nuse = "transform"\nbody = { a = [inf, { b = nan }], c = 1.5 }\n' + webhook(receiver.url)
    )
    assert receiving.emit().code == 0
    assert receiver.only.body == {"a": [None, {"b": None}], "c": 1.5}


def test_what_is_sent_is_byte_for_byte_what_is_stored_and_previewed(receiving: Bench, receiver: Receiver) -> None:
    event = receiving.emit({"text": '\u2028\x01é"\\', "number": 1e22, "big": 2**52}).json["event"]["id"]
    assert [(receiver.only.content.decode(),)] == receiving.rows("SELECT body FROM deliveries")
    preview = receiving.run("preview", "--event", event, "--json").json
    assert encode(preview["runs"][0]["messages"][0]["body"]).encode() == receiver.only.content


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=30, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.dictionaries(st.text(), JSON, max_size=4))
def test_any_body_arrives_as_it_is_stored_and_its_signatures_hold(
    body: dict[str, Any], receiver: Receiver, receiving: Bench
) -> None:
    stored, requests = encode(body), Requests()
    for kind in ("hmac", "standard"):
        told = {"url": receiver.url, "timeout": 10_000, "auth": {"type": kind, "secret": "env:CRM_SECRET"}}
        outgoing = Outgoing(ID, receiver.url, json.loads(stored), told, at=int(time.time() * 1000))
        assert isinstance(requests.send(outgoing), Sent)
        request = receiver.requests.pop()
        assert request.content == stored.encode()
        if kind == "hmac":
            assert proof(request, SECRET)
        else:
            StandardWebhook(SECRET).verify(request.content, request.headers)


# The address ----------------------------------------------------------------------------------------------


def test_values_in_the_address_are_percent_encoded(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline(webhook(f"{receiver.url}/a/$event.one/b?q=$event.two"))
    receiving.emit({"one": "x/../y?z#é", "two": "a&b=c d"})
    assert receiver.only.path == "/a/x%2F..%2Fy%3Fz%23%C3%A9/b?q=a%26b%3Dc%20d"


@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_cannot_climb_in_the_path(receiving: Bench, receiver: Receiver, value: str) -> None:
    receiving.pipeline(webhook(f"{receiver.url}/hooks/$event.one"))
    result = receiving.emit({"one": value})
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert "dots alone" in result.delivery["error"]
    assert receiver.requests == []


def test_a_value_may_be_the_whole_address(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline(webhook("$event.hook"))
    assert receiving.emit({"hook": f"{receiver.url}/own?a=b"}).code == 0
    assert receiver.only.path == "/own?a=b"


@pytest.mark.parametrize(
    "value",
    ["", "ftp://crm.example/", "env:CRM_SECRET", "http://", "http://crm.example:99999/", "https://a b/", "file:///etc"],
)
def test_an_address_that_is_none_is_refused_for_good(receiving: Bench, value: str) -> None:
    receiving.pipeline(webhook("$event.hook"))
    result = receiving.emit({"hook": value})
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert SECRET not in result.out
    assert "correct `url`" in hint(receiving)


def test_a_value_with_a_password_is_refused_and_not_kept(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline('[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n')
    receiving.write("customers.csv", f"id,hook\nacme,http://crm:hunter2secret@127.0.0.1:{receiver.port}/x\n")
    settings = (receiving.root / "ingestlayer.toml").read_text()
    receiving.write("ingestlayer.toml", settings + '[entities.customer]\nfile = "customers.csv"\nkey = "id"\n')
    steps = (receiving.root / "pipelines" / "alert.toml").read_text()
    receiving.pipeline(steps + webhook("$entity.customer.hook"))
    result = receiving.emit({"customer_id": "acme"})
    assert result.delivery["target"] == f"http://127.0.0.1:{receiver.port}/x"
    assert "user name or password" in result.delivery["error"]
    assert receiving.rows("SELECT count(*) FROM deliveries WHERE directions LIKE '%hunter2secret%'") == [(0,)]


def test_the_target_shows_no_query(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline(webhook(f"{receiver.url}/hooks/$event.customer_id?team=blue-heron#part"))
    result = receiving.emit({"customer_id": "acme"})
    assert result.delivery["target"] == f"{receiver.url}/hooks/acme"
    assert receiver.only.path == "/hooks/acme?team=blue-heron"
    for command in (["deliveries", "list", "--status", "delivered"], ["why", "@last"], ["pipelines", "show", "alert"]):
        assert "blue-heron" not in receiving.run(*command).out


def test_an_address_that_is_named_shows_as_its_name(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_HOOK", f"{receiver.url}/T0/B0/secret-path?token=secret-token")
    receiving.pipeline(webhook("env:CRM_HOOK"))
    result = receiving.emit()
    assert (result.code, result.delivery["target"]) == (0, "env:CRM_HOOK")
    assert receiver.only.path == "/T0/B0/secret-path?token=secret-token"


# Headers --------------------------------------------------------------------------------------------------


def test_headers_are_templates_and_may_name_a_secret(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "k-123456")
    headers = '{ X-Team = "team $event.plan", X-Api-Key = "env:KEY", Content-Type = "application/vnd.crm+json" }'
    receiving.pipeline(webhook(receiver.url, f"headers = {headers}"))
    assert receiving.emit({"plan": "pro"}).code == 0
    sent = receiver.only.headers
    assert [sent["x-team"], sent["x-api-key"]] == ["team pro", "k-123456"]
    assert sent["content-type"] == "application/vnd.crm+json"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a\r\nX-Evil: 1", "a  X-Evil: 1"),
        ("Zürich", "Z%C3%BCrich"),
        ("\x00\x7f\t.", "%7F ."),
        (" ", ""),
        ("env:CRM_SECRET", "env:CRM_SECRET"),
    ],
)
def test_a_value_in_a_header_stays_in_it(receiving: Bench, receiver: Receiver, value: str, sent: str) -> None:
    receiving.pipeline(webhook(receiver.url, 'headers = { X-Team = "$event.plan" }'))
    assert receiving.emit({"plan": value}).code == 0
    assert receiver.only.headers["x-team"] == sent
    assert "x-evil" not in receiver.only.headers


# Authentication -------------------------------------------------------------------------------------------


def auth(kind: str, secret: str = "env:CRM_SECRET") -> str:
    return f'auth = {{ type = "{kind}", secret = "{secret}" }}'


def test_bearer(receiving: Bench, receiver: Receiver) -> None:
    assert answered(receiving, receiver, status(204), auth("bearer")).code == 0
    assert receiver.only.headers["authorization"] == f"Bearer {SECRET}"


def test_hmac_signs_the_time_and_the_body(receiving: Bench, receiver: Receiver) -> None:
    before = int(time.time())
    answered(receiving, receiver, status(200), auth("hmac"))
    assert proof(receiver.only, SECRET)
    assert not proof(receiver.only, "another")
    assert before <= int(receiver.only.headers["x-ingestlayer-signature"][2:].partition(",")[0]) <= time.time() + 1


@pytest.mark.parametrize("given", [SECRET, SECRET.removeprefix("whsec_")])
def test_standard_webhooks_are_verified_by_their_own_library(
    receiving: Bench, receiver: Receiver, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", given)
    answered(receiving, receiver, status(200), auth("standard"))
    request = receiver.only
    assert StandardWebhook(SECRET).verify(request.content, request.headers) == request.body
    with pytest.raises(WebhookVerificationError):
        StandardWebhook(SECRET).verify(request.content + b" ", request.headers)


def test_a_standard_secret_that_is_no_base64_waits_and_is_not_told(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_SECRET", "not base64!")
    result = answered(receiving, receiver, status(200), auth("standard"))
    assert (result.code, result.delivery["status"]) == (75, "pending")
    assert "env:CRM_SECRET is not base64" in result.delivery["error"]
    assert "not base64!" not in result.out


def test_a_second_attempt_has_the_same_id_and_a_signature_of_its_own_time(receiving: Bench, receiver: Receiver) -> None:
    answered(receiving, receiver, status(500), auth("standard"))
    deliver(receiving)
    first, second = receiver.requests
    assert first.id == second.id
    assert first.content == second.content
    StandardWebhook(SECRET).verify(second.content, second.headers)


# A secret that is missing ---------------------------------------------------------------------------------


def test_a_missing_secret_holds_up_its_own_webhook_alone(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_SECRET")
    receiving.pipeline(webhook(f"{receiver.url}/a", auth("hmac")) + webhook(f"{receiver.url}/b"))
    result = receiving.emit()
    assert result.code == 75
    waiting, arrived = result.deliveries
    assert (waiting["status"], waiting["attempts"], arrived["status"]) == ("pending", 0, "delivered")
    assert waiting["error"] == "the webhook is not connected: the secret env:CRM_SECRET is not set"
    assert [request.path for request in receiver.requests] == ["/b"]


def test_a_missing_secret_says_its_remedy_and_the_delivery_goes_once_it_is_set(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_SECRET")
    receiving.pipeline(webhook(receiver.url, auth("hmac")))
    result = receiving.run("emit", "usage.limit_reached", "customer_id=acme")
    assert result.code == 75
    assert "set the environment variable CRM_SECRET" in result.err
    assert receiving.run("deliver").code == 75
    monkeypatch.setenv("CRM_SECRET", SECRET)
    assert receiving.run("deliver").code == 0
    assert proof(receiver.only, SECRET)


def test_later_deliveries_of_a_webhook_without_its_secret_tell_why_they_wait(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_SECRET")
    receiving.connect("bot")
    receiving.pipeline(webhook(receiver.url, auth("hmac")))
    receiving.emit({"customer_id": "one"})
    second = receiving.emit({"customer_id": "two"})
    assert (second.code, second.delivery["status"]) == (75, "pending")
    assert "CRM_SECRET" in second.delivery["error"]


def test_two_webhooks_and_slack_do_not_wait_for_one_that_hangs(
    receiving: Bench, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CRM_SECRET")
    receiving.connect("bot")
    slow = Receiver()
    slow.default = hang
    slack = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
    receiving.pipeline(
        webhook(slow.url, QUICK) + webhook(f"{receiver.url}/a", auth("hmac")) + webhook(receiver.url) + slack
    )
    statuses = [row["status"] for row in receiving.emit().deliveries]
    slow.close()
    assert statuses == ["retrying", "pending", "delivered", "delivered"]


# Answers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(receiving: Bench, receiver: Receiver, code: int) -> None:
    result = answered(receiving, receiver, status(code))
    assert (result.code, result.delivery["status"]) == (0, "delivered")
    assert receiving.rows("SELECT receipt FROM deliveries") == [(json.dumps({"status": str(code)}),)]


@pytest.mark.parametrize("code", [400, 404, 409, 422, 429, 500, 502, 503, 599])
def test_any_other_status_is_tried_again_by_the_curve(receiving: Bench, receiver: Receiver, code: int) -> None:
    result = answered(receiving, receiver, status(code, "no\n  luck"))
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (75, "retrying", 1)
    assert result.delivery["error"].startswith(f"the receiver answered {code}")
    assert result.delivery["error"].endswith(": no luck")
    assert deliver(receiving).code == 0


def test_410_is_final_with_a_hint(receiving: Bench, receiver: Receiver) -> None:
    result = answered(receiving, receiver, status(410, "unsubscribed"))
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert result.delivery["error"] == "the receiver answered 410 Gone: unsubscribed"
    assert "take the destination out" in hint(receiving)


@pytest.mark.parametrize("code", [401, 403])
def test_401_and_403_name_the_secret(receiving: Bench, receiver: Receiver, code: int) -> None:
    assert answered(receiving, receiver, status(code), auth("hmac")).code == 75
    assert "env:CRM_SECRET" in hint(receiving)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_query_is_not_told(receiving: Bench, receiver: Receiver, code: int) -> None:
    other = Receiver()
    place = f"http://user:pw-told@127.0.0.1:{other.port}/new?token=told-token"
    result = answered(receiving, receiver, status(code, Location=place))
    other.close()
    assert other.requests == []
    assert result.delivery["status"] == "retrying"
    assert f"points to http://127.0.0.1:{other.port}/new: redirects are not followed" in result.delivery["error"]
    assert b"told" not in written(receiving.root)


def test_attempts_end_when_the_curve_does(receiving: Bench, receiver: Receiver) -> None:
    receiver.default = status(500)
    receiving.pipeline(webhook(receiver.url, 'retry = ["1h"]'))
    receiving.emit()
    assert deliver(receiving).code == 69
    assert len(receiver.requests) == 2


def test_retry_after_in_seconds_holds_the_webhook_and_counts_no_attempt(receiving: Bench, receiver: Receiver) -> None:
    before = time.time()
    result = answered(receiving, receiver, status(429, Retry_After="120"))
    assert (result.delivery["status"], result.delivery["attempts"]) == ("retrying", 0)
    ((free_at,),) = receiving.rows("SELECT free_at FROM lanes")
    assert 119 < free_at / 1000 - before < 130


def test_retry_after_may_be_a_date(receiving: Bench, receiver: Receiver) -> None:
    before = time.time()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    result = answered(receiving, receiver, status(503, Retry_After=date))
    assert result.delivery["attempts"] == 0
    ((free_at,),) = receiving.rows("SELECT free_at FROM lanes")
    assert 297 < free_at / 1000 - before < 310


def test_a_short_retry_after_is_waited_for(receiving: Bench, receiver: Receiver) -> None:
    receiving.connect("bot")
    result = answered(receiving, receiver, status(429, Retry_After="1"))
    assert (result.code, result.delivery["status"]) == (0, "delivered")
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("value", ["99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_nonsensical_retry_after_holds_for_an_hour(receiving: Bench, receiver: Receiver, value: str) -> None:
    before = time.time()
    answered(receiving, receiver, status(429, Retry_After=value))
    ((free_at,),) = receiving.rows("SELECT free_at FROM lanes")
    assert 3590 < free_at / 1000 - before < 3620


@pytest.mark.parametrize("value", ["soon", "-5", "", "1e9", "Fri, 99 Foo"])
def test_a_retry_after_that_is_none_leaves_the_curve(receiving: Bench, receiver: Receiver, value: str) -> None:
    assert answered(receiving, receiver, status(429, Retry_After=value)).delivery["attempts"] == 1


# Receivers that do not behave -----------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200 + b"\r\n\r\n"
BAD = {
    "hangs": hang,
    "resets": reset,
    "closes": raw(b""),
    "sends its head byte by byte": drip(OK, 0.5),
    "sends no HTTP": raw(b"SSH-2.0-OpenSSH_9\r\n"),
    "sends a head without an end": endless(b"HTTP/1.1 200 OK\r\nX: "),
    "sends half a head": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
}


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD.keys())
def test_what_gives_no_answer_is_tried_again_in_good_time(receiving: Bench, receiver: Receiver, answer: Answer) -> None:
    started = time.monotonic()
    result = answered(receiving, receiver, answer, QUICK)
    assert time.monotonic() - started < 50
    assert (result.code, result.delivery["status"], result.delivery["attempts"]) == (75, "retrying", 1)
    assert deliver(receiving).code == 0
    assert len({request.id for request in receiver.requests}) == 1


CHUNKED = b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n"
WORDY = {
    "an endless body": endless(b"HTTP/1.1 500 No\r\n\r\n"),
    "garbage in chunks": raw(CHUNKED + b"5\r\nhello\r\nZZ\r\n"),
    "a body that hangs": then_hang(b"HTTP/1.1 500 No\r\nContent-Length: 99\r\n\r\nhel"),
    "a gzip bomb": bomb(),
    "bytes that are no text": status(500, bytes(range(256)) * 9),
    "what acts on a terminal": status(500, "\x1b[31mred\x07\u202e"),
}


@pytest.mark.parametrize("answer", WORDY.values(), ids=WORDY.keys())
def test_of_an_answer_a_short_excerpt_is_kept(receiving: Bench, receiver: Receiver, answer: Answer) -> None:
    hangs = answer is WORDY["a body that hangs"]  # for as long as that it is waited for, and its head must come in time
    error = answered(receiving, receiver, answer, f'timeout = "{4 if hangs else 30}s"').delivery["error"]
    assert error.startswith("the receiver answered 500 Internal Server Error")
    assert len(error) < 260
    assert error.isprintable()
    assert receiver.sent < 64 << 20  # of an endless body little is taken


def test_a_success_counts_before_its_body_is_there(receiving: Bench, receiver: Receiver) -> None:
    assert answered(receiving, receiver, endless(b"HTTP/1.1 200 OK\r\n\r\n")).code == 0


def test_a_refused_connection_is_tried_again(receiving: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    receiving.pipeline(webhook(f"http://127.0.0.1:{port}/"))
    result = receiving.emit()
    assert result.delivery["status"] == "retrying"
    assert "could not be reached" in result.delivery["error"]


def test_a_name_that_is_not_known_is_tried_again(receiving: Bench) -> None:
    receiving.pipeline(webhook("https://crm.invalid/hooks", 'timeout = "5s"'))
    assert "could not be reached" in receiving.emit().delivery["error"]


def test_a_receiver_without_tls_is_tried_again(receiving: Bench, receiver: Receiver) -> None:
    receiving.pipeline(webhook(receiver.url.replace("http:", "https:"), QUICK))
    assert receiving.emit().delivery["status"] == "retrying"
    receiver.problems.clear()


def test_a_proxy_that_is_none_waits_and_its_password_is_not_told(
    receiving: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://me:proxy-password@proxy.example")
    result = receiving.emit()
    assert (result.code, result.delivery["status"]) == (75, "pending")
    assert "proxy" in result.delivery["error"]
    assert "proxy-password" not in result.out + result.err


def test_a_sender_that_was_killed_is_repeated_with_the_same_id(receiving: Bench, receiver: Receiver) -> None:
    receiver.answers = [hang]
    command = [sys.executable, "-m", "ingestlayer_cli", "-C", str(receiving.root), "emit", "a.b", "x=1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ends = time.monotonic() + 100
    while not receiver.requests and time.monotonic() < ends:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert receiving.run("deliver").code == 0
    first, second = receiver.requests
    assert first.id == second.id
    assert [outcome for (outcome,) in receiving.rows("SELECT outcome FROM attempts ORDER BY number")] == [
        "unknown",
        "resend",
        "sent",
    ]


# Secrets --------------------------------------------------------------------------------------------------

PATH, QUERY, KEY = "T0SECRETPATH", "qrysecretvalue", "hdrsecretvalue"


def repeats(code: int) -> Answer:
    """Answer with all that came in, as error pages do."""

    def answer(connection: socket.socket, receiver: Receiver) -> None:
        request = receiver.requests[-1]
        told = f"POST {request.path} {request.headers} http://127.0.0.1:{receiver.port}{request.path}"
        # Its start is as long as what is read: at its end stands a part of a secret.
        place = f"http://127.0.0.1:{receiver.port}{request.path}"
        for text in (told, " " * 4_090 + told):
            status(code, text, Location=place)(connection, receiver)
            return

    return answer


@pytest.mark.parametrize("code", [302, 400, 401, 410, 429, 500])
def test_no_secret_is_in_anything_that_is_written(
    receiving: Bench,
    receiver: Receiver,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CRM_HOOK", f"{receiver.url}/{PATH}?k={QUERY}")
    monkeypatch.setenv("KEY", KEY)
    receiving.pipeline(webhook("env:CRM_HOOK", f'headers = {{ X-Api-Key = "env:KEY" }}\n{auth("bearer")}'))
    receiver.default = repeats(code)
    results = [receiving.emit(), deliver(receiving)]
    results += [
        receiving.run(*command) for command in (["why", "@last"], ["why", "@last", "--json"], ["deliveries", "list"])
    ]
    results += [receiving.run("--debug", "emit", "a.b", "x=1"), receiving.run("preview", "a.b", "x=1", "--json")]
    told = (
        "".join(result.out + result.err for result in results).encode() + written(receiving.root) + caplog.text.encode()
    )
    assert len(receiver.requests) >= 2
    for secret in (PATH, QUERY, KEY, SECRET, str(receiver.port)):
        assert secret.encode() not in told


@pytest.mark.parametrize("blanks", range(4_060, 4_096, 5))
def test_no_part_of_a_secret_is_left_where_an_answer_is_cut(receiving: Bench, receiver: Receiver, blanks: int) -> None:
    result = answered(receiving, receiver, status(500, " " * blanks + SECRET), auth("bearer"))
    assert not any(SECRET[:length] in result.delivery["error"] for length in range(4, len(SECRET)))


def test_the_requests_of_the_program_around_us_stay_in_its_logs(
    receiving: Bench, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    import httpx

    caplog.set_level(logging.INFO)
    receiving.emit()
    assert "/hooks" not in caplog.text
    content = {"id": ID}
    headers = {"webhook-id": ID, "X-Ingestlayer-Delivery": ID, "User-Agent": "ingestlayer/test"}
    httpx.post(f"{receiver.url}/theirs", json=content, headers=headers)
    assert "/theirs" in caplog.text


# validate -------------------------------------------------------------------------------------------------

HUSH = "sk-hush-1234567890"
LITERALS = {
    "a bearer token": 'headers = { Authorization = "Bearer sk-hush-1234567890" }',
    "a key": 'headers = { X-Api-Key = "sk-hush-1234567890" }',
    "a token with a value": 'headers = { X-Auth-Token = "sk-hush-1234567890$event.id" }',
    "a cookie": 'headers = { cookie = "sk-hush-1234567890" }',
    "basic under another name": 'headers = { X-Other = "Basic sk-hush-1234567890" }',
    "a secret": 'auth = { type = "hmac", secret = "sk-hush-1234567890" }',
    "a secret with a blank": 'auth = { type = "hmac", secret = "env: sk-hush-1234567890" }',
    "auth as a text": 'auth = "sk-hush-1234567890"',
    "headers as a text": 'headers = "Authorization: sk-hush-1234567890"',
    "a secret as a list": 'auth = { type = "hmac", secret = ["sk-hush-1234567890"] }',
    "a header as a list": 'headers = { Authorization = ["sk-hush-1234567890"] }',
}
ADDRESSES = {
    "a password": "https://crm:sk-hush-1234567890@crm.example/",
    "a user": "https://sk-hush-1234567890@crm.example/",
    "a password after a value": "https://$event.team:sk-hush-1234567890@crm.example/",
    "a token in the query": "https://crm.example/?a=b&token=sk-hush-1234567890",
    "a signature in the query": "https://crm.example/?sig=sk-hush-1234567890",
    "no scheme": "crm.example/sk-hush-1234567890",
    "another scheme": "ftp://crm.example/sk-hush-1234567890",
    "a name that is none": "env:CRM HOOK sk-hush-1234567890",
}


@pytest.mark.parametrize("more", LITERALS.values(), ids=LITERALS.keys())
@pytest.mark.parametrize("command", [["validate"], ["validate", "--json"], ["emit", "a.b", "x=1"]], ids=str)
def test_a_literal_secret_is_refused_and_not_shown(receiving: Bench, more: str, command: list[str]) -> None:
    receiving.pipeline(webhook("https://crm.example/", more))
    result = receiving.run(*command)
    assert result.code == (1 if command[0] == "validate" else 78)
    assert "hush" not in result.out + result.err
    assert "pipelines/alert.toml" in result.out + result.err


@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES.keys())
def test_an_address_with_a_secret_is_refused_and_not_shown(receiving: Bench, url: str) -> None:
    receiving.pipeline(webhook(url))
    result = receiving.run("validate")
    assert result.code == 1
    assert "hush" not in result.out + result.err
    assert "env:NAME" in result.out + result.err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('auth = { type = "hmac" }', "needs a secret"),
        ('auth = { type = "none", secret = "env:A" }', "has no secret"),
        ('auth = { type = "bearer", secret = "env:A" }\nheaders = { authorization = "env:B" }', "leave out one"),
        ('headers = { Host = "crm.example" }', "set by this program"),
        ('headers = { webhook-id = "7" }', "set by this program"),
        ('headers = { "a b" = "7" }', "letters, digits and - alone"),
        ('headers = { "$template" = "7" }', "letters, digits and - alone"),
        ('headers = { X-A = "1", x-a = "2" }', "stands there twice"),
        ('headers = { X-A = "Zürich" }', "printable ASCII"),
        ('headers = { X-A = "a\\nb" }', "printable ASCII"),
        ('timeout = "5m"', "at most 45s"),
        ('timeout = "0s"', "more than nothing"),
    ],
)
def test_what_cannot_work_is_refused(receiving: Bench, more: str, words: str) -> None:
    receiving.pipeline(webhook("https://crm.example/", more))
    result = receiving.run("validate")
    assert result.code == 1
    assert words in result.out + result.err


@pytest.mark.parametrize("url", ["http://crm.example/", "http://10.0.0.1/x", "http://$event.team/"])
def test_http_over_a_network_is_warned_of(receiving: Bench, url: str) -> None:
    receiving.pipeline(webhook(url))
    result = receiving.run("validate")
    assert "use https://" in result.out + result.err


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "127.1.2.3", "[::1]:80", "crm.localhost"])
def test_http_on_this_machine_is_not_warned_of(receiving: Bench, host: str) -> None:
    receiving.pipeline(webhook(f"http://{host}/x"))
    result = receiving.run("validate")
    assert "https://" not in result.out + result.err


# The terminal ---------------------------------------------------------------------------------------------


def test_on_a_terminal_a_webhook_is_really_sent_and_that_is_said(receiving: Bench, receiver: Receiver) -> None:
    result = receiving.run("emit", "usage.limit_reached", "customer_id=acme")
    assert f"{receiver.url}/hooks delivered" in result.out
    assert "stands for Slack alone; webhook: it was sent" in result.err
    assert len(receiver.requests) == 1


def test_preview_sends_nothing_and_draws_the_json(receiving: Bench, receiver: Receiver) -> None:
    result = receiving.run("preview", "usage.limit_reached", "customer_id=acme")
    assert result.code == 0
    assert '"customer_id": "acme"' in result.out
    assert f"webhook {receiver.url}/hooks" in result.out
    assert "stands for Slack alone; webhook: emit sends it" in result.err
    assert receiver.requests == []


def test_no_deliver_leaves_it_in_the_outbox(receiving: Bench, receiver: Receiver) -> None:
    assert receiving.emit(None, "--no-deliver").delivery["status"] == "pending"
    assert receiver.requests == []


def test_a_replay_sends_it_again_under_an_id_of_its_own(receiving: Bench, receiver: Receiver) -> None:
    event = receiving.emit().json["event"]["id"]
    assert receiving.run("replay", event, "--yes").code == 0
    assert len(receiver.requests) == 1
    assert receiving.run("replay", event, "--yes", "--again").code == 0
    first, second = receiver.requests
    assert first.content == second.content
    assert first.id != second.id
