"""What is being sent is taken out once, wherever whoever waits for it is interrupted."""

from queue import SimpleQueue
from threading import Thread
from typing import Any, cast

import pytest

from ingestlayer_cli.engine import in_hand
from ingestlayer_cli.engine.in_hand import InHand
from ingestlayer_cli.model.sending import Result
from ingestlayer_cli.store.contract.sending import Claimed

CLAIMED = cast(Claimed, object())
SENT = cast(Result, object())


def test_what_is_done_is_taken_out_once() -> None:
    hand = InHand()
    hand.add(CLAIMED, 1, lambda: SENT)
    found: list[tuple[Claimed, int, Result]] = []
    while hand:
        found += hand.finished(1_000)
    assert found == [(CLAIMED, 1, SENT)]
    assert list(hand.rest()) == []


@pytest.mark.parametrize("is_started", [False, True])
def test_interrupted_while_its_thread_is_started_it_is_sent_once(
    is_started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Thread):
        def start(self) -> None:
            if is_started:
                super().start()
            raise KeyboardInterrupt

    sent: list[int] = []

    def send() -> Result:
        sent.append(1)
        return SENT

    monkeypatch.setattr(in_hand, "Thread", Interrupted)
    hand = InHand()
    with pytest.raises(KeyboardInterrupt):
        hand.add(CLAIMED, 1, send)
    assert list(hand.rest()) == [(CLAIMED, 1, SENT)]
    assert sent == [1]


def test_interrupted_when_it_is_told_that_something_is_done_it_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def __init__(self, queue: "SimpleQueue[None]") -> None:
            self.put, self._get = queue.put, queue.get

        def get(self, **_: Any) -> None:
            self._get()
            raise KeyboardInterrupt

    hand = InHand()
    hand._done = queue = cast(Any, Interrupted(hand._done))
    hand.add(CLAIMED, 1, lambda: SENT)
    with pytest.raises(KeyboardInterrupt):
        list(hand.finished(1_000))
    queue.get = lambda **_: pytest.fail("it waits for what has been told")
    assert list(hand.rest()) == [(CLAIMED, 1, SENT)]
