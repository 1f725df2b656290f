"""Reading: events in order beside those who write, their runs, entities; and forgetting."""

from typing import Any

from ingestlayer_cli.model.events import Event
from ingestlayer_cli.model.memory import Remembered, Traits
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.reading import About, DeliverySelection, Selection
from ingestlayer_cli.store.contract.refused import NewDeadLetter
from tests.support.clock import FakeClock

from .words import accept, add, arrived, claim, event, failed, message, queue, run


def ids(store: Store, selection: Selection, newest_first: bool = True, limit: int | None = None) -> list[str]:
    return [item.event.id for item in store.history.select(selection, newest_first, limit)]


def test_events_are_chosen_in_the_order_of_their_times(store: Store) -> None:
    accept(store, event("evt_1", at=30), event("evt_2", at=10, type_="usage.a"), event("evt_3", at=20, type_="usage.b"))
    assert ids(store, Selection()) == ["evt_1", "evt_3", "evt_2"]
    assert ids(store, Selection(type="usage.*"), newest_first=False) == ["evt_2", "evt_3"]
    assert ids(store, Selection(since=20, until=30)) == ["evt_3"]
    assert ids(store, Selection(), limit=1) == ["evt_1"]
    assert store.history.types("usage.*") == ["usage.a", "usage.b"]


def test_events_are_chosen_in_the_order_of_their_acceptance(store: Store) -> None:
    accept(store, event("evt_1", at=30), event("evt_2", at=10, type_="usage.a"), event("evt_3", at=20, type_="usage.b"))
    found = store.history.select(Selection(since=15), newest_first=False, as_accepted=True)
    assert [item.event.id for item in found] == ["evt_1", "evt_3"]
    found = store.history.select(Selection(type="usage.*"), limit=1, as_accepted=True)
    assert [item.event.id for item in found] == ["evt_3"]
    assert store.history.in_order({"evt_3", "evt_1", "evt_2"}, as_accepted=True) == ["evt_1", "evt_2", "evt_3"]
    assert store.history.in_order({"evt_3", "evt_1", "evt_2"}) == ["evt_2", "evt_3", "evt_1"]


def test_what_a_run_was_given_is_read_with_it_and_forgotten_with_the_last_that_was_given_the_same(
    store: Store, other: Store
) -> None:
    for number, (given, where) in enumerate((("x", store), ("x", other), ("", store), (None, store), ("y", store))):
        accept(where, event(f"evt_{number}"), now=10 * number)
        with where.transaction() as transaction:
            transaction.add_run(f"evt_{number}", run()._replace(given=given), 10)
    names = [f"evt_{number}" for number in range(5)]
    firsts = store.runs.firsts(names, bodies=False)
    assert [firsts[name]["p"].given for name in names] == ["x", "x", "", None, "y"]
    assert store.upkeep.prune(FakeClock(0), 5, 5) == 1
    assert store.runs.firsts(["evt_1"], bodies=False)["evt_1"]["p"].given == "x"
    assert store.upkeep.prune(FakeClock(0), 15, 15) == 1
    assert store.runs.firsts(["evt_4"], bodies=False)["evt_4"]["p"].given == "y"


