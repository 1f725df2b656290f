"""The messages to a target that has a budget."""

from ingestlayer_cli.store.contract.accepting import NewThread
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.sending import Attempt, Claimed

from .words import arrived, claim, failed, message, queue


def claimed(store: Store, now: int = 20) -> Claimed:
    found = claim(store, now)
    assert found is not None
    return found


def test_what_was_posted_lately_to_a_target_is_told(store: Store, other: Store) -> None:
    queue(store, "e", *(message(id_) for id_ in "abcd"), message("x", "#other"))
    outcomes = [
        arrived(21, "1.1"),
        failed(31, 9_999),
        Attempt(41, 1, "unknown", "unknown", True, 41, "lost"),
    ]
    for attempt in outcomes:
        store.outbox.record(claimed(store, attempt.at), attempt, "me")
    last = claimed(store, 51)
    assert other.gathering.posted(last, 0) == [22, 42]
    assert other.gathering.posted(last, 22) == [42]


def test_what_went_into_a_thread_is_not_in_the_channel(store: Store) -> None:
    queue(store, "e", message("a"), message("b"))
    reply = arrived()._replace(receipt={"channel": "C1", "ts": "1.2", "thread_ts": "1.1"})
    store.outbox.record(claimed(store), reply, "me")
    assert store.gathering.posted(claimed(store), 0) == []


def test_what_else_is_due_to_a_target_and_what_waits_for_a_thread(store: Store) -> None:
    thread = NewThread("p 1 #a", "k", 10, 100)
    queue(store, "e", message("a", thread=thread), message("b"), message("x", "#other"), message("c"))
    first = claimed(store)
    found = store.gathering.beside(first, 20, 10, 1)
    assert [(item.id, item.event, item.body) for item in found] == [("b", "e", '{"text": "hi"}'), ("c", "e", None)]
    assert [item.id for item in store.gathering.beside(first, 20, 1, 1)] == ["b"]
    store.outbox.record(first, arrived(), "me")
    queue(store, "f", message("d", thread=thread), message("e"))
    assert [item.id for item in store.gathering.beside(claimed(store, 30), 30, 10, 0)] == ["c", "e"]


def test_what_is_held_back_waits_and_is_known_as_such(store: Store, other: Store) -> None:
    queue(store, "e", message("a"), message("b"), message("x", "#other"))
    first = claimed(store)
    assert not first.held_back
    store.gathering.hold_back(first, 20, 500, "later")
    store.outbox.record(first, Attempt(21, 0, "waits", "pending", False, 500, "later"), "me")
    assert claimed(other, 30).id == "x"
    assert claim(other, 499) is None
    again = claimed(other, 500)
    assert (again.id, again.held_back) == ("a", True)
    assert [item.id for item in other.gathering.beside(again, 500, 10, 0)] == ["b"]
    assert other.gathering.gather(again, 500, 10) == other.gathering.beside(again, 500, 10, 0)


def test_what_a_carried_message_said_is_carried_along(store: Store) -> None:
    queue(store, "e", message("a"), message("b"))
    first = claimed(store)
    assert store.gathering.carry(first, ["b"], "{}", {}, "me")
    store.outbox.record(first, failed(due_at=30), "me")
    queue(store, "f", message("c"))
    second = claimed(store, 25)
    assert second.id == "c"
    assert store.gathering.carry(second, ["a"], "{}", {}, "me")
    store.outbox.record(second, arrived(26), "me")
    assert store.deliveries.whole("b")["carried_by"] == "c"
    assert {store.deliveries.whole(id_)["status"] for id_ in "abc"} == {"delivered"}


def test_what_a_clock_wrote_that_was_far_ahead_is_not_counted(store: Store) -> None:
    queue(store, "e", message("a"), message("b"))
    store.outbox.record(claimed(store), arrived(10**9), "me")
    assert store.gathering.posted(claimed(store), 0) == []
