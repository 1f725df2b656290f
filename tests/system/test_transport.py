"""One request and its answer: no redirect is followed, and there is an end to it."""

from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import Request

import pytest

from ingestlayer_cli.system import transport
from ingestlayer_cli.system.transport import Reply, TooLongError, Transport
from tests.support.receiver import Answer, Receiver, drip, endless, hang, raw, status

HEAD = b"HTTP/1.1 200 OK\r\n"
NO_LENGTH = HEAD + b"Connection: close\r\n\r\n"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


def reply(receiver: Receiver, answer: Answer, seconds: float = 10, path: str = "/") -> Reply:
    receiver.answers.append(answer)
    headers = {"Content-Type": "text/plain", "webhook-id": "x", "X-Ingestlayer-Delivery": "x"}
    return Transport(seconds, None).exchange(Request(receiver.url + path, b"x", headers, method="POST"))


def test_an_answer_of_any_status_is_an_answer(receiver: Receiver) -> None:
    assert reply(receiver, status(200, "ok"))[::2] == (200, "ok")
    assert reply(receiver, status(503, "later"))[::2] == (503, "later")


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, code: int) -> None:
    assert reply(receiver, status(code, "", Location=f"{receiver.url}/elsewhere")).status == code
    assert [request.path for request in receiver.requests] == ["/"]


@pytest.mark.parametrize(
    "answer",
    [
        hang,
        drip(HEAD + b"Content-Length: 600\r\n\r\n" + b"x" * 600, 0.1),
        drip(NO_LENGTH + b"x" * 600, 0.1),
        drip(b"HTTP/1.1 200 " + b"O" * 600, 0.1),
    ],
    ids=["nothing", "a body of a length", "a body without a length", "a status line"],
)
def test_an_answer_has_so_many_seconds_for_all_of_it(receiver: Receiver, answer: Answer) -> None:
    with pytest.raises(TimeoutError, match=r"no whole answer in 0\.5 s"):
        reply(receiver, answer, 0.5)


def test_a_body_without_an_end_is_read_to_a_limit(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "MOST", 1 << 20)
    with pytest.raises(TooLongError):
        reply(receiver, endless(NO_LENGTH), 60)
    assert receiver.sent < 32 << 20  # what the sockets hold


def test_a_body_that_is_cut_off_is_no_answer(receiver: Receiver) -> None:
    with pytest.raises(Exception, match="IncompleteRead"):
        reply(receiver, raw(HEAD + b"Content-Length: 9\r\n\r\nok"))


def test_a_connection_that_is_refused_is_told_as_one_that_never_left(receiver: Receiver) -> None:
    receiver.close()
    with pytest.raises(URLError):
        reply(receiver, hang)
