"""The receiver finds what a request does wrong: else what is tested against it proves nothing."""

import httpx
import pytest

from tests.support.receiver import Receiver, status

GOOD = {
    "Content-Type": "application/json",
    "User-Agent": "ingestlayer/1",
    "webhook-id": "dlv_" + "0" * 26,
    "X-Ingestlayer-Delivery": "dlv_" + "0" * 26,
}


def post(receiver: Receiver, content: bytes = b"{}", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{receiver.url}/x", content=content, headers={**GOOD, **named}).status_code


def test_a_good_request_has_no_problem(receiver: Receiver) -> None:
    assert post(receiver) == 200
    assert receiver.problems == []
    assert receiver.only.path == "/x"


@pytest.mark.parametrize("content", [b"{", b'{"a": NaN}', b"\xff"])
def test_a_body_that_is_no_json_is_a_problem(receiver: Receiver, content: bytes) -> None:
    post(receiver, content)
    assert receiver.problems


@pytest.mark.parametrize(("name", "value"), [("webhook_id", "7"), ("User_Agent", "curl"), ("X_Team", "Z\xfcrich")])
def test_a_wrong_header_is_a_problem(receiver: Receiver, name: str, value: str) -> None:
    headers = {**GOOD, name.replace("_", "-"): value}
    named = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    httpx.post(receiver.url, content=b"{}", headers=named)
    assert receiver.problems


def test_answers_are_used_up_one_by_one(receiver: Receiver) -> None:
    receiver.answers = [status(500), status(410)]
    assert [post(receiver) for _ in range(3)] == [500, 410, 200]
