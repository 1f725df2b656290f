"""What is known of entities, and from where."""

import json

from tests.support.customers import Customers


def test_without_a_store_an_entity_is_what_its_file_says(customers: Customers) -> None:
    document = customers.entity("acme")
    assert document["values"] == {"customer_id": "acme", "name": "Acme Inc", "mrr": 1900, "renewal": "2027-01-31"}
    assert set(customers.origins("acme").values()) == {"customers.csv line 2"}
    assert document["first_seen"] is None
    assert not customers.store.exists()


def test_an_events_trait_shows_the_event_and_what_it_lies_over(customers: Customers) -> None:
    customers.seen("customer_id=acme", "mrr:=2400", "--timestamp", "2026-11-03T09:30:00Z")
    traits = {row["name"]: row for row in customers.entity("acme")["traits"]}  # type: ignore[attr-defined]
    assert traits["mrr"]["value"] == 2400
    assert traits["mrr"]["origin"].startswith("evt_")
    assert traits["mrr"]["at"] == "2026-11-03T09:30:00.000Z"
    assert traits["mrr"]["over"] == {"value": 1900, "origin": "customers.csv line 2"}
    assert traits["name"]["over"] is None


def test_for_people_each_trait_stands_beside_its_origin(customers: Customers) -> None:
    customers.seen("customer_id=acme", "mrr:=2400", "--timestamp", "2026-11-03T09:30:00Z")
    result = customers.run("entities", "get", "customer", "acme", env={"COLUMNS": "100"})
    assert "name         Acme Inc    customers.csv line 2" in result.out
    assert " 2026-11-03\n" in result.out
    assert "over 1900 of customers.csv line 2" in result.out
    assert "first seen 2026-11-03 09:30 UTC, last seen 2026-11-03 09:30 UTC" in result.out


def test_no_line_is_wider_than_the_terminal(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", f"note={'wide ' * 50}", f"{'n' * 60}=1")
    for command in (("get", "customer", "acme"), ("list", "customer")):
        result = customers.run("entities", *command, env={"COLUMNS": "60"})
        assert result.code == 0
        assert max(map(len, result.out.splitlines())) <= 60


def test_an_unknown_id_is_exit_1_with_the_near_miss(customers: Customers) -> None:
    result = customers.here("entities", "get", "customer", "ACM", "--json")
    assert result.code == 1
    assert result.error["kind"] == "unknown_entity"
    assert 'did you mean "acme"?' in result.error["message"]


def test_the_near_miss_of_an_id_is_found_in_the_store_too(customers: Customers) -> None:
    customers.seen("customer_id=initech", "plan=pro")
    assert 'did you mean "initech"?' in customers.here("entities", "get", "customer", "initec").err


def test_an_unknown_kind_is_wrong_usage_with_the_near_miss(customers: Customers) -> None:
    for command in (["get", "custmer", "acme"], ["list", "custmer"], ["set", "custmer", "a", "b=c"]):
        result = customers.here("entities", *command, "--json")
        assert result.code == 2
        assert 'did you mean "customer"?' in result.error["message"]
    assert not customers.store.exists()


def test_control_characters_of_a_trait_do_not_reach_the_terminal(customers: Customers) -> None:
    customers.here("entities", "set", "customer", "acme", 'note:="\\u001b[31mred"')
    assert "\x1b" not in customers.run("entities", "get", "customer", "acme").out


def test_a_key_that_stands_twice_is_remarked_on(customers: Customers) -> None:
    customers.write("customers.csv", "customer_id,name\nacme,One\nacme,Two\n")
    result = customers.here("entities", "get", "customer", "acme")
    assert "One" in result.out
    assert "acme stands again in customers.csv, line 3: the first counts" in result.err


def test_a_broken_file_is_the_projects_fault(customers: Customers) -> None:
    customers.write("customers.csv", "id,name\nacme,One\n")
    result = customers.here("entities", "get", "customer", "acme", "--json")
    assert result.code == 78
    assert "customer_id" in result.error["message"]


def test_the_kinds_are_listed_with_their_files_and_counts(customers: Customers) -> None:
    customers.seen("customer_id=new", "plan=pro", "workspace=w1")
    kinds = customers.here("entities", "list", "--json").json["kinds"]
    assert [(row["kind"], row["file"], row["rows"], row["stored"]) for row in kinds] == [
        ("customer", "customers.csv", 2, 1),
        ("workspace", None, 0, 1),
    ]
    out = customers.here("entities", "list").out
    assert "days old): 2 rows, 1 in the store" in out


def test_a_missing_file_is_a_problem_of_its_kind_alone(customers: Customers) -> None:
    (customers.root / "customers.csv").unlink()
    result = customers.here("entities", "list", "--json")
    assert "does not exist" in result.json["kinds"][0]["problem"]
    assert result.code == 0


def test_a_list_has_the_file_first_and_then_what_only_the_store_has(customers: Customers) -> None:
    for key in ("zed", "acme", "able"):
        customers.seen(f"customer_id={key}", "plan=pro")
    lines = [json.loads(line) for line in customers.here("entities", "list", "customer", "--json").out.splitlines()]
    assert [line["id"] for line in lines] == ["acme", "globex", "able", "zed"]
    assert lines[0]["from"] == ["customers.csv line 2", "the store"]
    assert lines[0]["values"]["plan"] == "pro"
    assert lines[3]["from"] == ["the store"]


def test_a_list_is_searched_in_ids_and_values(customers: Customers) -> None:
    customers.seen("customer_id=zed", "plan=Enterprise")
    for text, ids in (("GLOB", ["globex"]), ("enterPRISE", ["zed"]), ("1900", ["acme"]), ("none", [])):
        out = customers.here("entities", "list", "customer", "--search", text, "--json").out
        assert [json.loads(line)["id"] for line in out.splitlines()] == ids


def test_a_long_list_says_that_there_is_more(customers: Customers) -> None:
    result = customers.here("entities", "list", "customer", "--limit", "1")
    assert result.out.startswith("acme")
    assert "globex" not in result.out
    assert "--limit shows more" in result.err
    assert "--limit" not in customers.here("entities", "list", "customer", "--limit", "2").err


def test_a_list_of_pages_has_each_entity_once(customers: Customers) -> None:
    rows = "".join(f"c{number:04},x\n" for number in range(1_200))
    customers.write("customers.csv", "customer_id,name\n" + rows)
    more = customers.write("more.csv", "customer_id,plan\n" + rows.replace("c0", "s0").replace("c1", "s1"))
    assert customers.here("entities", "import", "customer", str(more)).code == 0
    ids = [json.loads(line)["id"] for line in customers.here("entities", "list", "customer", "--json").out.splitlines()]
    assert len(ids) == len(set(ids)) == 2_400
