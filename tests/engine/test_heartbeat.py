"""Heartbeats: a monitor on loopback that is told of runs, or cannot be."""

from time import monotonic

import pytest

from ingestlayer_cli.engine.heartbeat import Heart, Heartbeats
from tests.support.receiver import Answer, Receiver, hang, raw, reset, status

PING = "env:PING_URL"
LONG = 100  # seconds: nothing here is to be told by how quick a machine is


def paths(monitor: Receiver) -> list[str]:
    return [request.path for request in monitor.requests]


def test_a_run_is_told_at_its_start_and_at_its_end(monitor: Receiver) -> None:
    hearts = Heartbeats(LONG)
    Heart(hearts, PING).begins()
    Heart(hearts, PING).ends(True)
    Heart(hearts, PING).begins()
    Heart(hearts, PING).ends(False)
    assert hearts.close(LONG) == []
    path = "/ping/hunter2"
    assert paths(monitor) == [f"{path}/start", path, f"{path}/start", f"{path}/fail"]
    assert {request.content for request in monitor.requests} == {b""}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("/ping/x/", ["/ping/x/start", "/ping/x/fail"]),
        ("/push?token=a%2Fb#top", ["/push/start?token=a%2Fb", "/push/fail?token=a%2Fb"]),
        ("", ["/start", "/fail"]),
    ],
)
def test_the_sign_stands_at_the_end_of_the_path(
    monitor: Receiver, monkeypatch: pytest.MonkeyPatch, address: str, expected: list[str]
) -> None:
    monkeypatch.setenv("PING_URL", monitor.url + address)
    hearts = Heartbeats(LONG)
    Heart(hearts, PING).begins()
    Heart(hearts, PING).ends(False)
    assert hearts.close(LONG) == []
    assert paths(monitor) == expected


def test_an_end_that_was_lost_is_told_once_more(monitor: Receiver) -> None:
    monitor.answers.append(reset)
    hearts = Heartbeats(LONG, 0)
    Heart(hearts, PING).ends(True)
    assert hearts.close(LONG) == []
    assert paths(monitor) == ["/ping/hunter2"] * 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (status(404, "no such check hunter2"), "env:PING_URL answered 404"),
        (
            status(301, "", Location="http://127.0.0.1/hunter2"),
            "env:PING_URL answered 301: redirects are not followed, give the address that it has now",
        ),
        (raw(b"hunter2"), "env:PING_URL gave no answer that can be read (BadStatusLine)"),
        (reset, "env:PING_URL gave no answer that can be read (ConnectionResetError)"),
        (hang, "env:PING_URL gave no answer in time"),
    ],
)
def test_what_goes_wrong_is_said_without_the_address(monitor: Receiver, answer: Answer, words: str) -> None:
    monitor.default = answer
    hearts = Heartbeats(0.3, 0)
    Heart(hearts, PING).ends(True)
    assert hearts.close(LONG) == [words]
    assert "/elsewhere" not in paths(monitor)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("", "the secret env:PING_URL is not set: set the environment variable PING_URL"),
        ("ftp://hunter2", "nothing can be sent to env:PING_URL: it is no http(s) address"),
        ("http://127.0.0.1:1/hunter2", "env:PING_URL could not be reached (Connection refused)"),
    ],
)
def test_an_address_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch, address: str, words: str) -> None:
    monkeypatch.setenv("PING_URL", address)
    hearts = Heartbeats(LONG, 0)
    Heart(hearts, PING).begins()
    assert hearts.close(LONG) == [words]


def test_nobody_waits_for_a_monitor_that_hangs(monitor: Receiver) -> None:
    monitor.default = hang
    hearts = Heartbeats(LONG)
    before = monotonic()
    Heart(hearts, PING).begins()
    hearts.close(0.1)
    assert monotonic() - before < 30
    assert paths(monitor) in ([], ["/ping/hunter2/start"])


def test_it_goes_on_after_it_was_closed(monitor: Receiver) -> None:
    hearts = Heartbeats(LONG)
    for _ in range(2):
        Heart(hearts, PING).ends(True)
        assert hearts.close(LONG) == []
    assert paths(monitor) == ["/ping/hunter2"] * 2
