"""`events`: listing, showing, following and exporting what is stored."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.store.contract.reading import Selection
from ingestlayer_cli.store.sql import history
from ingestlayer_cli.store.sqlite.reading import open_to_read
from tests.support import ROOT
from tests.support.bench import DESTINATION, TYPE, Bench
from tests.support.older_store import make_older

FILTER = '[[steps]]\nuse = "filter"\nwhen = "$event.used >= 100"\n'


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the store of `full` is kept, once it is made."""
    return tmp_path_factory.mktemp("full") / "store.db"


@pytest.fixture
def full(bench: Bench, kept: Path) -> Bench:
    """Six events of three types, a day apart; a filter drops those below 100, and what goes to #money is dead."""
    bench.pipeline(FILTER + DESTINATION)
    bench.pipeline('match = ["invoice.*"]\n' + DESTINATION.replace("#alerts", "#money"), "money")
    store = bench.root / ".ingestlayer" / "store.db"
    if kept.exists():
        store.parent.mkdir()
        shutil.copy(kept, store)
        return bench
    types = ("usage.limit_reached", "usage.seat", "invoice.failed")
    lines = [
        {
            "type": types[number % 3],
            "payload": {"used": 20 * number, "customer_id": "acme" if number % 2 else "globex"},
            "idempotency_key": f"key-{number}",
            "timestamp": f"2026-10-{number + 1:02}T12:00:00Z",
        }
        for number in range(1, 7)
    ]
    path = bench.write("lines.ndjson", "".join(json.dumps(line) + "\n" for line in lines))
    assert bench.run("emit", "--batch", str(path), "--source", "cron").code == 69  # there is no #money
    shutil.copy(store, kept)
    return bench


def used(bench: Bench, *arguments: str, command: str = "list") -> list[int]:
    """Return the `used` of the events that a command prints with --json, divided by 20: their numbers."""
    result = bench.run("events", command, *arguments, "--json")
    assert result.code == 0, result
    return [json.loads(line)["payload"]["used"] // 20 for line in result.out.splitlines()]


def error(bench: Bench, *arguments: str) -> dict[str, Any]:
    result = bench.run("events", *arguments, "--json")
    assert result.code == 2, result
    found: dict[str, Any] = json.loads(result.out)["error"]
    return found


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


# list


def test_the_newest_comes_first(full: Bench) -> None:
    assert used(full) == [6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (("--type", "usage.seat"), [4, 1]),
        (("--type", "usage.*"), [6, 4, 3, 1]),
        (("--type", "usage.*", "--limit", "3"), [6, 4, 3]),
        (("--since", "2026-10-05"), [6, 5, 4]),
        (("--since", "2026-10-05T12:00:00Z"), [6, 5, 4]),
        (("--until", "2026-10-05T12:00:00Z"), [3, 2, 1]),
        (("--since", "2026-10-03", "--until", "2026-10-05"), [3, 2]),
        (("--source", "cron"), [6, 5, 4, 3, 2, 1]),
        (("--source", "cli"), []),
        (("--key", "key-3"), [3]),
        (("--where", "$event.used > 60 and $event.customer_id == 'acme'"), [5]),
        (("--where", "$event.type contains 'seat'"), [4, 1]),
        (("--limit", "2"), [6, 5]),
        (("-n", "1"), [6]),
        (("--pipeline", "money"), [5, 2]),
        (("--status", "dropped"), [4, 3, 2, 1]),
        (("--status", "delivered"), [6, 5]),
        (("--status", "dead"), [5, 2]),
        (("--status", "unknown"), []),
        (("--status", "failed"), []),
        (("--type", "invoice.failed", "--since", "2026-10-04", "--status", "delivered"), [5]),
    ],
)
def test_a_filter_leaves_what_fits(full: Bench, arguments: tuple[str, ...], numbers: list[int]) -> None:
    assert used(full, *arguments) == numbers


def test_the_documents_are_those_of_emit(bench: Bench) -> None:
    event = bench.emit({"used": 1}).json["event"]
    assert json.loads(bench.run("events", "list", "--json").out) == event
    assert bench.run("events", "show", "@last", "--json").json == event


