"""Accepting: whole or not at all, and of a key once, however many accept."""

import threading
from collections.abc import Callable

import pytest

from ingestlayer_cli.model.memory import Kept, Remembered, Seen, State, Traits, Upsert
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.contract.refused import NewDeadLetter
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.errors import StoreError

from .words import accept, add, event, message, queue, run


class Broken(Exception):
    """What a transaction fails by."""


def stored(store: Store) -> list[str]:
    return [item.event.id for item in store.history.select(Selection(), newest_first=False)]


def test_what_is_committed_is_seen_by_others_at_once(store: Store, other: Store) -> None:
    accept(store, event("evt_1", "k"))
    assert stored(other) == ["evt_1"]
    first = other.first_with_key("usage", "k", 0)
    assert first is not None
    assert (first.event, first.accepted_at) == (event("evt_1", "k"), 10)


def fail(store: Store) -> None:
    """Write something of everything in a transaction that fails at its end."""
    with store.transaction() as transaction:
        add(transaction, event("evt_1", "k"))
        transaction.add_run("evt_1", run(), 10)
        transaction.add_delivery("evt_1", 1, message("dlv_1"), 10, 10)
        transaction.remember(Remembered("s", "k", 10), "evt_1")
        transaction.upsert(Upsert("customer", "acme", {"plan": "pro"}, "evt_1", 10))
        raise Broken


def test_what_fails_has_left_nothing(store: Store, other: Store) -> None:
    with pytest.raises(Broken):
        fail(store)
    assert stored(other) == []
    assert other.first_with_key("usage", "k", 0) is None
    assert other.outbox.still_waiting(Wanted()) == {}
    assert (other.seen("s", "k", 0, 99), other.traits("customer", "acme")) == (None, None)


def test_a_transaction_that_others_hold_up_for_too_long_does_nothing(store: Store, other: Store) -> None:
    other.wait_at_most(0.05)
    with store.transaction() as transaction:
        assert transaction.first_with_key("usage", "k", 0) is None
        with pytest.raises(StoreError, match=r"over 0\.05 s"), other.transaction() as waiting:
            waiting.first_with_key("usage", "k", 0)
    accept(other, event("evt_1", "k"))
    assert stored(store) == ["evt_1"]


def test_a_transaction_finds_what_it_has_added(store: Store) -> None:
    with store.transaction() as transaction:
        add(transaction, event("evt_1", "k"))
        first = transaction.first_with_key("usage", "k", 0)
        assert first is not None
        assert first.event.id == "evt_1"
        assert transaction.first_with_key("other", "k", 0) is None
        transaction.remember(Kept("s", "k", {"n": 1}, 10), "evt_1")
        assert transaction.state("s", "k") == State({"n": 1}, "evt_1", 10)
        transaction.upsert(Upsert("customer", "acme", {"plan": "pro"}, "evt_1", 10))
        assert transaction.traits("customer", "acme") == Traits({"plan": "pro"}, {"plan": ("evt_1", 10)}, 10, 10)


def test_a_key_is_free_again_after_its_window(store: Store) -> None:
    accept(store, event("evt_1", "k"), now=10)
    assert store.first_with_key("usage", "k", 9) is not None
    assert store.first_with_key("usage", "k", 10) is None


def test_the_newest_event_has_a_key(store: Store) -> None:
    accept(store, event("evt_1", "k"), now=10)
    accept(store, event("evt_2", "k"), now=20)
    first = store.first_with_key("usage", "k", 0)
    assert first is not None
    assert first.event.id == "evt_2"


def test_duplicates_are_counted(store: Store) -> None:
    accept(store, event("evt_1", "k"))
    for now in (20, 30):
        with store.transaction() as transaction:
            transaction.add_duplicate("evt_1", now)
    (item,) = store.history.starting("evt_1", 2)
    assert (item.duplicates, item.last_duplicate_at, item.accepted_at) == (2, 30, 10)


