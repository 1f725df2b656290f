"""A message that waited for its hours is judged again when they come: what is over by then is not sent."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load, load_beside
from ingestlayer_cli.store.contract.sending import Wanted
from tests.checks.test_run_cleared import clearing
from tests.support.checks import DAY, PIPELINE, Checked
from tests.support.clock import at
from tests.support.pipe import Pipe
from tests.support.stored import database

BUSINESS = '[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\n'
ENTITIES = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
WITHIN = 'hours = "business"\nrecheck = true\n'
LIMIT = 'when = "$event.used / $event.limit >= 1"\n'
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
CROSSING = (
    '[[steps]]\nuse = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [0.8, 1]\n'
    'key = "$event.customer_id:$event.metric"\n'
)
CLEARS = CROSSING + "clears = true\n"
SATURDAY, SUNDAY, MONDAY = "2026-11-07T10:00:00Z", "2026-11-08T10:00:00Z", "2026-11-09T09:00:00Z"
AGAIN = "judged again at 2026-11-09 09:00 UTC: "


@pytest.fixture
def pipe(tmp_path: Any) -> Pipe:
    pipe = Pipe(tmp_path)
    pipe.write("ingestlayer.toml", ENTITIES + BUSINESS)
    pipe.clock.at = at(SATURDAY)
    return pipe


def used(pipe: Pipe, used: float, time: str = SATURDAY, customer: str = "acme", metric: str = "seats") -> str:
    pipe.clock.at = at(time)
    return str(pipe.emit(customer_id=customer, metric=metric, used=used, limit=100).event["id"])


def on_monday(pipe: Pipe) -> list[tuple[str, str | None]]:
    """Deliver, and return what became of every message."""
    pipe.clock.at = at(MONDAY)
    with Runtime(load(str(pipe.root), keep=False), clock=pipe.clock) as runtime:
        assert flow.deliver(runtime, Wanted()).waiting == {}
        return database(runtime.store).rows("SELECT status, error FROM deliveries ORDER BY seq")


def test_what_still_is_so_is_sent(pipe: Pipe) -> None:
    pipe.steps(ENRICH, destination=WITHIN + LIMIT)
    used(pipe, 120)
    used(pipe, 130, SUNDAY)
    assert on_monday(pipe) == [("shown", None)] * 2


def test_what_the_newest_event_of_the_same_says_is_known_then(pipe: Pipe) -> None:
    pipe.steps(ENRICH, destination=WITHIN + LIMIT)
    used(pipe, 120)
    used(pipe, 120, customer="globex")
    used(pipe, 120, metric="storage")
    newer = used(pipe, 50, SUNDAY)
    why = f"{AGAIN}used/limit = 50/100 = 0.5 < 1 (of {newer}, which is newer)"
    assert on_monday(pipe) == [("dropped", why), ("shown", None), ("shown", None)]


def test_a_row_of_an_entity_is_read_anew(pipe: Pipe) -> None:
    pipe.steps(ENRICH + '[[steps]]\nuse = "filter"\nwhen = "$entity.customer.mrr > 1000"\n', destination=WITHIN)
    used(pipe, 120)
    pipe.write("customers.csv", "customer_id,name,mrr\nacme,Acme Inc,10\n")
    assert on_monday(pipe) == [("dropped", f"{AGAIN}filter: entity.customer.mrr = '10' <= 1000")]


def test_what_was_learned_of_an_entity_counts(pipe: Pipe) -> None:
    learn = '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer_id"\n'
    learn += 'traits = { state = "paid" }\n'
    pipe.steps(learn, name="learns", match="other", destination='when = "1 == 2"\n', says="x")
    pipe.steps(ENRICH, destination=WITHIN + 'when = "$entity.customer.state == null"\n')
    used(pipe, 120)
    pipe.emit(type_="other", customer_id="acme")
    assert on_monday(pipe) == [("dropped", f"{AGAIN}entity.customer.state = 'paid' != null")]


def test_a_level_that_is_not_held_any_more_is_not_told(pipe: Pipe) -> None:
    pipe.steps(CROSSING, destination=WITHIN)
    used(pipe, 85)
    used(pipe, 120, customer="globex")
    used(pipe, 79, SUNDAY)  # within `rearm`
    used(pipe, 90, SUNDAY, customer="globex")
    ((status, _), (gone, why)) = on_monday(pipe)
    assert (status, gone) == ("shown", "dropped")
    assert why is not None
    assert why.startswith(f"{AGAIN}crossing: used/limit = 90/100 = 0.9: 1 is not held any more (of evt_")


def test_a_level_that_was_reached_again_is_told_once(pipe: Pipe) -> None:
    pipe.steps(CROSSING, destination=WITHIN)
    for time, value in ((SATURDAY, 120), ("2026-11-07T11:00:00Z", 20), ("2026-11-07T12:00:00Z", 110), (SUNDAY, 120)):
        used(pipe, value, time)
    (first, second) = on_monday(pipe)
    assert first[0] == "dropped"
    assert "1 was reached again at 2026-11-07T12:00:00.000Z" in str(first[1])
    assert second == ("shown", None)


def test_a_level_of_a_period_that_is_over_is_judged_by_the_new_one(pipe: Pipe) -> None:
    pipe.steps(CROSSING + 'period = "day"\n', destination=WITHIN)
    used(pipe, 120)
    used(pipe, 3, SUNDAY)
    ((status, why),) = on_monday(pipe)
    assert status == "dropped"
    assert "used/limit = 3/100 = 0.03, below 1" in str(why)


def test_that_it_is_over_is_told_of_what_was_told_alone(pipe: Pipe) -> None:
    pipe.steps(CLEARS, destination=WITHIN)
    pipe.clock.at = at("2026-11-06T10:00:00Z")
    pipe.emit(customer_id="globex", metric="seats", used=120, limit=100)
    up = used(pipe, 120)
    used(pipe, 50, SUNDAY)
    used(pipe, 50, SUNDAY, customer="globex")
    found = on_monday(pipe)
    assert [status for status, _ in found] == ["shown", "dropped", "dropped", "shown"]
    assert found[2][1] == f"{AGAIN}what is over was never told ({up})"


def test_that_it_is_over_is_not_told_when_it_is_back(pipe: Pipe) -> None:
    pipe.steps(CLEARS, destination=WITHIN)
    pipe.clock.at = at("2026-11-06T10:00:00Z")
    pipe.emit(customer_id="acme", metric="seats", used=120, limit=100)
    used(pipe, 50)
    used(pipe, 120, SUNDAY)
    assert [status for status, _ in on_monday(pipe)] == ["shown", "dropped", "shown"]


def test_its_own_memory_is_no_reason(pipe: Pipe) -> None:
    steps = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "7d"\n'
    steps += '[[steps]]\nuse = "throttle"\nkey = "$event.customer_id"\nmax = 1\nwindow = "7d"\n'
    pipe.steps(steps, destination=WITHIN)
    used(pipe, 120)
    used(pipe, 130)
    assert on_monday(pipe) == [("shown", None)]


def test_what_goes_within_its_hours_is_not_judged_twice(pipe: Pipe) -> None:
    pipe.steps("", destination=WITHIN + LIMIT)
    pipe.clock.at = at("2026-11-06T10:00:00Z")
    with_deliver = pipe.batch([{"customer_id": "acme", "used": 120, "limit": 100}])
    assert with_deliver == ["queued"]
    pipe.clock.sleep(60_000)
    pipe.emit(customer_id="acme", used=50, limit=100)
    pipe.deliver()
    assert pipe.select("SELECT status FROM deliveries") == [("shown",)]


@pytest.mark.parametrize("broken", ["not toml", None])
def test_a_message_whose_pipeline_is_broken_or_gone_is_sent_and_says_so(pipe: Pipe, broken: str | None) -> None:
    pipe.steps("", name="other", match="other")
    pipe.steps("", destination=WITHIN + LIMIT)
    used(pipe, 120)
    used(pipe, 50, SUNDAY)
    path = pipe.root / "pipelines/pipeline.toml"
    path.unlink() if broken is None else path.write_text('match = ["usage"]\n[[steps]]\nuse = "nothing"\n')
    assert on_monday(pipe) == [("shown", None)]
    why = "not there any more" if broken is None else "broken"
    told = f"it could not be judged again at 2026-11-09 09:00 UTC: the pipeline pipeline is {why}"
    (pipe.root / "pipelines/pipeline.toml").unlink(missing_ok=True)
    assert pipe.select("SELECT error FROM attempts WHERE outcome = 'shown'") == [(told,)]


def test_a_broken_entity_file_loses_nothing(pipe: Pipe) -> None:
    pipe.steps(ENRICH, destination=WITHIN + 'when = "$entity.customer.mrr > 1"\n')
    used(pipe, 120)
    pipe.write("customers.csv", '"never closed')
    assert on_monday(pipe) == [("shown", None)]
    ((told,),) = pipe.select("SELECT error FROM attempts WHERE outcome = 'shown'")
    assert told.startswith("it could not be judged again at 2026-11-09 09:00 UTC: customers.csv")


def test_a_broken_project_loses_nothing(pipe: Pipe) -> None:
    pipe.steps("", destination=WITHIN + LIMIT)
    used(pipe, 120)
    settings = (pipe.root / "ingestlayer.toml").read_text()
    pipe.write("ingestlayer.toml", settings + '[slack]\nconnection = "terminal"\n[nonsense]\n')
    pipe.clock.at = at(MONDAY)
    with Runtime(load_beside(str(pipe.root), keep=False), clock=pipe.clock) as runtime:
        flow.deliver(runtime, Wanted())
        ((status, told),) = database(runtime.store).rows("SELECT outcome, error FROM attempts")
    assert status == "shown"
    assert told.startswith("it could not be judged again at 2026-11-09 09:00 UTC: the project is broken")


def test_of_a_digest_each_message_is_judged_when_it_is_composed(pipe: Pipe) -> None:
    digest = '[destinations.digest]\nwindow = "1h"\nkey = "$event.metric"\n'
    pipe.steps("", destination=WITHIN + LIMIT + digest)
    ids = [used(pipe, 120, customer=name) for name in "abcd"]
    for name in "ac":
        used(pipe, 50, SUNDAY, customer=name)
    assert [status for status, _ in on_monday(pipe)] == ["dropped", "shown", "dropped", "shown"]
    bodies = list(pipe.select("SELECT event, carried_by, body FROM deliveries WHERE status = 'shown'"))
    assert [carried is None for _, carried, _ in bodies] == [True, False]
    assert "2 messages" in bodies[0][2]
    assert len(ids) == 4


CHECKED = 'hours = "business"\nrecheck = true\n'


def judged(checked: Checked, *rows: tuple[Any, ...], later: int) -> list[tuple[str, str | None]]:
    """Run the check on these rows, a while later, then deliver."""
    checked.clock.sleep(later)
    checked.csv(*rows)
    assert "error" not in checked.run()
    checked.clock.at = at(MONDAY)
    with Runtime(checked.project, checked.clock) as runtime:
        flow.deliver(runtime, Wanted())
    return checked.select("SELECT status, error FROM deliveries ORDER BY seq")


def test_a_level_that_its_check_has_found_held_no_more_is_not_told_nor_that_it_is_over(tmp_path: Path) -> None:
    checked = clearing(tmp_path)
    checked.tables((tmp_path / "ingestlayer.toml").read_text() + BUSINESS)
    checked.write("pipelines/alerts.toml", PIPELINE.format(type="usage.*") + CHECKED)
    (tmp_path / "pipelines/over.toml").unlink()
    checked.clock.at = at(SATURDAY)
    assert checked.crossed(("acme", 100, 100), ("globex", 100, 100), ("initech", 85, 100)) != []
    found = judged(checked, ("acme", 10, 100), ("globex", 97, 100), ("initech", 100, 100), later=DAY)
    assert [status for status, _ in found] == ["dropped", "shown", "shown", "dropped", "shown"]
    assert found[0][1] == f"{AGAIN}the check api has found 1 held no more"
    assert str(found[3][1]).startswith(f"{AGAIN}what is over was never told (evt_")


def test_of_a_flood_each_message_is_judged(pipe: Pipe) -> None:
    pipe.write("ingestlayer.toml", ENTITIES + '[slack]\nbudget = { "#c" = "1/h" }\n' + BUSINESS)
    pipe.steps("", destination=WITHIN + LIMIT)
    for name in "abc":
        used(pipe, 120, customer=name)
    used(pipe, 50, SUNDAY, customer="b")
    assert [status for status, _ in on_monday(pipe)] == ["shown", "dropped", "shown"]


def test_the_word_of_a_person_is_not_judged(pipe: Pipe) -> None:
    pipe.steps("", destination=WITHIN + LIMIT)
    used(pipe, 120)
    used(pipe, 50, SUNDAY)
    assert [status for status, _ in on_monday(pipe)] == ["dropped"]
    with closing(sqlite3.connect(pipe.root / ".ingestlayer" / "store.db", isolation_level=None)) as store:
        store.execute("UPDATE deliveries SET status = 'retrying'")
    assert on_monday(pipe) == [("shown", None)]


def test_what_is_dropped_holds_up_nobody(pipe: Pipe) -> None:
    pipe.write("ingestlayer.toml", ENTITIES + '[slack]\npace = "1h"\n' + BUSINESS)
    pipe.steps("", destination=WITHIN + LIMIT)
    for name in "abcdef":
        used(pipe, 120, customer=name)
    for name in "abcde":
        used(pipe, 50, SUNDAY, customer=name)
    assert [status for status, _ in on_monday(pipe)] == ["dropped"] * 5 + ["shown"]
    assert pipe.clock.at == at(MONDAY)
