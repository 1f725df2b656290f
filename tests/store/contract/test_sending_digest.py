"""Messages that wait to be one."""

import json

from ingestlayer_cli.store.contract.accepting import NewDelivery
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.reading import DeliverySelection
from ingestlayer_cli.store.contract.sending import Attempt, Claimed

from .words import add, arrived, claim, event, run


def gathering(store: Store, *ids: str, now: int = 10, window: int = 100, digest: str = "k") -> None:
    """Queue messages of events of a digest, each in a transaction of its own."""
    for id_ in ids:
        with store.transaction() as transaction:
            add(transaction, event(f"evt_{id_}"), now)
            transaction.add_run(f"evt_{id_}", run(), now)
            message = NewDelivery(id_, "p", "slack", "#a", "{}", directions='{"digest": {}}', digest=digest)
            transaction.add_delivery(f"evt_{id_}", 1, message, now, now + window)


def claimed(store: Store, now: int = 110) -> Claimed:
    found = claim(store, now)
    assert found is not None
    return found


def statuses(store: Store) -> dict[str, tuple[str, str | None]]:
    return {
        row["id"]: (row["status"], row["carried_by"]) for row in store.deliveries.find(DeliverySelection(since=0), None)
    }


def test_what_joins_a_digest_goes_when_the_first_of_it_does(store: Store) -> None:
    gathering(store, "a")
    gathering(store, "b", now=90)
    gathering(store, "c", now=90, digest="other")
    assert claim(store, 109) is None
    first = claimed(store)
    found = store.gathering.gather(first, 110, 10)
    assert (first.id, [(item.id, item.event) for item in found]) == ("a", [("b", "evt_b")])


def test_the_oldest_are_gathered_first(store: Store) -> None:
    gathering(store, "a", "b", "c", "d")
    assert [item.id for item in store.gathering.gather(claimed(store), 110, 2)] == ["b", "c"]


def test_what_another_message_says_becomes_what_that_becomes(store: Store, other: Store) -> None:
    gathering(store, "a", "b", "c")
    first = claimed(store)
    assert store.gathering.carry(first, ["b"], '{"text": "two"}', {"carries": 2}, "me")
    assert statuses(other) == {"a": ("pending", None), "b": ("pending", "a"), "c": ("pending", None)}
    store.outbox.record(first, arrived(), "me")
    assert statuses(other) == {"a": ("delivered", None), "b": ("delivered", "a"), "c": ("pending", None)}
    assert other.deliveries.whole("a")["body"] == {"text": "two"}
    assert claimed(store, 200).id == "c"
    assert claim(store, 10**14) is None


def test_one_that_was_taken_up_otherwise_is_not_carried_nor_are_the_others(store: Store) -> None:
    gathering(store, "a", "b", "c")
    first = claimed(store)
    store.deliveries.settle("c", Attempt(111, 0, "settled", "dead", False, 111, "given up"), "me")
    assert not store.gathering.carry(first, ["b", "c"], "{}", {}, "me")
    assert statuses(store) == {"a": ("pending", None), "b": ("pending", None), "c": ("dead", None)}
    assert not store.gathering.carry(first, ["b"], "{}", {}, "somebody else")
    assert store.gathering.carry(first, ["b"], "{}", {}, "me")


def test_a_retry_of_what_is_carried_is_one_of_its_carrier(store: Store) -> None:
    gathering(store, "a", "b")
    first = claimed(store)
    assert store.gathering.carry(first, ["b"], "{}", {}, "me")
    store.outbox.record(first, Attempt(111, 1, "refused", "dead", True, 111, "no"), "me")
    assert statuses(store) == {"a": ("dead", None), "b": ("dead", "a")}
    assert store.deliveries.retry(["b"], 120) == 1
    again = claimed(store, 120)
    assert again.id == "a"
    assert claim(store, 10**14) is None
    store.outbox.record(again, arrived(121), "me")
    assert statuses(store) == {"a": ("delivered", None), "b": ("delivered", "a")}


