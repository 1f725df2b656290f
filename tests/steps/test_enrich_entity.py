"""`enrich.entity`: the row of an entity file on `$entity.KIND`."""

import json
import os

import pytest

from ingestlayer_cli.system.errors import Exit
from tests.support.pipe import CUSTOMERS, Pipe

ENRICH = "[[steps]]\nuse = 'enrich.entity'\nkind = 'customer'\nkey = '$event.customer_id'\n"


def test_the_row_of_the_key_is_on_the_kinds_ref(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    pipe.emit(customer_id="acme")
    assert pipe.messages() == ["acme Acme Inc"]


def test_the_trace_names_file_and_line_and_what_was_set(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    assert pipe.traced(customer_id="globex") == {
        "step": "enrich.entity",
        "verdict": "continue",
        "note": "customer globex: customers.csv line 3",
        "set": {"entity.customer": {"customer_id": "globex", "name": "Globex GmbH", "mrr": None}},
    }


def test_a_file_that_is_older_than_a_day_is_noted_with_its_age(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    written = pipe.clock.now() / 1000 - 12 * 86_400 - 60
    os.utime(pipe.root / "customers.csv", (written, written))
    assert pipe.traced(customer_id="globex")["note"] == "customer globex: customers.csv (12 days old) line 3"


def test_a_missing_row_is_null_and_noted(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    pipe.emit(customer_id="nobody")
    assert pipe.messages() == ["nobody"]
    entry = pipe.traced(customer_id="nobody")
    assert entry["note"] == "customer nobody is not in customers.csv: $entity.customer is null"
    assert entry["set"] == {}


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("ACME", '"ACME" ≠ "acme"'),
        ("ac\u200bme", '"ac\\u200bme" ≠ "acme"'),
        ("ac me", '"ac me" ≠ "acme"'),
        ("0042", '"0042" ≠ "42"'),
    ],
)
def test_a_missing_row_names_the_key_that_looks_the_same(pipe: Pipe, key: str, words: str) -> None:
    pipe.steps(ENRICH)
    (pipe.root / "customers.csv").write_text("customer_id,name\nacme,Acme\n42,Hooli\n")
    note = pipe.traced(customer_id=key)["note"]
    assert note.endswith(f"is not in customers.csv: $entity.customer is null; {words}, which is there")


def test_what_the_store_alone_knows_is_a_near_miss_too(pipe: Pipe) -> None:
    (pipe.root / "customers.csv").write_text("customer_id,name\nhooli,Hooli\n")
    learning = "[[steps]]\nuse = 'upsert.entity'\nkind = 'customer'\nexternal_id = 'acme'\ntraits = { plan = 'pro' }\n"
    for kind, where in (("customer", "customers.csv"), ("account", "the store")):
        pipe.steps((ENRICH + learning).replace("'customer'", f"'{kind}'"))
        pipe.emit(customer_id="hooli")
        words = f'{kind} ACME is not in {where}: $entity.{kind} is null; "ACME" ≠ "acme", which is there'
        assert pipe.traced(customer_id="ACME")["note"] == words
        pipe.emit(customer_id="ACME")
        ((trace,),) = pipe.select("SELECT trace FROM runs ORDER BY event DESC LIMIT 1")
        assert json.loads(trace)[0]["note"] == words


def test_a_null_key_finds_nothing_and_is_noted(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    assert pipe.outcome(metric="seats") == "queued"
    assert pipe.traced(metric="seats")["note"] == "the key is null: $entity.customer is null"


def test_a_key_that_stands_again_is_noted_and_the_first_row_counts(pipe: Pipe) -> None:
    pipe.write("customers.csv", CUSTOMERS + "acme,Acme Two,1\n")
    pipe.steps(ENRICH)
    entry = pipe.traced(customer_id="acme")
    assert entry["set"]["entity.customer"]["name"] == "Acme Inc"
    assert "line 4" in entry["note"]


def test_a_key_may_be_a_number_of_the_event(pipe: Pipe) -> None:
    pipe.write("customers.csv", "customer_id,name\n7,Seven\n")
    pipe.steps(ENRICH.replace("$event.customer_id", "$event.used"))
    assert pipe.traced(used=7)["set"]["entity.customer"]["name"] == "Seven"


def test_an_entity_before_its_step_is_null(pipe: Pipe) -> None:
    pipe.steps("[[steps]]\nuse = 'filter'\nwhen = '$entity.customer.name == null'\n" + ENRICH)
    assert pipe.outcome(customer_id="acme") == "queued"


def test_a_second_kind_stands_beside_the_first(pipe: Pipe) -> None:
    pipe.write("plans.csv", "plan,seats\npro,50\n")
    pipe.write(
        "ingestlayer.toml",
        '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
        '[entities.plan]\nfile = "plans.csv"\nkey = "plan"\n',
    )
    plan = ENRICH.replace("'customer'", "'plan'").replace("customer_id", "metric")
    pipe.steps(
        ENRICH + plan, destination="when = \"$entity.plan.seats == '50' and $entity.customer.name == 'Acme Inc'\""
    )
    assert pipe.outcome(customer_id="acme", metric="pro") == "queued"


def test_a_changed_file_is_seen_at_the_next_event(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    pipe.emit(customer_id="acme")
    pipe.write("customers.csv", CUSTOMERS.replace("Acme Inc", "Acme Limited"))
    pipe.emit(customer_id="acme")
    assert pipe.messages() == ["acme Acme Inc", "acme Acme Limited"]


def test_a_missing_file_fails_the_run_with_its_name_and_remedy(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    (pipe.root / "customers.csv").unlink()
    result = pipe.emit(customer_id="acme")
    assert result.runs[0].outcome == "failed"
    assert "customers.csv" in result.runs[0].reason
    assert result.exit_codes == [Exit.CONFIG]
    assert result.hints


def test_a_missing_file_of_another_pipeline_blocks_no_message(pipe: Pipe) -> None:
    pipe.steps(ENRICH, "one")
    pipe.steps("", "two")
    (pipe.root / "customers.csv").unlink()
    assert [run.outcome for run in pipe.emit(customer_id="acme").runs] == ["failed", "queued"]
