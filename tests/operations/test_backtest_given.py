"""Nothing edited means nothing changed: what a run was given is what it is given again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.language.conditions import Condition
from ingestlayer_cli.language.parser import parse
from ingestlayer_cli.model.memory import Upsert, merged
from ingestlayer_cli.store.contract.reading import Selection
from tests.support.pipe import ALL, Pipe

ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
UPSERT = (
    '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer_id"\n'
    'traits = { used = "$event.used", metric = "$event.metric" }\n'
)
GROWN = '[[steps]]\nuse = "filter"\nwhen = "$entity.customer.used == null or $event.used > $entity.customer.used"\n'
DEDUPE = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id:$event.metric"\nwindow = "2h"\n'
CROSSING = (
    '[[steps]]\nuse = "crossing"\nvalue = "$event.used / 100"\nlevels = [0.2, 0.5, 0.8]\nkey = "$event.customer_id"\n'
)
THROTTLE = '[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = 2\nwindow = "1d"\nmode = "{mode}"\n'
SAYS = "${entity.customer.name} ${entity.customer.mrr} ${entity.customer.used} ${entity.customer.last_seen}"


def assert_unchanged(pipe: Pipe, selection: Selection = ALL) -> None:
    told, pairs = pipe.backtest(selection)
    for pair in pairs:
        assert pair.before.outcome == pair.after.outcome, pair
        assert pair.before.bodies == pair.after.bodies, pair
    assert (told["changed"], told["today"]) == (0, {})
    assert told["messages"]["before"] == told["messages"]["after"]


def customers(pipe: Pipe, name: str, mrr: int) -> None:
    pipe.write("customers.csv", f"customer_id,name,mrr,email\nacme,{name},{mrr},a@acme.com\nglobex,Globex,,\n")
    pipe.clock.sleep(1000)


def learn(pipe: Pipe, **values: Any) -> None:
    """Set traits of acme by hand, as `entities set` does."""
    with Runtime(pipe.project(), clock=pipe.clock) as runtime, runtime.store.transaction() as transaction:
        known = transaction.traits_of("customer", ["acme"]).get("acme")
        item = Upsert("customer", "acme", values, "by hand", pipe.clock.now())
        transaction.write_entities("customer", {"acme": merged(known, item)})


def test_enrich_filter_on_a_trait_and_upsert_unedited_change_nothing(pipe: Pipe) -> None:
    pipe.steps(ENRICH + GROWN + UPSERT, says=SAYS)
    for used in (10, 20, 15, 30, 30, 40):
        pipe.emit(customer_id="acme", used=used)
    assert_unchanged(pipe)
    told, _ = pipe.backtest()
    assert sum(told["messages"]["after"].values()) == 4
    assert sum(pipe.plan()["messages"].values()) == 4
    assert sum(pipe.backtest(by_time=True)[0]["messages"]["after"].values()) < 4  # the traits of today


def test_an_edited_entity_file_changes_nothing_that_was(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says=SAYS)
    customers(pipe, "Acme", 10)
    pipe.emit(customer_id="acme")
    pipe.emit(customer_id="nobody")
    customers(pipe, "Acme Inc", 20)
    pipe.emit(customer_id="acme")
    customers(pipe, "Another", 30)
    assert_unchanged(pipe)
    _, pairs = pipe.backtest(by_time=True)
    assert [pair.before.bodies == pair.after.bodies for pair in pairs] == [False, True, False]


def test_an_entity_file_that_is_gone_stops_no_run_that_was_given_its_row(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says=SAYS)
    pipe.emit(customer_id="acme")
    (pipe.root / "customers.csv").unlink()
    assert_unchanged(pipe)


def test_a_late_event_runs_when_it_was_accepted(pipe: Pipe) -> None:
    pipe.steps(ENRICH + UPSERT + CROSSING, says=SAYS)
    for hour, used in ((8, 90), (2, 30), (9, 10), (1, 60), (5, 85)):
        pipe.emit(f"2026-11-03T{hour:02}:00:00Z", customer_id="acme", used=used, metric="m")
    assert_unchanged(pipe)


def test_what_was_dropped_stays_dropped_when_it_alone_is_looked_at(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    for _ in range(3):
        pipe.emit(customer_id="acme", metric="m")
    assert_unchanged(pipe, Selection(status="dropped"))
    assert pipe.backtest(Selection(status="dropped"))[0]["events"] == 2


def test_a_memory_from_before_the_first_event_holds_for_an_edited_pipeline_too(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    pipe.emit(customer_id="acme", metric="m")
    pipe.clock.sleep(60_000)
    since = pipe.clock.now()
    pipe.emit(customer_id="acme", metric="m")
    pipe.emit(customer_id="globex", metric="m")
    pipe.emit(customer_id="globex", metric="m")
    pipe.steps(DEDUPE, says="another")
    assert pipe.backtest(Selection(since=since))[0]["runs"]["after"] == {"queued": 1, "dropped": 2, "failed": 0}


def test_what_an_edited_pipeline_no_more_lets_through_is_not_remembered(pipe: Pipe) -> None:
    pipe.steps(DEDUPE)
    for used in (1, 50, 60):
        pipe.emit(customer_id="acme", metric="m", used=used)
    pipe.steps('[[steps]]\nuse = "filter"\nwhen = "$event.used > 10"\n' + DEDUPE)
    _, pairs = pipe.backtest()
    assert [pair.after.outcome for pair in pairs] == ["dropped", "queued", "dropped"]


def test_what_an_edited_pipeline_looks_up_for_the_first_time_is_of_today_and_told(pipe: Pipe) -> None:
    pipe.steps("", says="$event.customer_id")
    pipe.emit(customer_id="acme")
    pipe.emit(customer_id="nobody")
    pipe.steps(ENRICH, says="${entity.customer.name}")
    told, pairs = pipe.backtest()
    assert told["today"] == {"customer": 2}
    assert "Acme Inc" in pairs[0].after.bodies[0]


def test_a_column_that_was_not_used_then_is_of_today_and_told(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says="${entity.customer.name}")
    customers(pipe, "Acme", 10)
    pipe.emit(customer_id="acme")
    customers(pipe, "Acme Inc", 20)
    pipe.steps(ENRICH, says="${entity.customer.name}: ${entity.customer.mrr}")
    told, pairs = pipe.backtest()
    assert told["today"] == {"customer.mrr": 1}
    assert "Acme: 20" in pairs[0].after.bodies[0]


def test_what_another_pipeline_was_given_for_the_same_event_is_given_too(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says="${entity.customer.name}")
    pipe.emit(customer_id="acme")
    customers(pipe, "Another", 1)
    pipe.steps(ENRICH, name="second", says="${entity.customer.name}")
    told, pairs = pipe.backtest()
    assert told["today"] == {}
    assert "Acme Inc" in pairs[1].after.bodies[0]


def test_traits_that_an_edited_pipeline_writes_reach_its_later_runs_and_those_of_others(pipe: Pipe) -> None:
    pipe.steps("", name="a", says="$event.customer_id")
    pipe.steps(ENRICH + '[[steps]]\nuse = "filter"\nwhen = "$entity.customer.used > 10"\n', name="b", says="b")
    for used in (5, 20, 1):
        pipe.emit(customer_id="acme", used=used)
    pipe.steps(UPSERT, name="a", says="$event.customer_id")
    _, pairs = pipe.backtest()
    assert [pair.after.outcome for pair in pairs if pair.pipeline == "b"] == ["dropped", "queued", "dropped"]


def test_only_what_a_pipeline_uses_is_kept_and_one_row_once(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says="${entity.customer.name}")
    customers(pipe, "Acme", 10)
    pipe.batch([{"customer_id": "acme", "used": number} for number in range(50)])
    for _ in range(5):
        pipe.emit(customer_id="acme")
    assert pipe.select("SELECT content FROM given") == [
        ('[{"kind":"customer","key":"acme","values":{"name":"Acme"}}]',)
    ]
    pipe.steps(ENRICH, says="${entity.customer.name}")
    customers(pipe, "Acme Inc", 10)
    pipe.emit(customer_id="acme")
    assert pipe.select("SELECT count(*) FROM given") == [(2,)]


def test_an_entity_that_is_used_whole_is_kept_whole(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says="${entity.customer | json}")
    customers(pipe, "Acme", 10)
    pipe.emit(customer_id="acme")
    customers(pipe, "Acme Inc", 20)
    assert_unchanged(pipe)


REDACT = """
[[steps]]
use = "redact.pii"
fields = { "entity.customer.email" = { slack = "keep", "*" = "drop" } }
detect = { "*" = { slack = "keep", "*" = "drop" } }
"""


def test_nothing_that_is_redacted_is_kept(pipe: Pipe) -> None:
    pipe.steps(
        REDACT + ENRICH + UPSERT, says="${entity.customer.email} ${entity.customer.metric} ${entity.customer.name}"
    )
    customers(pipe, "Acme", 10)
    for _ in range(2):
        pipe.emit(customer_id="acme", metric="call +1 415 555 0100")
    text = str(pipe.select("SELECT content FROM given"))
    assert "Acme" in text
    assert "a@acme.com" not in text
    assert "555" not in text
    told, _ = pipe.backtest()
    assert told["changed"] == 0
    assert told["today"]["customer.email"] == 2


def test_what_older_runs_were_given_is_of_today(pipe: Pipe) -> None:
    pipe.steps(ENRICH + DEDUPE, says="${entity.customer.name}")
    for _ in range(2):
        pipe.emit(customer_id="acme", metric="m")
    pipe.select("SELECT 1")
    with Runtime(pipe.project(), clock=pipe.clock) as runtime, runtime.store.transaction() as transaction:
        transaction.connection.execute("UPDATE runs SET given = NULL")  # type: ignore[attr-defined]
    told, pairs = pipe.backtest()
    assert told["today"] == {"customer": 2}
    assert [pair.after.outcome for pair in pairs] == ["queued", "dropped"]


def test_what_no_run_that_is_left_was_given_is_pruned(pipe: Pipe) -> None:
    pipe.steps(ENRICH, says="${entity.customer.name}")
    pipe.emit(customer_id="acme")
    customers(pipe, "Another", 1)
    pipe.clock.sleep(3_600_000)
    pipe.emit(customer_id="acme")
    pipe.deliver()
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        assert runtime.store.upkeep.prune(pipe.clock, pipe.clock.now() - 1000, 0) == 1
    assert len(pipe.select("SELECT 1 FROM given")) == 1
    assert_unchanged(pipe)


# Any history ------------------------------------------------------------------------------------------------------

moves = st.lists(
    st.one_of(
        st.tuples(st.just("emit"), st.integers(0, 5), st.integers(0, 100), st.booleans(), st.integers(0, 1)),
        st.tuples(st.just("file"), st.integers(0, 3)),
        st.tuples(st.just("set"), st.integers(0, 100)),
    ),
    max_size=14,
)
STEPS: list[Callable[[], str]] = [
    lambda: ENRICH + GROWN + UPSERT,
    lambda: UPSERT + DEDUPE,
    lambda: ENRICH + CROSSING + THROTTLE.format(mode="drop"),
    lambda: CROSSING + UPSERT + THROTTLE.format(mode="delay"),
]
SELECTIONS = [
    ALL,
    Selection(status="dropped"),
    Selection(where=Condition(parse("$event.used > 40"))),
    Selection(since=1_793_700_000_000 - 6 * 3_600_000),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("given")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=moves, steps=st.integers(0, 3), other=st.integers(0, 3), selection=st.integers(0, 3))
def test_nothing_edited_means_nothing_changed(
    folder: Path, history: list[Any], steps: int, other: int, selection: int
) -> None:
    pipe = Pipe(folder)
    (folder / ".ingestlayer" / "store.db").unlink(missing_ok=True)
    for name in ("store.db-wal", "store.db-shm"):
        (folder / ".ingestlayer" / name).unlink(missing_ok=True)
    pipe.steps(STEPS[steps](), name="a", says=SAYS)
    pipe.steps(STEPS[other](), name="b", says=SAYS)
    for what, *more in history:
        if what == "file":
            customers(pipe, f"Acme {more[0]}", more[0])
        elif what == "set":
            learn(pipe, used=more[0], name=f"N{more[0]}")
        else:
            hour, used, late, customer = more
            at = f"2026-11-03T{hour:02}:00:00Z" if late else None
            pipe.emit(at, customer_id=("acme", "globex")[customer], used=used, metric="m")
            pipe.clock.sleep(1_200_000)
    if (folder / ".ingestlayer" / "store.db").exists():
        assert_unchanged(pipe, SELECTIONS[selection])
        planned, (told, _) = pipe.plan(), pipe.backtest()
        assert (planned["messages"], planned["runs"]) == (told["messages"]["before"], told["runs"]["before"])