def test_events_are_chosen_by_what_became_of_them(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    accept(store, event("evt_2", "k", source="cron"))
    with store.transaction() as transaction:
        transaction.add_run("evt_2", run(outcome="dropped", pipeline="q"), 10)
    assert ids(store, Selection(status="pending")) == ["evt_1"]
    assert ids(store, Selection(status="dropped")) == ["evt_2"]
    assert ids(store, Selection(pipeline="q")) == ids(store, Selection(key="k")) == ids(store, Selection(source="cron"))


def test_what_became_of_the_events_of_late_is_counted(store: Store, other: Store) -> None:
    queue(store, "evt_1", at=10)
    queue(store, "evt_2", at=20)
    accept(store, event("evt_3", at=30))
    with store.transaction() as transaction:
        transaction.add_duplicate("evt_2", 40)
        for at, words in ((5, "old"), (30, "first"), (40, "second")):
            transaction.add_dead_letter(NewDeadLetter(at, "schema", "usage", "cli", None, words, [], "{}"))
    assert other.upkeep.recent(20) == (2, 1, 1, 2, 30, "second")
    assert other.upkeep.recent(99) == (0, 0, 0, 0, None, None)


def test_the_latest_time_is_of_what_was_written_last(store: Store, other: Store) -> None:
    assert store.upkeep.latest() is None
    accept(store, event("evt_0"), now=10_000)  # by a clock that was ahead
    accept(store, event("evt_1"), now=100)
    assert other.upkeep.latest() == 10_000
    accept(store, *(event(f"evt_{number}") for number in range(2, 99)), now=200)
    assert other.upkeep.latest() == 200


def test_an_iteration_sees_each_event_once_while_others_write(store: Store, other: Store) -> None:
    accept(store, *(event(f"evt_{number}", at=number) for number in range(3)))
    found = store.history.select(Selection(), newest_first=False)
    first = next(found)
    accept(other, event("evt_9", at=1))
    seen = [first.event.id, *(item.event.id for item in found)]
    assert [id_ for id_ in seen if id_ != "evt_9"] == ["evt_0", "evt_1", "evt_2"]
    assert seen.count("evt_9") <= 1


def test_whoever_goes_on_from_a_place_meets_each_event_once(store: Store, other: Store) -> None:
    accept(store, event("evt_1"))
    mark = store.history.mark()
    accept(other, event("evt_2", at=1))
    accept(other, event("evt_3", at=0))
    found = store.history.accepted_after(Selection(), mark)
    assert [item.event.id for _, item in found] == ["evt_2", "evt_3"]
    assert [item.event.id for _, item in store.history.accepted_after(Selection(), found[0][0])] == ["evt_3"]
    assert len(store.history.accepted_after(Selection(), None)) == 3


def test_after_everything_is_forgotten_a_place_still_comes_before_the_next_event(store: Store) -> None:
    accept(store, event("evt_1"), event("evt_2"))
    mark = store.history.mark()
    assert store.upkeep.prune(FakeClock(0), 99, 99) == 2
    mark = store.history.mark(mark)
    accept(store, event("evt_3"))
    assert [item.event.id for _, item in store.history.accepted_after(Selection(), mark)] == ["evt_3"]


def test_one_event_is_found_by_its_place_its_id_and_its_key(store: Store) -> None:
    accept(store, event("evt_a1", "k"), event("evt_a2"), event("evt_b1", "k"))
    last, before = store.history.back(0), store.history.back(1)
    assert last is not None
    assert before is not None
    assert (last.event.id, before.event.id, store.history.back(3)) == ("evt_b1", "evt_a2", None)
    assert [item.event.id for item in store.history.starting("evt_a", 9)] == ["evt_a1", "evt_a2"]
    assert [item.event.id for item in store.history.with_key("k")] == ["evt_b1", "evt_a1"]
    assert store.history.same("usage", None, 10, {"id": "evt_a2"}) == ["evt_a2"]


def test_events_of_ids_come_as_they_are_asked_for(store: Store) -> None:
    accept(store, event("evt_1", at=30), event("evt_2", at=10))
    assert store.history.in_order({"evt_1", "evt_2"}) == ["evt_2", "evt_1"]
    assert [found.id for found in store.history.events(["evt_1", "gone", "evt_2"])] == ["evt_1", "evt_2"]


def test_the_past_of_an_event_says_where_its_messages_are(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"), message("dlv_2", "#b"))
    sent = claim(store)
    assert sent is not None
    store.outbox.record(sent, arrived(), "me")
    past = store.runs.past(["evt_1"])["evt_1"]
    assert past.run == 1
    assert past.sent["p", "slack", "#a"][0] == "delivered"
    status, waiting = past.sent["p", "slack", "#b"]
    assert (status, [row["id"] for row in store.outbox.states(waiting)]) == ("waiting", ["dlv_2"])


def test_runs_are_told_by_their_event(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    with store.transaction() as transaction:
        transaction.add_run("evt_1", run(2, "dropped", replayed_at=50), 50)
    assert [(row.number, row.outcome, row.replayed_at) for row in store.runs.of_event("evt_1")] == [
        (1, "queued", None),
        (2, "dropped", 50),
    ]
    assert [(row.target, row.status) for row in store.runs.outcomes("evt_1")] == [("#a", "pending"), ("", "dropped")]
    assert store.runs.firsts(["evt_1"], False)["evt_1"]["p"].targets == ["#a"]
    assert [row.text for row in store.runs.first_versions(["evt_1"])["evt_1"]] == ["text"]
    assert (store.runs.pipelines(), [row.version for row in store.runs.versions()["p"]]) == (["p"], ["1"])


def test_entities_are_read_in_the_order_of_their_keys(store: Store) -> None:
    known = Traits({"plan": "pro"}, {"plan": ("hand", 1)}, 1, 1)
    with store.transaction() as transaction:
        transaction.write_entities("customer", dict.fromkeys(("b", "a", "c"), known))
    assert [key for key, _ in store.entities.every("customer")] == ["a", "b", "c"]
    assert store.entities.of_keys("customer", ["a", "x"]) == {"a": known}
    assert (store.entities.kinds(), store.entities.count("customer")) == (["customer"], 3)
    assert store.entities.starting("customer", "b", 9) == ["b"]


def test_what_is_settled_and_old_is_forgotten_and_what_waits_stays(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    accept(store, event("evt_2"), event("evt_3"))
    accept(store, event("evt_4"), now=50)
    assert store.upkeep.prune(FakeClock(0), 50, 50) == 2
    assert sorted(ids(store, Selection())) == ["evt_1", "evt_4"]
    assert store.upkeep.faults() == []


def test_memory_is_forgotten_when_it_is_due_and_never_of_a_scope_that_is_forever(store: Store) -> None:
    with store.transaction() as transaction:
        for scope in ("s", "always"):
            for at in (10, 60):
                transaction.remember(Remembered(scope, "k", at), "gone")
    store.upkeep.prune(FakeClock(0), 50, 50, forever=["always"])
    assert store.seen("s", "k", 0, 50) is None
    assert store.seen("s", "k", 50, 99) is not None
    assert store.seen("always", "k", 0, 50) is not None


def test_what_is_there_is_counted_by_what_it_is(store: Store) -> None:
    assert store.upkeep.totals() == ({}, {}, {}, None, None, None, None)
    queue(store, "evt_1", message("dlv_1"), message("dlv_2", "#b"), now=10)
    accept(store, event("evt_2", type_="usage.a"), event("evt_3"), now=30)
    sent = claim(store)
    assert sent is not None
    store.outbox.record(sent, arrived(), "me")
    with store.transaction() as transaction:
        transaction.add_run("evt_2", run(outcome="dropped", pipeline="q"), 30)
        transaction.add_run("evt_3", run(pipeline="q"), 30)
        transaction.add_dead_letter(NewDeadLetter(40, "schema", "usage", "cli", None, "no", [], "{}"))
    found = store.upkeep.totals()
    assert found.events == {"usage": 2, "usage.a": 1}
    assert found.runs == {("p", "queued"): 1, ("q", "dropped"): 1, ("q", "queued"): 1}
    assert found.deliveries == {("slack", "#a", "delivered"): 1, ("slack", "#b", "pending"): 1}
    assert found[3:] == (30, 40, 10, 10)


def test_what_was_superseded_is_counted_no_more(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    sent = claim(store)
    assert sent is not None
    store.outbox.record(sent, failed(status="dead"), "me")
    assert store.upkeep.totals().deliveries == {("slack", "#a", "dead"): 1}
    with store.transaction() as transaction:
        transaction.earlier.supersede("evt_1", "p", {("slack", "#a"): "dlv_2"}, 30)
    assert store.upkeep.totals().deliveries == {}


def test_a_store_that_grows_says_so(store: Store) -> None:
    before = store.upkeep.size()
    accept(store, *(event(f"evt_{number}" + "x" * 5_000) for number in range(20)))
    assert sum(store.upkeep.size()) > sum(before)


def test_the_texts_of_a_pipeline_are_kept_and_the_version_that_ran_last_is_known(store: Store) -> None:
    for number, version in enumerate(("a", "b", "a")):
        accept(store, event(f"evt_{number}"), now=10 * number)
        with store.transaction() as transaction:
            transaction.add_run(f"evt_{number}", run()._replace(version=version, text=f"text {version}"), 10 * number)
    assert list(store.runs.texts("p").items()) == [("b", "text b"), ("a", "text a")]
    assert store.runs.last_version("p") == "a"
    assert (store.runs.texts("q"), store.runs.last_version("q")) == ({}, None)


def told(id_: str, payload: dict[str, Any], key: str | None = None) -> Event:
    return event(id_, key)._replace(payload=payload)


def test_events_are_found_by_a_value_a_part_of_their_key_or_any_text(store: Store) -> None:
    accept(
        store,
        told("evt_1", {"customer": "acme", "note": "out of 100%"}),
        told("evt_2", {"customer": "acme-2", "list": ["Acme"]}),
        told("evt_3", {"customer": 4711, "_": 'a "quoted" ünïcode'}, "acme:seats"),
        told("evt_4", {"customer": 47112}),
    )

    def found(*texts: str, whole: bool = True) -> list[str]:
        return sorted(ids(store, Selection(about=About(texts, whole))))

    assert found("acme") == ["evt_1", "evt_2", "evt_3"]
    assert found("acm") == found("seats:acme") == found("note") == []
    assert found("4711") == ["evt_3"]
    assert found("4711", "47112") == ["evt_3", "evt_4"]
    assert found("CME-", whole=False) == ["evt_2"]
    assert found("100%", whole=False) == ["evt_1"]
    assert found("1%0", whole=False) == found("c_stomer", whole=False) == []
    assert found('"quoted" ünï', whole=False) == ["evt_3"]


def test_deliveries_are_found_by_their_event_and_by_what_they_say(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    queue(store, "evt_2", message("dlv_2")._replace(body='{"text":"Hooli Inc is out"}'))

    def found(text: str, whole: bool = True) -> list[str]:
        selection = DeliverySelection(about=About((text,), whole))
        rows = [row["id"] for row in store.deliveries.find(selection, 9)]
        assert store.deliveries.count(selection) == len(rows)
        return rows

    assert found("evt_1") == ["dlv_1"]
    assert found("hooli inc") == []
    assert found("hooli inc", whole=False) == ["dlv_2"]


def test_refusals_are_found_by_any_text(store: Store) -> None:
    with store.transaction() as transaction:
        for number, raw in enumerate(('{"id": "Acme"}', "nonsense of globex", '{"id": "acme\\"s"}')):
            transaction.add_dead_letter(NewDeadLetter(number, "json", "usage", "cli", None, "no JSON", [], raw))
    assert [row["raw"] for row in store.refusals.about("acme", 9)] == ['{"id": "acme\\"s"}', '{"id": "Acme"}']
    assert [row["raw"] for row in store.refusals.about('acme"s', 9)] == ['{"id": "acme\\"s"}']
    assert len(store.refusals.about("usage", 2)) == 2
    assert len(store.refusals.about("", 9)) == 3
    assert (len(store.refusals.about("", 9, "usage", "cli")), store.refusals.about("", 9, "usage.*")) == (3, [])
    assert store.refusals.about("", 9, None, "app") == []


def test_ids_are_as_short_as_they_are_unique(store: Store) -> None:
    queue(store, "evt_1", message("dlv_0123456789abcdefgh"), message("dlv_0123456789abcdexyz"), message("dlv_9"))
    assert store.deliveries.shortest(["dlv_0123456789abcdefgh", "dlv_9"]) == ["dlv_0123456789abcdef", "dlv_9"]


def test_what_comes_of_some_types_may_be_left_out_of_what_did_not_arrive_and_of_what_waits(store: Store) -> None:
    queue(store, "evt_1", message("dlv_1"))
    with store.transaction() as transaction:
        add(transaction, event("evt_2", type_="own.x"))
        add(transaction, event("evt_3", type_="ownx"))
        for id_ in ("evt_2", "evt_3"):
            transaction.add_run(id_, run(outcome="failed"), 10)
            transaction.add_unfinished(id_, 1, id_, 1, None)
        transaction.add_delivery("evt_2", 1, message("dlv_2"), 10, 10)
        transaction.add_delivery("evt_2", 1, message("dlv_3", "#b"), 10, 10)
    found = [(row.target, row.number) for row in store.deliveries.not_arrived(0)]
    assert (found, len(store.unfinished.groups())) == ([("#a", 2), ("#b", 1)], 2)
    found = [(row.target, row.number) for row in store.deliveries.not_arrived(0, "own.")]
    assert (found, [group.event for group in store.unfinished.groups("own.")]) == ([("#a", 1)], ["evt_3"])
