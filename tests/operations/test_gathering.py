"""Many troubles are few alerts."""

import pytest

from ingestlayer_cli.operations.gathering import area_of, by_place, few
from ingestlayer_cli.operations.troubles.symptoms import Symptom, trouble


def dead(subject: str, since: int = 10, kind: str = "delivery_dead") -> Symptom:
    return trouble("deliveries", "problem", kind, subject, f"{subject}: dead", why="no", since=since, command="retry")


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("#alerts", "#alerts"),
        ("@maya@acme.example", "@"),
        ("https://crm.example/hooks/acme?x=1", "https://crm.example"),
        ("env:HOOK", "env:HOOK"),
        ("alerts/seats.ndjson", "alerts/seats.ndjson"),
    ],
)
def test_a_target_is_at_a_place(target: str, place: str) -> None:
    assert area_of(target) == place


def test_those_of_one_place_are_one() -> None:
    found = by_place([dead("#a"), *(dead(f"https://crm.example/{number}", 9 - number) for number in range(5))])
    assert [*found] == ["delivery_dead:#a", "delivery_dead:https://crm.example"]
    together = found["delivery_dead:https://crm.example"]
    assert together.words.startswith("5 troubles: https://crm.example/0: dead; ")
    assert together.words.endswith("; and 2 more")
    assert (together.since, together.command, together.why) == (5, "ingestlayer status", "no")


def test_one_of_a_place_is_what_it_was() -> None:
    assert by_place([dead("https://crm.example/1")]) == {
        "delivery_dead:https://crm.example": dead("https://crm.example/1")
    }


def test_a_few_new_ones_are_told_one_by_one_and_many_together() -> None:
    five = by_place([dead(f"#{number}") for number in range(5)])
    assert few(five, set()) == five
    seven = by_place([dead(f"#{number}") for number in range(7)])
    assert [*few(seven, set())] == ["delivery_dead:several"]
    assert [*few(seven, {*five})] == [*seven]


def test_those_that_were_told_one_by_one_stay_so_and_what_comes_to_many_is_told_with_them() -> None:
    found = by_place([dead("#a"), *(dead(f"#{number}") for number in range(6)), dead("p", kind="run_failed")])
    kept = few(found, {"delivery_dead:#a"})
    assert [*kept] == ["delivery_dead:#a", "run_failed:p", "delivery_dead:several"]
    later = few(by_place([dead("#a"), dead("#1")]), {"delivery_dead:#a", "delivery_dead:several"})
    assert [*later] == ["delivery_dead:#a", "delivery_dead:several"]
    assert later["delivery_dead:several"].words == "1 trouble: #1: dead"


def test_what_is_no_news_makes_no_news_many_and_what_was_news_stays_with_the_others() -> None:
    old = {name: it._replace(mark="warning") for name, it in by_place([dead(f"#{n}") for n in range(9)]).items()}
    assert [*few({**old, **by_place([dead("#new")])}, set())] == [*old, "delivery_dead:#new"]
    (together,) = few(old, {"delivery_dead:several"}).values()
    assert (together.mark, together.words.startswith("9 troubles: ")) == ("warning", True)
