"""One request and its answer: no redirect is followed, and there is an end to it."""

import socket
from concurrent.futures import ThreadPoolExecutor
from http.client import InvalidURL

import pytest

from ingestlayer_cli.system import transport
from ingestlayer_cli.system.transport import Reply, TooLongError, Transport, UnsentError, first_proxy
from tests.support.receiver import Answer, Receiver, drip, endless, hang, raw, status

HEAD = b"HTTP/1.1 200 OK\r\n"
HEADERS = {"Content-Type": "text/plain", "User-Agent": "x", "webhook-id": "x", "X-Ingestlayer-Delivery": "x"}
NO_LENGTH = HEAD + b"Connection: close\r\n\r\n"


def reply(receiver: Receiver, answer: Answer, seconds: float = 10, path: str = "/") -> Reply:
    receiver.answers.append(answer)
    return Transport(seconds).exchange("POST", receiver.url + path, HEADERS, b"x")


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
    with pytest.raises(UnsentError):
        reply(receiver, hang)


# Proxies


def test_a_proxy_of_the_environment_is_asked_for_the_whole_address(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", receiver.url.replace("://", "://us%C3%A9r:p%40ss@"))
    receiver.answers.append(status(200, "ok"))
    url = "http://slack.example/api/chat.postMessage?a=1"
    assert Transport(5).exchange("POST", url, HEADERS, b"x").text == "ok"
    (request,) = receiver.requests
    assert request.path == url
    assert request.headers["host"] == "slack.example"
    assert request.headers["proxy-authorization"] == "Basic dXPDqXI6cEBzcw=="


@pytest.mark.parametrize("given", ["", "http://", "http://maya:secret@"])
def test_through_a_proxy_an_address_of_https_is_a_tunnel(given: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        asked = pool.submit(refused, server)
        proxy = f"{given}127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(UnsentError, match="Tunnel connection failed: 403"):
            Transport(5, proxy).exchange("POST", "https://slack.example/api/?token=x", HEADERS, b"x")
    head = asked.result()
    assert head.startswith(b"CONNECT slack.example:443 HTTP/1")
    assert (b"Proxy-Authorization: Basic bWF5YTpzZWNyZXQ=" in head) == ("maya" in given)
    assert b"token" not in head


def refused(server: socket.socket) -> bytes:
    """Take one connection, refuse what it asks for, and return that."""
    connection, _ = server.accept()
    with connection:
        asked = connection.recv(65536)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    return asked


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_needs_no_proxy_goes_without(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv(name, "127.0.0.1")
    assert reply(receiver, status(200, "ok")).text == "ok"
    with pytest.raises(UnsentError):
        Transport(5, first_proxy()).exchange("GET", "http://localhost:1/", {})


def test_the_first_proxy_is_that_of_slacks_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env

    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://{name}.example")
        assert first_proxy() == load_http_proxy_from_env() == f"http://{name}.example"


@pytest.mark.parametrize("url", ["ftp://slack.example/", "https:///api", "http://slack.example:x/", "http://a b/"])
def test_what_is_no_address_of_http_is_asked_for_nothing(url: str) -> None:
    with pytest.raises(InvalidURL):
        Transport(5).exchange("GET", url, {})
