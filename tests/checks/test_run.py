"""Which rows newly reach a level, and what is emitted of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.operations import upkeep
from ingestlayer_cli.system.errors import Exit
from tests.support.checks import DAY, HOUR, MINUTE, NOVEMBER, Checked, table
from tests.support.clock import at

# Crossing


def test_a_row_at_a_level_is_told_once_however_often_the_check_runs(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    for _ in range(3):
        checked.clock.sleep(HOUR)
        assert checked.crossed() == []
    assert checked.keys == ["api:acme:0.8:2026-11"]


def test_each_level_is_told(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed(("acme", 100, 100)) == [("acme", 1)]
    assert checked.keys == ["api:acme:0.8:2026-11", "api:acme:1:2026-11"]


def test_a_jump_over_two_levels_is_one_event_of_the_higher(checked: Checked) -> None:
    assert checked.crossed(("acme", 120, 100)) == [("acme", 1)]
    assert checked.crossed(("acme", 90, 100)) == []
    assert len(checked.events) == 1


def test_a_new_period_tells_again(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.clock.at = at("2026-12-01T00:00:00Z")
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.keys[1] == "api:acme:0.8:2026-12"


def test_without_a_period_there_is_one_for_ever(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more=""))
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.clock.sleep(400 * DAY)
    assert checked.crossed() == []
    assert checked.keys == ["api:acme:0.8:ever"]


def test_a_value_that_falls_below_rearm_can_be_told_again_under_a_key_of_its_own(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed(("acme", 76, 100)) == []  # not below 0.8 - 0.05
    assert checked.crossed(("acme", 85, 100)) == []
    for _ in range(2):
        assert checked.crossed(("acme", 74, 100)) == []
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.keys == ["api:acme:0.8:2026-11", "api:acme:0.8:2026-11:1"]


def test_a_fall_that_the_next_run_does_not_see_tells_nothing_again(checked: Checked) -> None:
    assert checked.crossed(("acme", 850, 1000)) == [("acme", 0.8)]
    for _ in range(3):  # cut in half: each such fall is one of its own
        checked.clock.sleep(5 * MINUTE)
        assert checked.crossed(("acme", 85, 1000)) == []
        checked.clock.sleep(5 * MINUTE)
        assert checked.crossed(("acme", 850, 1000)) == []
    assert checked.keys == ["api:acme:0.8:2026-11"]


def test_a_row_that_was_cut_in_half_tells_nothing_again_however_late_it_is_mended(checked: Checked) -> None:
    assert checked.crossed(("acme", 850, 1000)) == [("acme", 0.8)]
    checked.clock.sleep(5 * MINUTE)
    assert checked.crossed(("acme", 85, 1000)) == []
    checked.clock.sleep(DAY)
    assert checked.crossed(("acme", 850, 1000)) == []


@pytest.mark.parametrize(("pause", "told"), [(29 * MINUTE, []), (31 * MINUTE, [("acme", 0.8)])])
def test_a_fall_long_after_the_last_run_needs_no_second_one(
    checked: Checked, pause: int, told: list[tuple[str, float]]
) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.clock.sleep(HOUR)
    assert checked.crossed() == []
    checked.clock.sleep(pause)
    assert checked.crossed(("acme", 10, 100)) == []
    assert checked.crossed(("acme", 85, 100)) == told


def test_what_two_runs_saw_falling_is_as_far_as_both_saw_it(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(levels="[0.5, 0.8, 1.0]"))
    assert checked.crossed(("acme", 100, 100)) == [("acme", 1)]
    assert checked.crossed(("acme", 85, 100)) == []
    assert checked.crossed(("acme", 10, 100)) == []  # 1 is armed again; of 0.5 and 0.8 this is the first word
    assert checked.crossed(("acme", 85, 100)) == []
    assert checked.crossed(("acme", 100, 100)) == [("acme", 1)]


def test_another_limit_is_no_fall_and_needs_no_second_run(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed(("acme", 85, 1000)) == []
    assert checked.crossed(("acme", 1000, 1000)) == [("acme", 1)]


def test_a_dry_run_sees_a_fall_as_the_run_does(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed(("acme", 10, 100), dry_run=True) == []
    assert checked.crossed(("acme", 10, 100)) == []  # the first that counts
    assert checked.crossed(("acme", 85, 100), dry_run=True) == checked.crossed() == []


def test_another_limit_can_be_told_again(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed(("acme", 170, 200)) == [("acme", 0.8)]


def test_several_levels_of_several_customers_are_one_transaction(checked: Checked) -> None:
    rows = [(f"c{number}", 85, 100) for number in range(30)]
    assert len(checked.crossed(*rows)) == 30
    assert checked.select("SELECT count(DISTINCT accepted_at), count(*) FROM events") == [(1, 30)]


def test_an_edit_of_the_levels_does_not_tell_what_is_known(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.tables(table(levels="[0.5, 0.8, 1.0]"))
    assert checked.crossed() == []


def test_a_value_that_is_no_ratio_has_levels_of_its_own(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(value="used", levels="[1000, 5000]"))
    assert checked.crossed(("acme", 5001, 1)) == [("acme", 5000)]
    assert checked.keys == ["api:acme:5000:2026-11"]


# The clock


def test_a_clock_that_steps_back_tells_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more=""))
    checked.clock.at = at("2030-01-01T00:00:00Z")
    assert checked.crossed(("acme", 85, 100), ("globex", 10, 100)) == [("acme", 0.8)]
    checked.clock.at = NOVEMBER
    assert checked.crossed(("acme", 85, 100), ("globex", 90, 100)) == [("globex", 0.8)]
    for _ in range(2):
        assert checked.crossed(("acme", 10, 100), ("globex", 90, 100)) == []
    assert checked.crossed(("acme", 85, 100), ("globex", 90, 100)) == [("acme", 0.8)]  # it was armed again meanwhile
    assert checked.crossed(("acme", 110, 100), ("globex", 90, 100)) == [("acme", 1)]


def test_a_clock_that_steps_back_over_the_end_of_a_period_tells_nothing_twice(checked: Checked) -> None:
    checked.clock.at = at("2026-12-01T00:00:10Z")
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    checked.clock.at = at("2026-11-30T23:59:50Z")
    assert checked.crossed() == [("acme", 0.8)]  # of November
    for moment in ("2026-12-01T00:00:10Z", "2026-11-30T23:59:55Z", "2026-12-01T01:00:00Z"):
        checked.clock.at = at(moment)
        assert checked.crossed() == []


@pytest.mark.parametrize("moment", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-03-29T01:30:00Z"])
def test_an_hour_that_is_there_twice_or_never_in_local_time_is_an_hour(tmp_path: Path, moment: str) -> None:
    checked = Checked(tmp_path, table(more='period = "hour"'))
    checked.clock.at = at(moment)
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    assert checked.crossed() == []
    checked.clock.sleep(HOUR)
    assert checked.crossed() == [("acme", 0.8)]


# What is forgotten


def test_what_is_held_outlives_store_prune(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='period = "year"'))
    checked.clock.at = at("2026-01-02T00:00:00Z")
    assert checked.crossed(("acme", 85, 100)) == [("acme", 0.8)]
    for _ in range(10):
        checked.clock.sleep(30 * DAY)
        assert checked.crossed() == []
        with Runtime(checked.project, checked.clock) as runtime:
            upkeep.prune(runtime, upkeep.retention(checked.project, 20 * DAY))
    assert checked.events == []  # the event itself is gone
    assert checked.crossed() == []


# Keys


def test_keys_of_several_parts_do_not_meet(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(key='["customer_id", "metric"]'))
    checked.csv(("a:b", "c", 9, 10), ("a", "b:c", 9, 10), columns="customer_id,metric,used,limit")
    assert checked.crossed() == [("a%3Ab:c", 0.8), ("a:b%3Ac", 0.8)]
    assert len(checked.keys) == 2


@pytest.mark.parametrize("text", ["new\\nline", "nul\\u0000", "%", "tab\\tb", "\\u2028b", "ü", "\\ud83d\\ude00"])
def test_any_text_can_be_a_key(tmp_path: Path, text: str) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    checked.write("usage.ndjson", f'{{"customer_id": "{text}", "used": 9, "limit": 10}}\n')
    assert len(checked.crossed()) == 1
    assert checked.crossed() == []


def test_a_lone_surrogate_in_a_key_is_refused_not_a_crash(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    checked.write("usage.ndjson", '{"customer_id": "\\ud800", "used": 9, "limit": 10}\n')
    assert checked.run()["rejected"] == 1


def test_a_row_whose_key_no_idempotency_key_can_be_is_emitted(checked: Checked) -> None:
    assert len(checked.crossed(("a\x85b", 9, 10))) == 1


def test_long_keys_that_differ_at_their_end_are_two(checked: Checked) -> None:
    assert len(checked.crossed(("x" * 600 + "1", 9, 10), ("x" * 600 + "2", 9, 10))) == 2
    assert all(len(key) < 200 for key in checked.keys)
    assert checked.crossed() == []


def test_a_number_and_its_text_are_the_same_key(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    checked.write("usage.ndjson", '{"customer_id": 42, "used": 9, "limit": 10}\n')
    assert checked.crossed() == [("42", 0.8)]
    checked.write(
        "usage.ndjson", '{"customer_id": "42", "used": 9, "limit": 10}\n{"customer_id": 42.0, "used": 1, "limit": 1}'
    )
    result = checked.run()
    assert result["crossed"] == []
    assert [row["problem"] for row in result["problems"]] == ["there is a row of 42 above: that one counts"]


# Rows that cannot be judged


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (("acme", 5, 0), "acme: limit is 0"),
        (("acme", 5, ""), "acme: limit is missing"),
        (("acme", "", 10), "acme: used is missing"),
        (("acme", -5, 10), "acme: used is negative, -5"),
        (("acme", 500, -1), "acme: limit is negative, -1"),
        (("acme", "many", 10), "acme: used is 'many', which is no number"),
        (("acme", "NaN", 10), "acme: used is 'NaN', which is no number"),
        (("acme", "inf", 10), "acme: used is 'inf', which is no number"),
        (("acme", "1e308", "1e-308"), "acme: used/limit = 1e+308/1e-308 = null is no number"),
        (("", 50, 10), "customer_id is missing, and is of the key"),
        (("acme", 50), "acme: limit is missing"),
        (("acme", 50, 10, 3), "the row has 4 cells, the header 3"),
        (("globex", 500, 10), "there is a row of globex above: that one counts"),
    ],
)
def test_a_bad_row_is_reported_and_the_others_count(checked: Checked, row: tuple[object, ...], problem: str) -> None:
    checked.csv(("globex", 9, 10), row, ("hooli", 9, 10))
    result = checked.run()
    assert result["problems"] == [{"line": 3, "key": result["problems"][0]["key"], "problem": problem}]
    assert [row["key"] for row in result["crossed"]] == ["globex", "hooli"]
    assert result.exit_codes == []


def test_where_leaves_rows_out_before_they_are_judged(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more="where = \"limit > 0 and plan == 'pro'\""))
    checked.csv(("a", 9, 10, "pro"), ("b", 9, 0, "pro"), ("c", 9, 10, "free"), columns="customer_id,used,limit,plan")
    result = checked.run()
    assert [row["key"] for row in result["crossed"]] == ["a"]
    assert (result["rows"], result["left_out"], result["problems"]) == (3, 2, [])


@pytest.mark.parametrize("form", ["json", "ndjson", "csv"])
@pytest.mark.parametrize("where", ["plan == 'pro'", "plan != 'free'", "account.plan == 'pro'"])
def test_where_on_a_column_that_no_row_has_is_a_source_that_fails(tmp_path: Path, form: str, where: str) -> None:
    text = table(more=f'where = "{where}"').replace("usage.csv", f"usage.{form}")
    checked = Checked(tmp_path, text)
    rows = [{"customer_id": name, "used": 9, "limit": 10, "account": {}} for name in "ab"]
    if form == "csv":
        checked.csv(("a", 9, 10), ("b", 9, 10))
    else:
        lines = [json.dumps(row) for row in rows]
        (tmp_path / f"usage.{form}").write_text(f"[{','.join(lines)}]" if form == "json" else "\n".join(lines))
    result = checked.run()
    assert result["error"]["message"].startswith(f"usage.{form} has no column ")
    assert result.exit_codes == [Exit.WAITING]
    assert checked.select("SELECT count(*) FROM events") == [(0,)]


def test_where_on_a_column_that_some_row_has_leaves_the_others_out(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more="where = \"account.plan == 'pro'\"").replace("usage.csv", "usage.json"))
    rows: list[dict[str, Any]] = [{"customer_id": name, "used": 9, "limit": 10} for name in "abc"]
    rows[1]["account"] = {"plan": "pro"}
    rows[2]["account"] = {"plan": None}
    (tmp_path / "usage.json").write_text(json.dumps(rows))
    assert [key for key, _ in checked.crossed()] == ["b"]


@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("active == 1", ["a"]),
        ("active != 0", ["a", "c"]),
        ("active in [1, 2]", ["a"]),
        ("code == '007'", ["b"]),
        ("deleted == false", ["a"]),
        ("customer_id != 'a'", ["b", "c"]),
    ],
)
def test_where_compares_the_texts_of_a_csv_with_what_they_are_compared_with(
    tmp_path: Path, where: str, left: list[str]
) -> None:
    checked = Checked(tmp_path, table(more=f'where = "{where}"'))
    rows = (("a", 9, 10, 1, 7, "False"), ("b", 9, 10, 0, "007", "true"), ("c", 9, 10, "", "", ""))
    checked.csv(*rows, columns="customer_id,used,limit,active,code,deleted")
    assert [row["key"] for row in checked.run()["crossed"]] == left


# The event


def test_the_event_has_the_columns_and_the_crossing_that_its_declaration_names(checked: Checked) -> None:
    checked.crossed(("acme", 85, 100))
    checked.crossed(("acme", 100, 100))
    assert checked.events[1][1] == {
        "customer_id": "acme",
        "limit": 100,
        "used": 100,
        "level": 1.0,
        "previous": 0.8,
        "value": 1.0,
        "since": "2026-11-03T09:30:00.000Z",
        "period": "2026-11",
        "check": "api",
    }
    assert checked.select("SELECT DISTINCT source FROM events") == [("check:api",)]


def test_columns_map_names(tmp_path: Path) -> None:
    more = 'columns = { used = "Total Usage", limit = "Plan limit", customer_id = "Customer" }'
    checked = Checked(tmp_path, table(more=more))
    checked.csv(("acme", 85, 100), columns="Customer,Total Usage,Plan limit")
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.events[0][1]["used"] == 85


def test_a_dotted_name_reads_inside_of_json(tmp_path: Path) -> None:
    columns = 'columns = { used = "usage.total" }'
    checked = Checked(tmp_path, table('source = "usage.json"', value="used / plan.limit", more=columns))
    checked.write("usage.json", '[{"customer_id": "acme", "usage": {"total": 9}, "plan": {"limit": 10}}]')
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.events[0][1]["used"] == 9


def test_an_event_that_its_declaration_refuses_is_reported_tried_again_and_one_dead_letter(checked: Checked) -> None:
    checked.write("events/usage.limit.toml", 'type = "usage.limit"\n[fields]\ncustomer_id = { enum = ["acme"] }\n')
    for _ in range(3):
        checked.csv(("acme", 9, 10), ("globex", 9, 10))
        result = checked.run()
        assert (result["rejected"], set(result.exit_codes)) == (1, {65})
        assert "globex" in result["rejects"][0]["message"]
    assert checked.select("SELECT count(*) FROM dead_letters") == [(1,)]
    checked.write("events/usage.limit.toml", 'type = "usage.limit"\n[fields]\ncustomer_id = "string"\n')
    assert checked.crossed() == [("globex", 0.8)]
    assert len(checked.events) == 2


# Looking on


def test_a_dry_run_says_the_same_and_writes_nothing(checked: Checked) -> None:
    checked.csv(("acme", 85, 100))
    before = sorted(path.name for path in checked.root.rglob("*"))
    assert [row["key"] for row in checked.run(dry_run=True)["crossed"]] == ["acme"]
    assert sorted(path.name for path in checked.root.rglob("*")) == before
    assert checked.crossed() == [("acme", 0.8)]
    assert checked.crossed(dry_run=True) == []


def test_only_checks_the_rows_of_one_customer_and_leaves_the_others(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100), ("globex", 85, 100), only="globex") == [("globex", 0.8)]
    assert checked.crossed() == [("acme", 0.8)]


def test_the_table_has_the_highest_first(checked: Checked) -> None:
    checked.csv(*((f"c{number}", number * 7 % 101, 100) for number in range(1, 101)))
    result = checked.run()
    values = [row["value"] for row in result["highest"]]
    assert values == sorted(values, reverse=True)
    assert (len(values), values[0]) == (20, 1.0)


def test_the_highest_are_the_highest_of_a_thousand_rising_rows(checked: Checked) -> None:
    checked.csv(*((f"c{number}", number, 100_000) for number in range(1, 1001)))
    assert [row["key"] for row in checked.run()["highest"]] == [f"c{number}" for number in range(1000, 980, -1)]


# The first run


def test_a_baseline_emits_nothing_of_what_is_over_and_later_runs_tell_what_is_new(checked: Checked) -> None:
    assert checked.crossed(("acme", 85, 100), ("globex", 10, 100), baseline=True) == [("acme", 0.8)]
    assert checked.events == []
    assert checked.crossed() == []
    assert checked.crossed(("acme", 101, 100), ("globex", 85, 100)) == [("acme", 1), ("globex", 0.8)]
    assert checked.keys == ["api:acme:1:2026-11", "api:globex:0.8:2026-11"]


def test_a_baseline_holds_for_its_period(checked: Checked) -> None:
    checked.crossed(("acme", 85, 100), baseline=True)
    checked.clock.at = at("2026-12-01T00:00:00Z")
    assert checked.crossed() == [("acme", 0.8)]


def test_a_baseline_of_some_keys_leaves_the_others(checked: Checked) -> None:
    checked.crossed(("acme", 85, 100), ("globex", 85, 100), baseline=True, only="acme")
    assert checked.crossed() == [("globex", 0.8)]


def test_a_baseline_again_tells_nothing_of_what_was_emitted(checked: Checked) -> None:
    checked.crossed(("acme", 85, 100))
    assert checked.crossed(("acme", 85, 100), ("globex", 85, 100), baseline=True) == [("globex", 0.8)]
    assert len(checked.events) == 1


# Rows that stay bad


def test_the_same_bad_rows_are_known_for_a_day_wherever_they_stand(checked: Checked) -> None:
    checked.csv(("acme", 1, 0), ("globex", -1, 10), ("hooli", 1, 10))
    assert checked.run()["problems_known_since"] is None
    checked.clock.sleep(23 * HOUR)
    checked.csv(("hooli", 1, 10), ("globex", -1, 10), ("acme", 1, 0))
    again = checked.run()
    assert (again["problems_known_since"], again["problem_count"]) == ("2026-11-03T09:30:00.000Z", 2)
    checked.clock.sleep(HOUR)
    assert checked.run()["problems_known_since"] is None


def test_another_bad_row_is_news(checked: Checked) -> None:
    checked.csv(("acme", 1, 0))
    checked.run()
    checked.csv(("acme", 1, 0), ("globex", 1, 0))
    assert checked.run()["problems_known_since"] is None
    assert checked.run()["problems_known_since"] is not None


def test_bad_rows_that_went_away_are_news_when_they_come_back(checked: Checked) -> None:
    for limit in (0, 10, 0):
        checked.csv(("acme", 1, limit))
        assert checked.run()["problems_known_since"] is None


def test_bad_rows_are_news_again_to_a_clock_that_was_set_back(checked: Checked) -> None:
    checked.csv(("acme", 1, 0))
    checked.run()
    checked.clock.at -= HOUR
    assert checked.run()["problems_known_since"] is None


def test_bad_rows_may_have_no_key_and_any_characters(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table('source = "usage.ndjson"'))
    checked.write("usage.ndjson", '{"used": 1, "limit": 2}\n{"customer_id": "\\ud800", "used": 1, "limit": 0}\n[]\n')
    assert checked.run()["problems_known_since"] is None
    again = checked.run()
    assert (again["problem_count"], again["problems_known_since"]) == (3, "2026-11-03T09:30:00.000Z")
