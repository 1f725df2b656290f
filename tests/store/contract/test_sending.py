"""Sending: a delivery is in one hand at a time, a target has its order and pace, and a late word counts rightly."""

from ingestlayer_cli.model.people import Person
from ingestlayer_cli.store.contract.accepting import NewThread, Queued, Rate
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.reading import DeliverySelection, Selection
from ingestlayer_cli.store.contract.sending import GIVEN_UP, Attempt, Claimed, Gathered, Wanted

from .words import LEASE, arrived, claim, failed, message, queue

OVER = Attempt(20, 0, "dropped", "dropped", False, 20, "it is over")


def claimed(store: Store, now: int = 20, wanted: Wanted | None = None, owner: str = "me", pace: int = 0) -> Claimed:
    found = claim(store, now, wanted, owner, pace)
    assert found is not None
    return found


def gone(at: int) -> Attempt:
    return Attempt(at, 1, "unknown", "unknown", True, at, "its sender vanished")


def test_what_is_claimed_is_in_one_hand(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    assert claimed(store).id == "dlv_1"
    assert claim(other, owner="you") is None
    (row,) = other.outbox.leased()
    assert (row.id, row.lease_by, row.lease_until) == ("dlv_1", "me", 20 + LEASE)


def test_of_a_target_what_was_accepted_first_goes_first(store: Store) -> None:
    queue(store, "evt_1", message("dlv_2"), message("dlv_1"))
    first = claimed(store)
    assert claim(store) is None  # the target is in a hand
    store.outbox.record(first, arrived(), "me")
    assert (first.id, claimed(store, 30).id) == ("dlv_2", "dlv_1")


def test_a_target_is_paced_and_another_is_free(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2"), message("dlv_3", "#b"))
    store.outbox.record(claimed(store, pace=100), arrived(), "me")
    store.outbox.record(claimed(store, 22, pace=100), arrived(23, "2"), "me")
    assert claim(store, 119) is None
    assert store.outbox.next_at(Wanted(), 23, 999, 23) == 120
    assert claimed(store, 120).id == "dlv_2"


def test_one_that_failed_is_due_again_when_it_is_said(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    store.outbox.record(claimed(store), failed(due_at=50), "me")
    assert claim(store, 49) is None
    assert store.outbox.soonest(Wanted()) == 50
    again = claimed(store, 50)
    assert (again.attempts, again.due_at) == (1, 50)


def test_a_sender_that_was_taken_for_vanished_still_knows_that_it_arrived(store: Store, other: Store) -> None:
    queued = queue(store, "evt_1", message("dlv_1"))
    slow = claimed(store)
    (row,) = other.outbox.leased()
    other.doubts.abandon(row, gone(20))
    assert other.outbox.counts(queued)["unknown"] == 1
    store.outbox.record(slow, arrived(), "me")
    assert store.outbox.counts(queued)["delivered"] == 1


def test_one_is_abandoned_by_its_own_lease_alone(store: Store, other: Store) -> None:
    queued = queue(store, "evt_1", message("dlv_1"))
    claimed(store)
    (row,) = other.outbox.leased()
    other.doubts.abandon(row._replace(lease_until=row.lease_until - 1), gone(20))
    assert other.outbox.counts(queued)["unknown"] == 0


def test_a_doubt_is_settled_once(store: Store, other: Store) -> None:
    queued = queue(store, "evt_1", message("dlv_1"))
    store.outbox.record(claimed(store), gone(20), "me")
    (row,) = store.doubts.doubtful(Wanted(queued))
    assert (row.id, row.sent_at, row.noticed_at) == ("dlv_1", 20, 21)
    found = Attempt(30, 0, "found", "delivered", False, 30)
    assert store.doubts.settle(row, found, "me")
    assert not other.doubts.settle(row, found, "you")
    assert other.doubts.doubtful(Wanted()) == []


def test_the_first_of_a_thread_goes_before_the_others(store: Store) -> None:
    thread = NewThread("s", "k", 10, 100)
    queue(store, "evt_1", message("dlv_1", thread=thread), message("dlv_2", "#b", thread))
    first = claimed(store)
    assert claim(store) is None
    store.outbox.record(first, arrived(ts="7.7"), "me")
    assert claimed(store, 30).thread == ("C1", "7.7")


def test_a_late_message_of_a_thread_knows_that_it_was_overtaken(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1", thread=NewThread("s", "k", 10, 100)), at=10)
    queue(store, "evt_2", message("dlv_2", thread=NewThread("s", "k", 20, 100)), at=20)
    store.outbox.record(claimed(store), failed(status="dead"), "me")
    store.outbox.record(claimed(store, 30), arrived(31), "me")
    assert store.deliveries.retry(["dlv_1"], 40) == 1
    assert claimed(store, 50).overtaken


def test_a_sender_may_want_what_it_queued_alone(store: Store) -> None:
    older = queue(store, "evt_1", message("dlv_1"))
    own = queue(store, "evt_2", message("dlv_2"))
    assert (len(older), len(own), len(Queued.joined((older, own)))) == (1, 1, 2)
    assert claimed(store, wanted=Wanted(own)).id == "dlv_2"


def test_or_with_what_was_accepted_before_it_for_the_same_targets(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_b", "#b"))
    own = queue(store, "evt_2", message("dlv_2"))
    queue(store, "evt_3", message("dlv_3"))
    wanted, sent = Wanted(own, with_older=True), []
    while (found := claim(store, 20, wanted)) is not None:
        store.outbox.record(found, arrived(20), "me")
        sent.append(found.id)
    assert sent == ["dlv_1", "dlv_2"]
    assert not store.outbox.own_open(wanted, 99)


def test_what_is_queued_tells_its_destinations_and_states(store: Store) -> None:
    queued = queue(store, "evt_1", message("dlv_1"), message("dlv_2", "#b"))
    assert store.outbox.destinations(queued) == ["slack"]
    assert [(row["id"], row["run"], row["status"]) for row in store.outbox.states(queued)] == [
        ("dlv_1", 1, "pending"),
        ("dlv_2", 1, "pending"),
    ]
    assert not queue(store, "evt_2")


def test_people_are_learned_with_an_attempt(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    person = Person("a@b.c", "U1", "", 21)
    store.outbox.record(claimed(store), arrived()._replace(learned=(person,)), "me")
    assert other.outbox.people("", ["a@b.c", "x@y.z"]) == {"a@b.c": person}


def test_the_operator_settles_what_nobody_has_in_hand(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2", "#b"))
    held = claimed(store)
    by_hand = Attempt(30, 0, "settled", "dead", False, 30, GIVEN_UP)
    assert not store.deliveries.settle(held.id, by_hand, "me")
    assert store.deliveries.settle("dlv_2", by_hand, "me")
    assert store.deliveries.whole("dlv_2")["status"] == "dead"


def test_what_is_replaced_is_settled_and_retried_no_more(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2", "#b"), message("dlv_3", "#c"))
    queue(store, "evt_2", message("dlv_9"))
    taken = claim(store)
    assert taken is not None
    store.outbox.record(taken, failed(status="dead"), "me")
    assert store.deliveries.settle("dlv_3", failed(status="dead"), "me")
    with store.transaction() as transaction:
        transaction.add_delivery("evt_1", 2, message("dlv_4"), 30, 30)
        transaction.earlier.supersede("evt_1", "p", {("slack", "#a"): "dlv_4"}, 30)
    rows = {row["id"]: row for row in other.deliveries.find(DeliverySelection(status="dead"), None)}
    assert {id_: row["superseded_by"] for id_, row in rows.items()} == {"dlv_1": "dlv_4", "dlv_3": "dlv_4"}
    assert rows["dlv_1"]["error"] == "superseded by dlv_4"
    assert store.deliveries.retry(["dlv_1", "dlv_3"], 40) == 0
    assert store.outbox.still_waiting(Wanted()) == {"pending": 3}
    assert [(row.target, row.status, row.number) for row in store.deliveries.not_arrived(0)] == [
        ("#b", "pending", 1),
        ("#a", "pending", 2),
    ]


def test_what_did_not_arrive_is_told_by_target_and_status(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2"), now=10)
    queue(store, "evt_2", message("dlv_3", "#b"), message("dlv_4", "#c"), message("dlv_5", "#c"), now=20)
    store.outbox.record(claimed(store), failed(at=30, due_at=500)._replace(lane_free_at=600), "me")
    assert store.deliveries.settle("dlv_4", failed(at=40, status="dead"), "me")
    assert store.deliveries.settle("dlv_5", failed(at=40, status="shown"), "me")
    found = {(row.target, row.status): row for row in other.deliveries.not_arrived(15)}
    assert {place: (row.number, row.since, row.late, row.next_at) for place, row in found.items()} == {
        ("#a", "retrying"): (1, 10, 0, 600),
        ("#a", "pending"): (1, 10, 1, 600),
        ("#b", "pending"): (1, 20, 0, 20),
        ("#c", "dead"): (1, 41, 0, None),
        ("#c", "shown"): (1, 41, 0, None),
    }
    told = found["#a", "retrying"]
    assert (told.id, told.error, told.hint, told.outcome, told.held_until) == ("dlv_1", "no", "again", "retry", 600)
    assert found["#b", "pending"].outcome is None


def test_what_is_dropped_is_settled_and_lets_the_next_one_go_at_once(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2"), now=10)
    store.outbox.record(claimed(store, pace=1000), OVER, "me")
    (row,) = other.deliveries.find(DeliverySelection(status="dropped"), None)
    assert (row["id"], row["error"], row["attempts"], row["next_at"]) == ("dlv_1", "it is over", 0, None)
    assert [row["id"] for row in other.deliveries.find(DeliverySelection(), None)] == ["dlv_2"]
    assert [one.status for one in other.deliveries.not_arrived(99)] == ["pending"]
    assert [found.event.id for found in other.history.select(Selection(status="dropped"))] == ["evt_1"]
    assert claimed(other).id == "dlv_2"


def test_one_that_is_in_hand_is_not_dropped(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2"))
    claimed(store)
    first, second = (Gathered(id_, "evt_1", {}) for id_ in ("dlv_1", "dlv_2"))
    assert not other.gathering.drop(first, OVER, "other")
    assert other.gathering.drop(second, OVER, "other")
    assert not store.gathering.drop(second, OVER, "me")


def test_what_was_given_up_by_hand_is_told_no_more(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    store.deliveries.settle("dlv_1", Attempt(30, 0, "settled", "dead", False, 30, GIVEN_UP), "me")
    assert store.deliveries.not_arrived(99) == []


def test_what_is_in_hand_is_not_replaced(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    taken = claim(store)
    assert taken is not None
    with store.transaction() as transaction:
        transaction.earlier.supersede("evt_1", "p", {("slack", "#a"): "dlv_4"}, 30)
    store.outbox.record(taken, arrived(), "me")
    assert store.deliveries.whole("dlv_1")["status"] == "delivered"


def test_a_late_word_counts_while_nobody_has_tried_since(store: Store, other: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    late = claim(store)
    assert late is not None
    (row,) = other.outbox.leased()
    lost = Attempt(late.claimed_at, 1, "unknown", "unknown", True, 2_000, "gone")
    other.doubts.abandon(row, lost)
    (doubt,) = other.doubts.doubtful(Wanted())
    assert other.doubts.settle(doubt, Attempt(2_000, 0, "resend", "retrying", False, 2_000), "other")
    again = claim(other, 2_000, owner="other")
    assert again is not None
    other.outbox.record(again, Attempt(2_001, 1, "unknown", "unknown", True, 2_001, "no answer"), "other")
    store.outbox.record(late, failed(2_002, 2_002), "me")
    assert store.deliveries.whole("dlv_1")["status"] == "unknown"
    store.outbox.record(late, arrived(2_003), "me")
    assert store.deliveries.whole("dlv_1")["status"] == "delivered"


def test_what_has_a_rate_goes_one_at_a_time_and_its_pace_after_the_last_is_recorded(store: Store) -> None:
    rate = Rate("slow", 100)
    queue(
        store, "evt_1", *(message(f"dlv_{at}", at)._replace(rate=rate) for at in ("#a", "#b")), message("dlv_c", "#c")
    )
    first = claim(store)
    assert first is not None
    free = claim(store)  # another target, without a rate
    assert free is not None
    assert (first.id, free.id) == ("dlv_#a", "dlv_c")
    assert claim(store) is None
    store.outbox.record(first, arrived(at=50), "me")  # until 51
    assert claim(store, now=150) is None
    assert store.outbox.next_at(Wanted(), 60, 60, 61) == 151
    second = claim(store, now=151)
    assert second is not None
    assert second.id == "dlv_#b"