def test_what_carries_and_may_have_arrived_leaves_the_others_waiting(store: Store) -> None:
    gathering(store, "a", "b")
    first = claimed(store)
    assert store.gathering.carry(first, ["b"], "{}", {}, "me")
    store.outbox.record(first, Attempt(111, 1, "unknown", "unknown", True, 111, "lost"), "me")
    assert statuses(store) == {"a": ("unknown", None), "b": ("pending", "a")}
    assert claim(store, 10**14) is None


def test_what_waits_is_told_with_what_it_waits_for(store: Store, other: Store) -> None:
    gathering(store, "a", "b")
    gathering(store, "c", window=50, digest="other")
    with store.transaction() as transaction:
        add(transaction, event("evt_d"), 10)
        transaction.add_run("evt_d", run(), 10)
        for id_, directions, due in (("d", '{"hours":{"name":"x"}}', 70), ("e", "{}", 70)):
            message = NewDelivery(id_, "p", "slack", "#b", "{}", directions=directions)
            transaction.add_delivery("evt_d", 1, message, 10, due)
    assert other.deliveries.put_off(10) == [("digest", "#a", 3, 60), ("hours", "#b", 1, 70)]
    first = claimed(store, 60)
    store.gathering.hold_back(first, 110, 500, "why")
    store.outbox.record(first, Attempt(110, 0, "waits", "pending", False, 500, "why"), "me")
    assert other.deliveries.put_off(60) == [("hours", "#b", 1, 70), ("budget", "#a", 3, 500)]
    assert other.deliveries.put_off(600) == []


def test_what_one_call_found_is_held_until_it_is_released(store: Store, other: Store) -> None:
    with store.transaction() as transaction:
        add(transaction, event("evt_1"), 10)
        transaction.add_run("evt_1", run(), 10)
        for id_, digest in (("a", "run/k"), ("b", "run/k"), ("c", "k")):
            message = NewDelivery(id_, "p", "slack", "#a", "{}", directions='{"digest": {}}', digest=digest)
            transaction.add_delivery("evt_1", 1, message, 10, 500)
    queued = transaction.queued
    assert claim(other, 20) is None
    store.gathering.release(queued, 20, 499)
    assert claim(other, 20) is None
    store.gathering.release(queued, 20, 500)
    first = claimed(other, 20)
    assert (first.id, [item.id for item in other.gathering.gather(first, 20, 10)]) == ("a", ["b"])


def test_what_a_call_held_that_has_vanished_is_let_go(store: Store, other: Store) -> None:
    with store.transaction() as transaction:
        add(transaction, event("evt_1"), 10)
        transaction.add_run("evt_1", run(), 10)
        for id_, holder in (("a", "gone"), ("b", "gone"), ("c", "alive")):
            told = json.dumps({"digest": {"held_by": holder}})
            message = NewDelivery(id_, "p", "slack", "#a", "{}", directions=told, digest="run/k")
            transaction.add_delivery("evt_1", 1, message, 10, 500)
    assert [other.gathering.let_go("gone".__eq__, 20) for _ in range(2)] == [2, 0]
    first = claimed(other, 20)
    assert (first.id, [item.id for item in other.gathering.gather(first, 20, 10)]) == ("a", ["b"])


def test_one_that_failed_before_another_said_it_is_not_sent_itself(store: Store, other: Store) -> None:
    """It has a time that no pause explains: what a clock that was ahead has written is set right, and that is not."""
    gathering(store, "a", "b")
    failed = claimed(store)
    store.outbox.record(failed, Attempt(110, 0, "retry", "retrying", True, 120, "busy"), "me")
    carrier = claimed(store, 115)
    assert (failed.id, carrier.id) == ("a", "b")
    assert store.gathering.carry(carrier, ["a"], "{}", {}, "me")
    store.outbox.record(carrier, Attempt(120, 0, "unknown", "unknown", True, 120, "lost"), "me")
    other.outbox.set_right(130, lambda kind: 0, 100, 100)
    assert claim(other, 200) is None
    assert statuses(other) == {"a": ("retrying", "b"), "b": ("unknown", None)}
