"""What an edited pipeline would have sent, beside what was sent."""

from pathlib import Path

import pytest

from tests.support.posting import PIPELINE, TYPE, Posting, ago, emit_all, payload, posted
from tests.support.standin import SlackStandin


def edit(four: Posting, old: str, new: str, name: str = "limits") -> None:
    four.write(f"pipelines/{name}.toml", PIPELINE.replace(old, new).format(more=""))


def files(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture
def four(posting: Posting) -> Posting:
    """Four events of #alerts, used 60, 80, 100 and 120 of 100: two messages were sent."""
    events = [
        {"type": TYPE, "payload": payload(number, used=60 + 20 * number), "timestamp": ago(hours=9 - number)}
        for number in range(4)
    ]
    with posting.runtime() as runtime:
        emit_all(runtime, posting, [{**event, "idempotency_key": str(n)} for n, event in enumerate(events)], True)
    return posting


def test_without_an_edit_nothing_changes(four: Posting) -> None:
    document = four.here("backtest", "--json").json
    assert document["messages"] == {"before": {"#alerts": 2}, "after": {"#alerts": 2}}
    assert (document["events"], document["changed"], document["changes"]) == (4, 0, [])


def test_an_edit_is_told_event_by_event_with_both_reasons(four: Posting) -> None:
    edit(four, ">= 1", ">= 0.8")
    result = four.here("backtest")
    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[:3] == ["4 events: 2 → 3 messages", "  #alerts 2 → 3", "1 outcome changes"]
    assert four.ids[1] in lines[3]
    assert lines[4].startswith("    - dropped: no destination's condition held; not #alerts: used/limit = ")
    assert lines[5:] == ["    + #alerts"]


def test_a_message_for_another_channel_is_a_change(four: Posting) -> None:
    edit(four, "#$event.plan", "#growth")
    document = four.here("backtest", "--json").json
    assert document["messages"] == {"before": {"#alerts": 2}, "after": {"#growth": 2}}
    assert [change["after"]["targets"] for change in document["changes"]] == [["#growth"], ["#growth"]]


def test_a_destination_that_is_passed_over_is_a_reason(four: Posting) -> None:
    more = '[[destinations]]\nuse = "slack"\nchannel = "#growth"\nwhen = "$event.used >= 120"\n'
    four.pipeline(more)
    change = four.here("backtest", "--json").json["changes"][0]
    assert change["after"] == {"outcome": "queued", "reason": "", "targets": ["#alerts", "#growth"]}
    edit(four, ">= 1", ">= 2")
    change = four.here("backtest", "--json").json["changes"][0]
    assert change["before"]["targets"] == ["#alerts"]
    assert (change["after"]["outcome"], change["after"]["targets"]) == ("dropped", [])
    passed_over = change["after"]["reason"].split("; not ")
    assert passed_over[0] == "no destination's condition held"
    assert passed_over[1].startswith("#alerts: used/limit = ")


def test_a_pipeline_that_is_new_or_gone_is_a_change(four: Posting) -> None:
    (four.root / "pipelines" / "limits.toml").unlink()
    four.pipeline(name="other")
    changes = four.here("backtest", "--json").json["changes"]
    assert [(change["pipeline"], change["before"]["reason"], change["after"]["reason"]) for change in changes[:2]] == [
        ("other", "it did not run then", ""),
        ("limits", "", "there is no such pipeline"),
    ]


def test_a_named_pipeline_is_tested_alone_even_as_a_draft(four: Posting) -> None:
    four.write("pipelines/next.toml", 'status = "draft"\n' + PIPELINE.replace(">= 1", ">= 0").format(more=""))
    assert four.here("backtest", "--json").json["changed"] == 0
    document = four.here("backtest", "next", "--json").json
    assert document["messages"] == {"before": {}, "after": {"#alerts": 4}}


def test_an_unknown_pipeline_is_refused_with_the_near_miss(four: Posting) -> None:
    result = four.here("backtest", "limit")
    assert result.code == 2
    assert 'did you mean "limits"?' in result.err


def test_replays_are_not_what_was_sent(four: Posting) -> None:
    four.replay("--until", "now", "--again")
    assert four.here("backtest", "--json").json["messages"]["before"] == {"#alerts": 2}


def test_the_last_thirty_days_are_tested_unless_told_otherwise(four: Posting) -> None:
    event = {"type": TYPE, "payload": payload(9), "timestamp": ago(days=31), "idempotency_key": "old"}
    with four.runtime() as runtime:
        emit_all(runtime, four, [event])
    assert four.here("backtest", "--json").json["events"] == 4
    assert four.here("backtest", "--since", "32d", "--json").json["events"] == 5


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (["--type", TYPE], 4),
        (["--until", "8h"], 2),
        (["--where", "$event.used > 100"], 1),
        (["--status", "delivered"], 2),
        (["--source", "test"], 4),
        (["--source", "elsewhere"], 0),
    ],
)
def test_filters_choose_events(four: Posting, filters: list[str], count: int) -> None:
    assert four.here("backtest", *filters, "--json").json["events"] == count


