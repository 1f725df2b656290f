"""Traits by hand."""

import pytest

from tests.support.customers import Customers


def test_a_trait_is_set_by_hand_and_pipelines_see_it(customers: Customers) -> None:
    assert customers.here("entities", "set", "customer", "acme", "plan=team").code == 0
    assert customers.origins("acme")["plan"] == "set by hand"
    preview = customers.here("preview", "customer.seen", "customer_id=acme", "--json").json
    assert "on team with 1900" in str(preview["runs"][0]["messages"][0]["body"])


def test_values_are_typed_by_the_project_else_texts_or_json(customers: Customers) -> None:
    words = ("mrr=2400", "active=yes", "seats=5", "limit:=5", 'tags:=["a"]', "renewal=2027-02-28")
    customers.here("entities", "set", "customer", "acme", *words)
    values = customers.entity("acme")["values"]
    assert isinstance(values, dict)
    assert [values[name] for name in ("mrr", "active", "seats", "limit", "tags")] == [2400, True, "5", 5, ["a"]]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("mrr=much", 'mrr must be a number like 499 or 12.5, not "much"'),
        ("renewal=2027-02-30", "renewal must be a date"),
        ("x:={", "the value of x is not JSON"),
        ("x:=1e999", "64 bits"),
        ("=1", "sets no field"),
        ("plan", "write name=text"),
    ],
)
def test_a_wrong_assignment_is_wrong_usage_and_writes_nothing(customers: Customers, word: str, said: str) -> None:
    result = customers.here("entities", "set", "customer", "acme", "plan=team", word)
    assert result.code == 2
    assert said in result.err
    assert not customers.store.exists()


def test_it_shows_what_changed(customers: Customers) -> None:
    result = customers.here("entities", "set", "customer", "acme", "mrr=2400", "name=Acme Inc", "--json")
    assert result.json["changed"] == [{"name": "mrr", "from": 1900, "to": 2400}]
    assert result.json["unchanged"] == ["name"]
    assert result.json["new"] is False
    assert "mrr  2400 → 1" in customers.here("entities", "set", "customer", "acme", "mrr=1").out


def test_a_new_entity_is_said_to_be_new(customers: Customers) -> None:
    assert customers.here("entities", "set", "customer", "acmee", "plan=pro").out.startswith("customer acmee is new")


def test_a_hand_wins_over_older_events_and_a_later_event_over_it(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", "plan=hand")
    customers.seen("customer_id=acme", "plan=older", "--timestamp", "1h ago")
    assert customers.value("acme", "plan") == "hand"
    customers.seen("customer_id=acme", "plan=later")
    assert customers.value("acme", "plan") == "later"


def test_a_trait_from_an_event_of_a_later_time_stays_and_is_told(customers: Customers) -> None:
    customers.seen("customer_id=acme", "plan=future", "--timestamp", "2999-01-01T00:00:00Z", "--allow-future")
    result = customers.here("entities", "set", "customer", "acme", "plan=hand")
    assert "plan stays: evt_" in result.err
    assert customers.value("acme", "plan") == "future"


def test_an_entity_is_not_seen_by_being_set(customers: Customers) -> None:
    customers.seen("customer_id=acme", "plan=pro", "--timestamp", "2026-01-01T00:00:00Z")
    customers.here("entities", "set", "customer", "acme", "plan=team")
    assert customers.entity("acme")["last_seen"] == "2026-01-01T00:00:00.000Z"


def test_an_unset_trait_shows_the_file_again(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", "name=Acme SE", "plan=pro")
    result = customers.here("entities", "set", "customer", "acme", "--unset", "name", "--unset", "plan", "--json")
    assert result.json["changed"] == [
        {"name": "name", "from": "Acme SE", "to": "Acme Inc"},
        {"name": "plan", "from": "pro", "to": None},
    ]
    assert customers.origins("acme")["name"] == "customers.csv line 2"


def test_what_only_the_file_has_cannot_be_unset(customers: Customers) -> None:
    result = customers.here("entities", "set", "customer", "acme", "--unset", "name")
    assert result.code == 2
    assert "name:=null" in result.err


def test_an_unknown_trait_to_unset_has_its_near_miss(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", "plan=pro")
    result = customers.here("entities", "set", "customer", "acme", "--unset", "plam")
    assert (result.code, 'did you mean "plan"?' in result.err) == (2, True)


def test_a_null_lies_over_the_file(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", "name:=null")
    assert customers.value("acme", "name") is None


def test_a_name_that_is_nearly_another_is_remarked_on(customers: Customers) -> None:
    assert (
        'naem is a new trait (did you mean "name"?)'
        in customers.here("entities", "set", "customer", "globex", "naem=x").err
    )


def test_nothing_to_set_is_wrong_usage(customers: Customers) -> None:
    assert customers.here("entities", "set", "customer", "acme").code == 2


def test_quiet_says_nothing(customers: Customers) -> None:
    result = customers.here("entities", "set", "customer", "acme", "naem=pro", "-q")
    assert (result.code, result.out, result.err) == (0, "", "")