def test_of_writers_at_the_same_time_one_takes_a_key(engine: Callable[[], Store]) -> None:
    engine().close()
    taken: list[str] = []

    def work(name: str) -> None:
        store = engine()
        for number in range(20):
            looked_up = store.look_up([f"k{number}"])
            with store.transaction() as transaction:
                transaction.look_ahead(looked_up, {}, {}, {})
                if transaction.first_with_key("usage", f"k{number}", 0) is None:
                    add(transaction, event(f"evt_{name}_{number}", f"k{number}"))
                    taken.append(f"k{number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"k{number}" for number in range(20))
    assert len(stored(engine())) == 20


def test_what_was_looked_up_holds_unless_others_have_written(store: Store, other: Store) -> None:
    looked_up = store.look_up(["k"])
    accept(other, event("evt_1", "k"))
    with store.transaction() as transaction:
        transaction.look_ahead(looked_up, {}, {}, {})
        first = transaction.first_with_key("usage", "k", 0)
    assert first is not None
    assert first.event.id == "evt_1"


def test_the_latest_remembrance_between_two_times_is_seen(store: Store) -> None:
    with store.transaction() as transaction:
        for at in (10, 20, 30):
            transaction.remember(Remembered("s", "k", at), f"evt_{at}")
    assert store.seen("s", "k", 10, 30) == Seen("evt_20", 20)
    assert store.seen("s", "k", 20, 30) is None
    assert store.seen("s", "k", 0, 99) == Seen("evt_30", 30)


def test_a_state_is_the_one_that_was_kept_last(store: Store) -> None:
    for number in (1, 2):
        with store.transaction() as transaction:
            transaction.remember(Kept("s", "k", {"n": number}, number), f"evt_{number}")
    assert store.state("s", "k") == State({"n": 2}, "evt_2", 2)
    assert list(store.states("s", "")) == [("k", '{"n":2}', "evt_2", 2)]


def test_the_states_of_keys_that_begin_with_a_text_are_all_there(store: Store) -> None:
    with store.transaction() as transaction:
        for number in range(2_500):
            transaction.remember(Kept("s", f"2026-11 {number:04}", {}, number), "evt_1")
        for key in ("2026-10 a", "2026-12 a", ""):
            transaction.remember(Kept("s", key, {}, 1), "evt_1")
        transaction.remember(Kept("t", "2026-11 a", {}, 1), "evt_1")
    assert list(store.states("s", "2026-11 ")) == [(f"2026-11 {n:04}", "{}", "evt_1", n) for n in range(2_500)]
    assert list(store.states("s", "2027")) == []


def test_what_is_looked_up_ahead_is_what_is_stored(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.remember(Kept("s", "k", {}, 1), "evt_1")
        transaction.remember(Remembered("m", "k", 5), "evt_1")
        transaction.upsert(Upsert("customer", "acme", {"plan": "pro"}, "evt_1", 1))
    with store.transaction() as transaction:
        transaction.look_ahead(None, {"customer": ["acme", "b"]}, {"s": ["k", "b"]}, {"m": ["k", "b"]})
        assert transaction.state("s", "k") == State({}, "evt_1", 1)
        assert transaction.state("s", "b") is None
        assert transaction.seen("m", "k", 0, 9) == Seen("evt_1", 5)
        assert transaction.seen("m", "b", 0, 9) is None
        assert transaction.traits("customer", "b") is None
        assert transaction.traits_of("customer", ["acme", "b"]).keys() == {"acme"}


def test_of_a_refusal_the_newest_is_told(store: Store) -> None:
    for number in (1, 2):
        with store.transaction() as transaction:
            transaction.add_dead_letter(
                NewDeadLetter(number, "schema", "usage", "cli", None, f"no {number}", [], '{"a": "b"}')
            )
    found = store.refusals.newest(None)
    assert found is not None
    assert (found[0]["message"], found[1]) == ("no 2", 1)
    assert store.refusals.newest("nothing") is None


def test_what_one_rule_refused_is_read_in_its_order_and_taken_once(store: Store, other: Store) -> None:
    with store.transaction() as transaction:
        for number, (rule, type_) in enumerate((("project", "a"), ("schema", "a"), ("project", "b"), ("project", "a"))):
            transaction.add_dead_letter(NewDeadLetter(number, rule, type_, "cli", None, "no", [], f"text {number}"))
    found = store.refusals.of_rule("project", None, 0, 2)
    assert [(source, text) for _, source, text in found] == [("cli", "text 0"), ("cli", "text 2")]
    assert [row[2] for row in store.refusals.of_rule("project", None, found[-1][0], 2)] == ["text 3"]
    assert [row[2] for row in store.refusals.of_rule("project", "b", 0, 2)] == ["text 2"]
    with store.transaction() as transaction:
        assert transaction.earlier.take_dead_letter(found[0][0])
    with other.transaction() as transaction:
        assert not transaction.earlier.take_dead_letter(found[0][0])
    assert [row[2] for row in other.refusals.of_rule("project", "a", 0, 2)] == ["text 3"]


def test_a_run_that_failed_is_taken_up_once(store: Store, other: Store) -> None:
    queue(store, "evt_1")
    with store.transaction() as transaction:
        transaction.add_run("evt_1", run(2, "failed"), 10)
        transaction.add_unfinished("evt_1", 2, "why", 1, 50)
    assert store.has_unfinished()
    (row,) = other.unfinished.of_events(["evt_1"])
    assert (row.event.id, row.number, row.cause, row.tries, row.retry_at) == ("evt_1", 2, "why", 1, 50)
    assert other.unfinished.due([], ["why"], 49, 100, None, 9) == []
    with store.transaction() as transaction:
        assert transaction.earlier.take_up("evt_1", 2, 1)
        transaction.add_run("evt_1", run(2), 60)
    with other.transaction() as transaction:
        assert not transaction.earlier.take_up("evt_1", 2, 1)
    assert [found.outcome for found in store.runs.of_event("evt_1")] == ["queued", "queued"]


def test_what_is_due_of_failed_runs(store: Store, other: Store) -> None:
    accept(store, *(event(f"evt_{number}", source="s" if number == 3 else "cli") for number in range(1, 5)))
    with store.transaction() as transaction:
        for number, (cause, at) in enumerate([("b", 50), ("a", 60), ("a", None), ("c", 10_000)], start=1):
            transaction.add_run(f"evt_{number}", run(1, "failed"), 10)
            transaction.add_unfinished(f"evt_{number}", 1, cause, 1, at)

    def due(changed: list[str], now: int, source: str | None = None, most: int = 9) -> list[str]:
        found = other.unfinished.due(changed, ["a", "b", "c"], now, 1_000, source, most)
        return [row.event.id for row in found]

    assert due([], 49) == ["evt_4"]  # no pause explains its time
    assert due([], 60) == ["evt_1", "evt_2", "evt_4"]
    assert due(["a"], 50) == ["evt_1", "evt_2", "evt_3", "evt_4"]
    assert due(["a"], 50, most=2) == ["evt_1", "evt_2"]
    assert due(["a"], 50, source="s") == ["evt_3"]
    groups = [
        (group.cause, group.runs, group.retry_at, group.event, group.since) for group in other.unfinished.groups()
    ]
    assert groups == [("a", 2, 60, "evt_2", 10), ("b", 1, 50, "evt_1", 10), ("c", 1, 10_000, "evt_4", 10)]


def test_a_key_may_be_long(store: Store) -> None:
    long, other = "k" * 5_000 + "a", "k" * 5_000 + "b"
    with store.transaction() as transaction:
        transaction.look_ahead(None, {}, {"s": [long]}, {"m": [long]})
        assert transaction.state("s", long) is None
        transaction.remember(Kept("s", long, {"n": 1}, 1), "evt_1")
        transaction.remember(Remembered("m", long, 5), "evt_1")
        assert transaction.state("s", long) == State({"n": 1}, "evt_1", 1)
    assert (store.state("s", long), store.state("s", other)) == (State({"n": 1}, "evt_1", 1), None)
    assert (store.seen("m", long, 0, 9), store.seen("m", other, 0, 9)) == (Seen("evt_1", 5), None)