def test_the_table_fits_the_terminal(full: Bench) -> None:
    full.emit({"customer_id": "a very long name " * 20, "used": 1}, type_="a." + "very_long_type." * 8 + "x")
    lines = full.run("events", "list").out.splitlines()
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80
    assert len({re.search(r" [✓–✗…] ", line).start() for line in lines}) == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("columns", [80, 120])
def test_a_list_says_who_beside_a_short_id(bench: Bench, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    id_ = bench.emit({"customer_id": "acme", "used": 1}).json["event"]["id"]
    bench.emit({"seat": 2}, "--key", "k-7")
    keyed, named = bench.run("events", "list").out.splitlines()
    assert max(len(keyed), len(named)) <= columns
    assert "  acme  " in named
    assert "  k-7  " in keyed
    assert id_.startswith(named.split()[0])
    assert len(named.split()[0]) < 20
    assert bench.run("events", "show", named.split()[0], "--json").json["id"] == id_


def test_a_list_is_of_a_customer_a_key_or_a_text(bench: Bench) -> None:
    for number, customer in enumerate(("acme", "globex", "acme")):
        bench.emit({"customer_id": customer, "used": 20 * number, "note": f"Out of {customer} seats"})
    bench.emit({"used": 60}, "--key", "acme:seats")
    assert used(bench, "acme") == [3, 2, 0]
    assert used(bench, "ACME", "--where", "$event.used > 0") == [3, 2]
    assert used(bench, "of globex se") == [1]
    assert used(bench, "seats") == [3]
    bench.run("emit", "no type", "--data", '{"customer_id": "hooli"}')
    result = bench.run("events", "list", "hooli")
    words = "beside these 1 was refused: ingestlayer events list --refused hooli\n"
    assert (result.out, result.err) == ("no such event\n", words)


def test_a_list_is_of_the_customer_whose_name_is_given(bench: Bench) -> None:
    project = (bench.root / "ingestlayer.toml").read_text()
    bench.write("ingestlayer.toml", project + '[entities.customer]\nfile = "customers.csv"\nkey = "id"\n')
    bench.write("customers.csv", "id,name\nacme,Acme Inc\n")
    bench.emit({"customer_id": "acme", "used": 20})
    result = bench.run("events", "list", "acme inc", "--json")
    assert [row["payload"]["customer_id"] for row in result.lines] == ["acme"]
    assert result.err == "acme inc is customer acme (customers.csv line 2)\n"


def test_wide_characters_are_counted_as_wide(full: Bench) -> None:
    from rich.cells import cell_len

    full.emit({"customer_id": "漢字" * 60, "used": 1})
    lines = full.run("events", "list").out.splitlines()
    assert max(map(cell_len, lines)) <= 80


def test_a_huge_payload_does_not_hold_up_the_table(bench: Bench) -> None:
    bench.emit({"text": "漢" * 150_000})
    (line,) = bench.run("events", "list").out.splitlines()
    assert line.endswith("…")
    assert max(map(len, bench.run("why", "@last").out.splitlines())) <= 160


def test_a_line_tells_what_became_of_the_event(full: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = full.run("events", "list").out.splitlines()
    assert "✓ #alerts" in lines[0]
    assert "– alert filter" in lines[3]
    assert lines[0].endswith("key-6")


def test_in_a_pipe_nothing_is_cut_and_the_ids_are_whole(full: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    lines = full.run("events", "list").out.splitlines()
    assert all(re.match(r"evt_\w{26}  2026-10-\d\dT12:00:00.000Z  \S+  ", line) for line in lines)


def test_the_ids_of_the_table_name_their_events(full: Bench) -> None:
    for line, number in zip(full.run("events", "list").out.splitlines(), (6, 5, 4, 3, 2, 1), strict=True):
        assert full.run("events", "show", line.split()[0], "--json").json["payload"]["used"] == 20 * number


def test_older_ones_are_remarked_on(full: Bench) -> None:
    assert full.run("events", "list", "--limit", "2").err == "the newest 2; --limit shows more\n"
    assert full.run("events", "list", "--limit", "6").err == ""


def test_more_events_than_a_page(bench: Bench) -> None:
    lines = [{"type": "t", "payload": {"used": 20 * number}} for number in range(2_500)]
    path = bench.write("lines.ndjson", "".join(json.dumps(line) + "\n" for line in lines))
    assert bench.run("emit", "--batch", str(path), "--no-deliver").code == 0
    assert used(bench, "--limit", "2400") == list(range(2_499, 99, -1))
    assert used(bench, "--where", "$event.used < 40") == [1, 0]


def test_a_value_cannot_drive_the_terminal(bench: Bench) -> None:
    bench.emit({"name": "\x1b[31mred\u202e"})
    for command in ("list", "tail", "show"):
        out = bench.run("events", command, *(["@last"] if command == "show" else [])).out
        assert "red" in out
        assert "\x1b" not in out
        assert "\u202e" not in out


# What cannot be asked


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--since", "yesterday"), '--since: "yesterday" is neither an RFC 3339 time nor a duration like `2h ago`'),
        (("--until", "2026-13-01"), "--until: not a time of the calendar, or of the clock"),
        (("--since", "1h", "--until", "2h"), "nothing lies between --since "),
        (
            ("--status", "deda"),
            "--status deda: there are delivered, pending, retrying, dead, unknown, shown, dropped, failed"
            ' (did you mean "dead"?)',
        ),
        (("--pipeline", "alrt"), '--pipeline alrt: there is none of this name (did you mean "alert"?)'),
        (("--where", "used > 1"), "--where: 'used' is no value: write text in quotes, a ref as $event.… at column 1"),
        (("--where", "$event.used >"), "--where: expected a value, found the end at column 14"),
        (("--where", "$entity.customer.plan == 'pro'"), "--where: $entity.customer.plan: stored events are chosen by"),
        (("--type", "us*ge"), "--type us*ge: a star stands for the end of a type alone"),
        (("--limit", "0"), "Invalid value for '--limit'"),
        (("--tpye", "x"), "No such option: --tpye"),
    ],
)
def test_a_slip_in_an_option_is_named(full: Bench, arguments: tuple[str, ...], message: str) -> None:
    assert error(full, "list", *arguments)["message"].startswith(message)


def test_a_slip_in_a_condition_is_pointed_at(full: Bench) -> None:
    details = [detail["problem"] for detail in error(full, "list", "--where", "$event.used => 1")["details"]]
    assert details == ["$event.used => 1", "            ^"]


def strict(bench: Bench) -> None:
    """Take declared types alone."""
    (bench.root / "pipelines" / "money.toml").unlink()
    path = bench.root / "ingestlayer.toml"
    path.write_text(path.read_text().replace('undeclared = "accept"', 'undeclared = "reject"'))
    bench.write(f"events/{TYPE}.toml", f'type = "{TYPE}"\n[fields]\nused = "number?"\ncustomer_id = "string?"\n')


def test_a_type_that_is_neither_declared_nor_stored_is_refused(full: Bench) -> None:
    strict(full)
    words = "--type usage.limit_reachd: no event of this type is declared or stored"
    assert error(full, "list", "--type", "usage.limit_reachd")["message"] == f'{words} (did you mean "{TYPE}"?)'
    assert "(did you mean" in error(full, "list", "--type", "usag.*")["message"]
    assert used(full, "--type", "invoice.*") == [5, 2]  # stored, no longer declared


def test_a_field_that_no_declaration_has_is_remarked_on(full: Bench) -> None:
    strict(full)
    result = full.run("events", "list", "--where", "$event.usd > 1")
    assert (result.code, result.out) == (0, "no such event\n")
    assert result.err == 'note: --where: no declaration has $event.usd (did you mean "used"?)\n'


# One event by its name


def test_the_latest_by_acceptance_not_by_time(full: Bench) -> None:
    full.emit({"used": 140}, "--timestamp", "2020-01-01")
    assert full.run("events", "show", "@last", "--json").json["payload"]["used"] == 140
    assert full.run("events", "show", "@-2", "--json").json["payload"]["used"] == 120


def test_a_whole_id_that_is_the_start_of_another_means_itself(bench: Bench) -> None:
    bench.emit()
    bench.emit()
    bench.change("UPDATE events SET id = CASE seq WHEN 1 THEN 'evt_A' ELSE 'evt_AB' END")
    assert bench.run("events", "show", "evt_A", "--json").json["id"] == "evt_A"


def test_preview_takes_the_same_names(bench: Bench) -> None:
    id_ = bench.emit({"used": 1}).json["event"]["id"]
    for name in ("@last", "@-1", id_[:24]):
        assert bench.run("preview", "--event", name, "--json").json["event"]["id"] == id_
    assert bench.run("preview", "--event", "evt_none").code == 2


@pytest.mark.parametrize("name", ["@", "@-0", "@2", "@-x", "@first", "", "evt_%", "@-99999999999999"])
def test_what_names_no_event_is_a_usage_error(full: Bench, name: str) -> None:
    assert error(full, "show", name)["hint"]


# An empty store


@pytest.mark.parametrize(
    ("command", "out"), [("list", "no event yet\n"), ("tail", ""), ("export", ""), ("list --json", "")]
)
def test_without_a_store_there_is_none_afterwards(bench: Bench, command: str, out: str) -> None:
    before = files(bench.root)
    result = bench.run("events", *command.split())
    assert (result.code, result.out) == (0, out)
    assert files(bench.root) == before


@pytest.mark.parametrize("command", ["list", "show @last", "tail", "export"])
def test_looking_leaves_no_trace(full: Bench, command: str) -> None:
    before = files(full.root)
    assert full.run("events", *command.split()).code == 0
    assert files(full.root) == before


def test_a_store_of_an_older_version_is_brought_up_to_date(full: Bench) -> None:
    make_older(full.root / ".ingestlayer" / "store.db")
    assert used(full) == [6, 5, 4, 3, 2, 1]


# export


def test_what_is_exported_is_taken_back_unchanged(full: Bench, tmp_path: Path) -> None:
    texts = ["ünïcode \u2028 \U0001f600", "", "\x00\n", "$event.used ${x}"]
    numbers = [2**64 - 1, -(2**63), 1e22, 5e-324, 0.1, -0.0, 1.0]
    full.emit({"texts": texts, "numbers": numbers, "deep": {"a": [[], {}, None, True]}}, type_="odd")
    first = full.root / "out.ndjson"
    assert full.run("events", "export", str(first)).err == f"7 events written to {first}\n"
    other = Bench(tmp_path / "other", full.slack, full._capsys)
    assert other.run("emit", "--batch", str(first), "--no-deliver").code == 0
    second = other.root / "out.ndjson"
    assert other.run("events", "export", str(second)).code == 0
    assert second.read_bytes() == first.read_bytes()


def test_an_export_is_the_oldest_first_and_takes_filters(full: Bench) -> None:
    lines = full.run("events", "export", "--type", "usage.*", "--since", "2026-10-03").out.splitlines()
    assert [json.loads(line)["payload"]["used"] // 20 for line in lines] == [3, 4, 6]
    assert json.loads(lines[0]) == {
        "type": "usage.limit_reached",
        "payload": {"used": 60, "customer_id": "acme"},
        "idempotency_key": "key-3",
        "timestamp": "2026-10-04T12:00:00.000Z",
    }


def test_an_event_without_a_key_is_exported_without_one(bench: Bench) -> None:
    bench.emit()
    assert json.loads(bench.run("events", "export", "-").out).keys() == {"type", "payload", "timestamp"}


def test_an_export_into_a_file_says_so_as_json(full: Bench) -> None:
    path = str(full.root / "out.ndjson")
    assert full.run("events", "export", path, "--json").json == {"exported": 6, "file": path}


def test_an_export_into_nowhere_is_a_usage_error(full: Bench) -> None:
    path = full.root / "missing" / "out.ndjson"
    message = error(full, "export", str(path))["message"]
    assert message == f"{path} cannot be written: No such file or directory"
    assert "Is a directory" in error(full, "export", str(full.root))["message"]
    assert not list(full.root.parent.glob("*.part"))


# tail


def test_tail_shows_the_latest_with_the_newest_last(full: Bench) -> None:
    assert used(full, "-n", "3", command="tail") == [4, 5, 6]
    assert used(full, "-n", "0", command="tail") == []
    assert used(full, "--type", "usage.seat", command="tail") == [1, 4]


def test_tail_tells_the_outcomes(full: Bench) -> None:
    *_, last = full.run("events", "tail").out.splitlines()
    assert "✓ #alerts" in last
    (line,) = full.run("events", "tail", "-n", "1", "--json").out.splitlines()
    (outcome,) = json.loads(line)["outcomes"]
    assert (outcome["pipeline"], outcome["target"], outcome["status"]) == ("alert", "#alerts", "delivered")


def test_tail_gives_the_values_of_what_did_not_hold(bench: Bench) -> None:
    bench.pipeline('[[steps]]\nuse = "filter"\nwhen = "$event.used > 5"\n' + DESTINATION)
    bench.pipeline(DESTINATION + 'when = "$event.used > 9"\n', "other")
    bench.emit({"used": 1})
    line = bench.run("events", "tail", "--json").json
    assert {row["pipeline"]: row["why"] for row in line["outcomes"]} == {
        "alert": "used = 1 <= 5",
        "other": "no destination's condition held",
    }
    assert line["skipped"] == [
        {"pipeline": "other", "destination": "slack", "target": "#alerts", "reason": "used = 1 <= 9"}
    ]


@pytest.mark.parametrize("stored_before", [True, False])
def test_tail_follows_until_it_is_interrupted(bench: Bench, stored_before: bool) -> None:
    if stored_before:
        bench.emit({"used": 20})
    command = [sys.executable, "-m", "ingestlayer_cli", "-C", str(bench.root), "events", "tail", "-f", "--json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout
        try:
            seen = [json.loads(process.stdout.readline())] if stored_before else []
            for number in (2, 3):
                bench.emit({"used": 20 * number})
                seen.append(json.loads(process.stdout.readline()))
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
        finally:
            process.kill()
    assert [event["payload"]["used"] // 20 for event in seen] == ([1, 2, 3] if stored_before else [2, 3])
    assert [outcome["status"] for outcome in seen[-1]["outcomes"]] == ["delivered"]


def test_tail_looks_at_what_is_new_alone(full: Bench) -> None:
    store = open_to_read(str(full.root / ".ingestlayer" / "store.db"))
    assert store is not None
    usage = Selection(type="usage.*")
    (_, _), (third, _), *_ = store.history.accepted_after(usage, None)
    after = store.history.accepted_after(usage, third)
    assert [item.event.payload["used"] // 20 for _, item in after] == [4, 6]
    store.close()


# How it is looked up


def plan(bench: Bench, selection: Selection, newest_first: bool = True) -> str:
    """Return how SQLite looks up the first page and the next one."""
    store = open_to_read(str(bench.root / ".ingestlayer" / "store.db"))
    assert store is not None
    found: list[str] = []
    rows = store.rows

    def explained(sql: str, *values: Any) -> list[Any]:
        found.extend(row[3] for row in rows(f"EXPLAIN QUERY PLAN {sql}", *values))
        return rows(sql, *values)

    store.rows = explained  # type: ignore[method-assign]
    page = history.PAGE
    history.PAGE = 2
    try:
        list(store.history.select(selection, newest_first))
    finally:
        history.PAGE = page
        store.close()
    return "\n".join(found)


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize(
    ("selection", "index"),
    [
        (Selection(), "events_by_time"),
        (Selection(since=0), "events_by_time"),
        (Selection(until=1 << 60), "events_by_time"),
        (Selection(type="usage.seat"), "events_by_type"),
        (Selection(type="usage.seat", since=0), "events_by_type"),
        (Selection(type="usage.*"), "events_by_type"),
        (Selection(key="key-3"), "events_by_key"),
        (Selection(key="key-3", type="usage.limit_reached"), "events_by_key"),
        (Selection(key="key-3", type="usage.limit_reached", since=0), "events_by_key"),
        (Selection(source="cron"), "events_by_source"),
        (Selection(source="nobody", type="usage.seat", since=0), "events_by_source"),
        (Selection(source="cron", key="key-3"), "events_by_key"),
        (Selection(pipeline="alert"), "events_by_time"),
        (Selection(status="delivered"), "events_by_time"),
        (Selection(status="dead"), "deliveries_open"),
        (Selection(status="dead", type="invoice.failed", since=0), "deliveries_open"),
        (Selection(status="dropped"), "runs_by_outcome"),
        (Selection(status="failed"), "runs_by_outcome"),
    ],
)
def test_a_look_up_uses_an_index_and_sorts_nothing(
    full: Bench, selection: Selection, index: str, newest_first: bool
) -> None:
    steps = plan(full, selection, newest_first)
    assert index in steps
    assert "SCAN e\n" not in steps + "\n"
    if selection.key is None and selection.status not in ("dead", "dropped", "failed"):  # few rows are sorted quickly
        assert "TEMP B-TREE" not in steps