def test_diff_compares_the_texts(four: Posting) -> None:
    four.pipeline('[destinations.message]\ntext = "$event.used used"')
    document = four.here("backtest", "--diff", "--json").json
    assert (document["changed"], document["texts"]) == (0, 2)
    assert document["diffs"][0]["target"] == "#alerts"
    assert "+100 used" in document["diffs"][0]["diff"]
    result = four.here("backtest", "--diff", "--limit", "1")
    assert "2 texts change" in result.out
    assert result.out.count("+++ now") == 1


def test_limit_is_how_many_changes_are_shown(four: Posting) -> None:
    edit(four, "#$event.plan", "#growth")
    document = four.here("backtest", "--limit", "1", "--json").json
    assert (document["changed"], len(document["changes"])) == (2, 1)
    assert "… and 1 more" in four.here("backtest", "--limit", "1").out


@pytest.mark.parametrize(("most", "code"), [("1", 1), ("2", 0), ("3", 0)])
def test_too_many_posts_are_found(four: Posting, most: str, code: int) -> None:
    assert four.here("backtest", "--max-posts", most).code == code


def test_it_sends_nothing_and_writes_nothing(four: Posting, slack: SlackStandin) -> None:
    edit(four, ">= 1", ">= 0")
    before = files(four.root)
    assert four.run("backtest", "--diff").code == 0
    assert files(four.root) == before
    assert posted(slack) == ["c2", "c3"]


def test_without_a_store_there_is_nothing_to_compare(four: Posting) -> None:
    four.store.unlink()
    document = four.here("backtest", "--json").json
    assert document["events"] == 0
    assert not four.store.exists()


def test_a_run_that_would_fail_is_told(four: Posting) -> None:
    four.settings(more='[entities.customer]\nfile = "gone.csv"\nkey = "customer_id"')
    enriched = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
    four.write(
        "pipelines/limits.toml", PIPELINE.format(more="").replace("[[destinations]]", enriched + "[[destinations]]")
    )
    result = four.here("backtest")
    assert "4 runs fail" in result.out
    assert "gone.csv" in result.err


def test_events_that_come_meanwhile_do_not_disturb_it(four: Posting) -> None:
    """The store is read at length: another process that writes must not be met with half of its pages."""
    writing = [four.start("emit", TYPE, "--data", "{}", "--json") for _ in range(3)]
    assert four.run("backtest", "--json").json["events"] == 4
    for process in writing:
        process.communicate()


def test_what_runs_were_not_given_is_of_today_and_told(four: Posting) -> None:
    four.settings(more='[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"')
    enriched = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
    four.write(
        "pipelines/limits.toml", PIPELINE.format(more="").replace("[[destinations]]", enriched + "[[destinations]]")
    )
    assert four.here("backtest", "--json").json["today"] == {"customer": 4}
    told = "  $entity.customer as it is today in 4 runs: it was not kept"
    assert told in four.here("backtest").out.splitlines()
    assert told in four.here("replay", "--until", "now", "--dry-run").out.splitlines()


def test_the_order_is_that_of_acceptance_unless_the_events_clock_is_asked_for(four: Posting) -> None:
    with four.runtime() as runtime:
        late = {"type": TYPE, "payload": payload(9, used=200), "timestamp": ago(hours=12), "idempotency_key": "late"}
        emit_all(runtime, four, [late])
    four.write("pipelines/limits.toml", PIPELINE.format(more="").replace("#$event.plan", "#growth"))
    last = [four.here("backtest", "--json", *more).json["changes"][-1]["event"] for more in ([], ["--clock", "event"])]
    assert last == [four.ids[4], four.ids[3]]
    assert four.here("backtest", "--clock", "wall").code == 2
