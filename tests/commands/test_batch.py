"""`emit --batch`: NDJSON, JSONL and CSV, from a file or stdin; every line accepted or refused by its number."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine.batch import numbered_lines
from tests.support.folder import PAYLOAD, USAGE, Folder, envelope
from tests.support.program import PROGRAM, environment, start

HEADER = b"customer_id,metric,limit,used,plan\n"
NOTHING = {"delivered": 0, "pending": 0, "retrying": 0, "dead": 0, "unknown": 0}


def line(number: int, **more: Any) -> bytes:
    return json.dumps(envelope(number, **more)).encode() + b"\n"


def row(number: int) -> bytes:
    return f"c{number},seats,50,{number},team\n".encode()


def counts(document: Any) -> tuple[int, int, int]:
    return document["accepted"], document["duplicates"], document["rejected"]


def rejects(document: Any) -> list[tuple[int, str]]:
    return [(reject["line"], reject["kind"]) for reject in document["rejects"]]


def wait_for(project: Folder, events: int) -> None:
    """Wait until so many events are committed."""
    deadline = time.monotonic() + 20
    while project.count("events") < events:
        assert time.monotonic() < deadline, "nothing was committed"
        time.sleep(0.02)


# Results --------------------------------------------------------------------------------------------------


def test_the_document_has_the_contracts_keys(project: Folder) -> None:
    result = project.batch([envelope(1), envelope(2, payload=PAYLOAD), envelope(1)])
    assert (result.code, result.err, result.out.count("\n")) == (0, "", 1)
    assert result.json == {
        "accepted": 2,
        "duplicates": 1,
        "rejected": 0,
        "runs": {"queued": 2, "dropped": 0, "failed": 0},
        "deliveries": {**NOTHING, "shown": 2},
        "rejects": [],
    }


def test_words_count_what_happened_and_draw_the_messages(project: Folder) -> None:
    (project.root / "events.ndjson").write_bytes(line(1) + b"nope\n" + line(1))
    result = project.run("emit", "--batch", "events.ndjson")
    assert result.code == 65
    assert "1 accepted, 1 duplicate, 1 rejected" in result.out
    assert "runs: 1 queued" in result.out
    assert "deliveries: 1 shown" in result.out
    assert "A customer nears the limit of api-calls" in result.out
    assert "events.ndjson:2: json: " in result.err


def test_quiet_prints_the_refused_lines_alone(project: Folder) -> None:
    (project.root / "events.ndjson").write_bytes(line(1) + b"nope\n")
    result = project.run("emit", "--batch", "events.ndjson", "-q")
    assert (result.code, result.out) == (65, "")
    assert result.err.startswith("events.ndjson:2: json: ")
    assert project.count("events") == 1


def test_a_quiet_batch_without_refusals_is_silent(project: Folder) -> None:
    (project.root / "events.ndjson").write_bytes(line(1))
    assert project.run("emit", "--batch", "events.ndjson", "-q") == (0, "", "")


def test_a_hundred_rejects_are_named_and_all_are_counted(project: Folder) -> None:
    result = project.batch(b"nope\n" * 150 + line(1))
    assert result.code == 65
    assert counts(result.json) == (1, 0, 150)
    assert [reject["line"] for reject in result.json["rejects"]] == list(range(1, 101))
    assert project.count("dead_letters") == 150


def test_an_empty_batch_is_fine(project: Folder) -> None:
    result = project.batch(b"")
    assert (result.code, counts(result.json)) == (0, (0, 0, 0))
    assert result.json["deliveries"] == NOTHING


def test_no_deliver_queues_the_messages_of_a_batch_in_order(project: Folder) -> None:
    result = project.batch([envelope(number) for number in range(1, 4)], "--no-deliver")
    assert (result.code, result.json["deliveries"]["pending"]) == (0, 3)
    assert project.run("deliver", "-q").code == 0
    assert project.rows("SELECT DISTINCT status FROM deliveries") == [("shown",)]


def test_running_a_batch_again_makes_duplicates_alone(project: Folder) -> None:
    lines = [envelope(number) for number in range(1, 4)]
    project.batch(lines)
    again = project.batch(lines).json
    assert counts(again) == (0, 3, 0)
    assert again["deliveries"] == NOTHING
    assert project.count("deliveries") == 3


def test_a_failed_run_makes_exit_78_win_over_refused_lines(project: Folder) -> None:
    (project.root / "customers.csv").unlink()
    result = project.batch([envelope(1), "nope"])
    assert result.code == 78
    assert counts(result.json) == (1, 0, 1)
    assert result.json["runs"]["failed"] == 1


def test_the_source_of_a_batch_is_kept(project: Folder) -> None:
    project.batch([envelope(1)], "--source", "nightly")
    assert project.rows("SELECT source FROM events") == [("nightly",)]


# Envelopes and payloads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["events.ndjson", "events.jsonl", "EVENTS.NDJSON"])
def test_envelopes_may_come_in_every_spelling_of_ndjson(project: Folder, name: str) -> None:
    assert counts(project.batch([envelope(1)], name=name).json) == (1, 0, 0)


def test_envelopes_come_from_stdin(project: Folder) -> None:
    result = project.run("emit", "--batch", "-", "--json", stdin=line(1) + line(2))
    assert (result.code, counts(result.json)) == (0, (2, 0, 0))


def test_an_envelope_carries_key_and_timestamp(project: Folder) -> None:
    project.batch([envelope(1, idempotency_key="mine", timestamp="2026-11-03T09:30:00Z")])
    assert project.rows("SELECT key, received_at FROM events") == [("mine", 1793698200000)]


def test_an_envelope_may_carry_null_for_both(project: Folder) -> None:
    project.batch([envelope(1, idempotency_key=None, timestamp=None)])
    ((key,),) = project.rows("SELECT key FROM events")
    assert key.startswith("customer-1:api-calls:")


def test_lines_are_payloads_when_the_type_is_given(project: Folder) -> None:
    result = project.batch([{**PAYLOAD, "customer_id": "a"}, {**PAYLOAD, "customer_id": "b"}, {"x": 1}], USAGE)
    assert result.code == 65
    assert counts(result.json) == (2, 0, 1)
    assert rejects(result.json) == [(3, "schema")]


def test_payloads_of_a_type_come_from_stdin(project: Folder) -> None:
    result = project.run("emit", USAGE, "--batch", "-", "--json", stdin=json.dumps(PAYLOAD).encode())
    assert counts(result.json) == (1, 0, 0)


def test_several_types_may_share_a_batch(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"')
    result = project.batch([envelope(1), {"type": "user.seen", "payload": {"name": "Ada"}}])
    assert counts(result.json) == (2, 0, 0)


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (b'{"payload": {}}', "schema", "type"),
        (b'{"type": 7, "payload": {}}', "schema", "type"),
        (b'["x"]', "schema", "envelope"),
        (b'{"type": "usage.limit_reached", "playload": {}}', "schema", "playload"),
        (b'{"type": "usage.limit_reached", "payload": [1]}', "schema", "an array"),
        (b'{"type": "usage.limit_reached", "payload": null}', "schema", "null"),
        (b'{"type": "usage.limit_reached"}', "schema", "customer_id is required"),
        (b'{"type": "usage.limit_reachd", "payload": {}}', "undeclared", "did you mean"),
        (b'{"type": "no such", "payload": {}}', "type", "not an event type"),
        (b'{"type": "x", "payload": {}} trailing', "json", "column"),
        (b'{"a": NaN}', "json", "NaN"),
        (b'{"a": ' + b"9" * 5000 + b"}", "json", "the line"),
        (b"[" * 100_000 + b"]" * 100_000, "json", "deep"),
        (b'{"type": "caf\xe9"}', "json", "UTF-8"),
        (b"nope", "json", "column 1"),
    ],
)
def test_a_bad_line_is_refused_by_number_and_rule_and_the_rest_accepted(
    project: Folder, bad: bytes, kind: str, words: str
) -> None:
    result = project.batch(line(1) + bad + b"\n" + line(2))
    assert result.code == 65
    assert counts(result.json) == (2, 0, 1)
    assert rejects(result.json) == [(2, kind)]
    assert words in result.json["rejects"][0]["message"]
    assert project.rows("SELECT line, kind FROM dead_letters") == [(2, kind)]


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"idempotency_key": 7}, "key"),
        ({"idempotency_key": ""}, "key"),
        ({"idempotency_key": "k" * 10_000}, "key"),
        ({"timestamp": 1793698200}, "timestamp"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"type": "t" * 10_000}, "type"),
        ({"payload": {**PAYLOAD, "plan": "\ud800"}}, "schema"),
        ({"payload": {**PAYLOAD, "used": 10**30}}, "schema"),
        ({"payload": {**PAYLOAD, "used": True}}, "schema"),
    ],
)
def test_a_bad_part_of_an_envelope_is_refused_by_its_rule(project: Folder, more: Any, kind: str) -> None:
    result = project.batch([envelope(1), envelope(2, **more), envelope(3)])
    assert (result.code, counts(result.json), rejects(result.json)) == (65, (2, 0, 1), [(2, kind)])
    assert len(result.json["rejects"][0]["message"]) < 500


# Odd files ------------------------------------------------------------------------------------------------


def test_a_truncated_last_line_is_refused_and_the_rest_accepted(project: Folder) -> None:
    result = project.batch(line(1) + line(2)[:40])
    assert (result.code, counts(result.json), rejects(result.json)) == (65, (1, 0, 1), [(2, "json")])


def test_a_last_line_without_a_line_end_is_accepted(project: Folder) -> None:
    assert counts(project.batch(line(1) + line(2).rstrip()).json) == (2, 0, 0)


def test_blank_lines_are_passed_over_and_counted_in_the_numbers(project: Folder) -> None:
    result = project.batch(line(1) + b"\n   \n\t\n" + b"nope\n" + line(2))
    assert (counts(result.json), rejects(result.json)) == ((2, 0, 1), [(5, "json")])


def test_a_byte_order_mark_is_passed_over(project: Folder) -> None:
    assert counts(project.batch(b"\xef\xbb\xbf" + line(1)).json) == (1, 0, 0)


def test_line_ends_of_windows_are_fine(project: Folder) -> None:
    assert counts(project.batch((line(1) + line(2)).replace(b"\n", b"\r\n")).json) == (2, 0, 0)


def test_a_line_of_5_mb_is_refused_without_its_text_and_the_rest_accepted(project: Folder) -> None:
    long = json.dumps(envelope(2, payload={**PAYLOAD, "plan": "x" * 5_000_000})).encode() + b"\n"
    result = project.batch(line(1) + long + line(3))
    assert (result.code, counts(result.json), rejects(result.json)) == (65, (2, 0, 1), [(2, "size")])
    assert project.rows("SELECT line, kind, length(raw) < 2000 FROM dead_letters") == [(2, "size", 1)]


def test_a_line_of_5_mb_at_the_end_is_refused(project: Folder) -> None:
    result = project.batch(line(1) + b"x" * 5_000_000)
    assert (counts(result.json), rejects(result.json)) == ((1, 0, 1), [(2, "size")])


def test_a_line_that_is_not_utf_8_is_kept_readable_in_its_dead_letter(project: Folder) -> None:
    project.batch(line(1) + b'{"type": "caf\xe9"}\n')
    assert project.rows("SELECT raw FROM dead_letters") == [('{"type": "caf\\xe9"}',)]


def test_a_file_that_is_missing_is_wrong_usage(project: Folder) -> None:
    result = project.run("emit", "--batch", "missing.ndjson")
    assert (result.code, result.err) == (2, "error: --batch missing.ndjson: No such file or directory\n")


def test_a_folder_is_wrong_usage(project: Folder) -> None:
    (project.root / "folder.ndjson").mkdir()
    assert "Is a directory" in project.run("emit", "--batch", "folder.ndjson").err


def test_another_ending_is_wrong_usage_with_the_endings(project: Folder) -> None:
    project.write("events.txt", "")
    result = project.run("emit", "--batch", "events.txt")
    assert result.code == 2
    assert ".ndjson, .jsonl or .csv" in result.err


# CSV ------------------------------------------------------------------------------------------------------


def test_csv_cells_are_read_by_the_types_of_the_fields(project: Folder) -> None:
    result = project.batch(HEADER + b"acme,seats,50,46.5,7\n", USAGE, name="events.csv")
    assert (result.code, counts(result.json)) == (0, (1, 0, 0))
    ((payload,),) = project.rows("SELECT payload FROM events")
    assert json.loads(payload) == {**PAYLOAD, "metric": "seats", "limit": 50, "used": 46.5, "plan": "7"}


def test_csv_needs_the_type(project: Folder) -> None:
    result = project.batch(HEADER, name="events.csv")
    assert result.code == 2
    assert "emit TYPE --batch FILE.csv" in result.error["message"]


def test_an_empty_csv_cell_is_an_absent_field(project: Folder) -> None:
    project.declare("user.seen", '[fields]\nname = "string"\nage = "number?"')
    result = project.batch(b"name,age\nAda,\n,36\n", "user.seen", name="users.csv")
    assert (counts(result.json), rejects(result.json)) == ((1, 0, 1), [(3, "schema")])
    assert project.rows("SELECT payload FROM events") == [('{"name":"Ada"}',)]


def test_a_csv_cell_that_does_not_fit_is_refused_by_line_and_field(project: Folder) -> None:
    result = project.batch(HEADER + row(1) + b"a,seats,many,1,p\n" + row(2), USAGE, name="events.csv")
    assert (counts(result.json), rejects(result.json)) == ((2, 0, 1), [(3, "schema")])
    assert "limit" in result.json["rejects"][0]["message"]


def test_a_quoted_csv_cell_may_hold_newlines_commas_and_quotes(project: Folder) -> None:
    content = HEADER + row(1) + b'c2,seats,50,2,"a ""b"",\nc\r\nd"\n' + row(3)
    result = project.batch(content, USAGE, name="events.csv")
    assert (result.code, counts(result.json)) == (0, (3, 0, 0))
    payloads = [json.loads(payload) for (payload,) in project.rows("SELECT payload FROM events ORDER BY seq")]
    assert payloads[1]["plan"] == 'a "b",\nc\r\nd'


def test_lines_after_a_cell_with_newlines_keep_their_numbers(project: Folder) -> None:
    content = HEADER + b'a,seats,50,2,"a\nb\nc"\n' + b"x,nope,50,2,team\n"
    assert rejects(project.batch(content, USAGE, name="events.csv").json) == [(5, "schema")]


def test_an_unclosed_quote_refuses_its_line_alone(project: Folder) -> None:
    content = HEADER + row(1) + b'"open,seats,50,2,team\n' + row(3) + row(4)
    result = project.batch(content, USAGE, name="events.csv")
    assert (result.code, counts(result.json), rejects(result.json)) == (65, (3, 0, 1), [(3, "csv")])


def test_a_csv_line_that_is_not_utf_8_is_refused_and_the_rest_accepted(project: Folder) -> None:
    content = HEADER + row(1) + b"caf\xe9,seats,50,2,team\n" + row(3)
    result = project.batch(content, USAGE, name="events.csv")
    assert (counts(result.json), rejects(result.json)) == ((2, 0, 1), [(3, "csv")])


def test_a_csv_row_with_more_cells_than_the_header_is_refused(project: Folder) -> None:
    result = project.batch(HEADER + row(1) + b"a,seats,50,2,team,extra\n", USAGE, name="events.csv")
    assert (counts(result.json), rejects(result.json)) == ((1, 0, 1), [(3, "csv")])
    assert "6 cells, the header 5" in result.json["rejects"][0]["message"]


def test_a_csv_file_may_have_a_byte_order_mark_and_the_line_ends_of_windows(project: Folder) -> None:
    content = b"\xef\xbb\xbf" + (HEADER + row(1) + b"\n" + row(2)).replace(b"\n", b"\r\n")
    assert counts(project.batch(content, USAGE, name="events.csv").json) == (2, 0, 0)


def test_a_csv_column_that_is_no_field_is_refused_with_the_near_miss(project: Folder) -> None:
    content = HEADER.replace(b"metric", b"metrc") + row(1)
    result = project.batch(content, USAGE, name="events.csv")
    assert rejects(result.json) == [(1, "schema")]
    reject = result.json["rejects"][0]["message"]
    assert "metric" in reject


def test_a_csv_cell_of_5_mb_is_refused_and_the_rest_accepted(project: Folder) -> None:
    content = HEADER + row(1) + b"x" * 5_000_000 + b",seats,50,2,team\n" + row(3)
    result = project.batch(content, USAGE, name="events.csv")
    assert result.code == 65
    assert (counts(result.json), rejects(result.json)) == ((2, 0, 1), [(3, "size")])


def test_a_csv_cell_longer_than_the_csv_modules_own_limit_is_accepted(project: Folder) -> None:
    project.declare("note.made", '[fields]\ntext = "string"')
    result = project.batch(b"text\n" + b"x" * 200_000 + b"\n", "note.made", name="notes.csv")
    assert counts(result.json) == (1, 0, 0)


def test_unclosed_quotes_in_a_large_csv_file_refuse_their_own_lines_alone(project: Folder) -> None:
    rows = [row(number) for number in range(30_000)]
    rows[10] = b'"open,seats,50,2,team\n'
    rows[20] = b'"open,seats,50,2,team\n'
    result = project.batch(HEADER + b"".join(rows), "no.such", name="events.csv")  # refused is quicker than accepted
    assert result.json["rejected"] == 30_000
    kinds = project.rows("SELECT kind, count(*) FROM dead_letters GROUP BY kind ORDER BY kind")
    assert kinds == [("csv", 2), ("undeclared", 29_998)]


# --rejects ------------------------------------------------------------------------------------------------


def test_rejects_gets_every_refused_line_with_its_reason(project: Folder) -> None:
    project.batch([envelope(1), envelope(2, payload={"metric": "seets"}), "nope"], "--rejects", "rejects.ndjson")
    first, second = map(json.loads, (project.root / "rejects.ndjson").read_text().splitlines())
    assert (first["line"], first["kind"]) == (2, "schema")
    assert "metric" in [detail["path"] for detail in first["details"]]
    assert json.loads(first["raw"])["payload"] == {"metric": "seets"}
    assert (second["line"], second["raw"]) == (3, '"nope"')


def test_rejects_is_empty_when_nothing_was_refused(project: Folder) -> None:
    project.batch([envelope(1)], "--rejects", "rejects.ndjson")
    assert (project.root / "rejects.ndjson").read_text() == ""


def test_rejects_that_cannot_be_written_is_wrong_usage_before_anything_is_accepted(project: Folder) -> None:
    result = project.batch([envelope(1)], "--rejects", "no/such/folder.ndjson")
    assert (result.code, result.error["kind"]) == (2, "usage")
    assert project.count("events") == 0


def test_csv_comes_from_stdin_with_its_format(project: Folder) -> None:
    result = project.run("emit", USAGE, "--batch", "-", "--format", "csv", "--json", stdin=HEADER + row(1) + row(2))
    assert (result.code, counts(result.json)) == (0, (2, 0, 0))


def test_rows_of_a_slow_csv_pipe_are_committed_before_its_end(project: Folder) -> None:
    process = start("emit", USAGE, "--batch", "-", "--format", "csv", "--json", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write(HEADER + row(1) + row(2) + b'"x')
    process.stdin.flush()
    wait_for(project, 2)
    out, _ = process.communicate(b'",seats,50,3,team\n', timeout=100)
    assert counts(json.loads(out)) == (3, 0, 0)


def test_a_format_overrules_the_ending(project: Folder) -> None:
    assert counts(project.batch(line(1), "--format", "ndjson", name="events.log").json) == (1, 0, 0)


def test_an_unknown_format_names_the_known_ones(project: Folder) -> None:
    result = project.batch(line(1), "--format", "cvs")
    assert (result.code, result.error["hint"]) == (2, "write csv or ndjson")
    assert 'did you mean "csv"?' in result.error["message"]


def test_rejects_over_the_batch_itself_is_refused(project: Folder) -> None:
    result = project.batch([envelope(1)], "--rejects", "events.ndjson")
    assert result.code == 2
    assert (project.root / "events.ndjson").read_bytes() == line(1)


# Streaming ------------------------------------------------------------------------------------------------


def test_the_chunks_of_a_large_file_are_full(tmp_path: Path) -> None:
    path = tmp_path / "many.ndjson"
    path.write_bytes(b"".join(line(number) for number in range(4_321)))
    with path.open("rb") as file:
        sizes = [len(lines) for lines in numbered_lines(file)]
    assert sizes == [1_000, 1_000, 1_000, 1_000, 321]


def test_lines_of_a_slow_pipe_are_committed_before_its_end(project: Folder) -> None:
    process = start("emit", "--batch", "-", "--json", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write(line(1) + line(2) + line(3)[:20])
    process.stdin.flush()
    wait_for(project, 2)
    assert process.poll() is None
    out, _ = process.communicate(line(3)[20:], timeout=100)
    assert counts(json.loads(out)) == (3, 0, 0)


def test_ctrl_c_loses_nothing_that_was_accepted(project: Folder) -> None:
    process = start("emit", "--batch", "-", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write(line(1) + line(2))
    process.stdin.flush()
    wait_for(project, 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert b"what was accepted is safe" in err
    assert project.count("events") == 2
    assert project.run("deliver", "-q").code == 0
    assert project.rows("SELECT DISTINCT status FROM deliveries") == [("shown",)]


def test_ctrl_c_under_json_is_one_error_document(project: Folder) -> None:
    process = start("emit", "--batch", "-", "--json", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write(line(1))
    process.stdin.flush()
    wait_for(project, 1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=100)
    assert (process.returncode, json.loads(out)["error"]["kind"]) == (130, "interrupted")


MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(project: Folder, *arguments: str) -> tuple[int, int]:
    """Run the program; return its exit code and the most memory it had, in kB."""
    command = [sys.executable, "-c", MEASURE, PROGRAM, *arguments]
    done = subprocess.run(command, cwd=project.root, env=environment(), capture_output=True, check=True)
    code, memory = done.stdout.split()
    return int(code), int(memory)


def many(path: Path, count: int) -> None:
    with path.open("wb") as file:
        for number in range(count):
            file.write(line(number))


def test_a_hundred_thousand_lines_take_less_than_100_mb(project: Folder) -> None:
    steps = "[[steps]]\nuse = 'filter'\nwhen = '$event.used % 50 == 0'\n[[steps]]"
    project.edit("pipelines/usage-limit-hits.toml", "[[steps]]", steps)
    many(project.root / "events.ndjson", 100_000)
    code, memory = peak(project, "emit", "--batch", "events.ndjson", "--no-deliver", "--json")
    assert code == 0
    assert project.count("events") == 100_000
    assert memory < 100 * 1024


def test_ten_thousand_refused_lines_with_rejects_take_little_memory(project: Folder) -> None:
    (project.root / "events.ndjson").write_bytes(b"nope\n" * 10_000)
    code, memory = peak(project, "emit", "--batch", "events.ndjson", "--rejects", os.devnull, "--json")
    assert code == 65
    assert memory < 60 * 1024


def test_a_store_that_is_replaced_meanwhile_takes_no_more(project: Folder) -> None:
    process = start("emit", "--batch", "-", "--json", cwd=project.root)
    assert process.stdin is not None
    process.stdin.write(b"".join(line(number) for number in range(2_500)))
    process.stdin.flush()
    wait_for(project, 1_000)
    shutil.rmtree(project.store.parent)
    with suppress(BrokenPipeError):
        process.stdin.write(b"".join(line(number) for number in range(2_500, 5_000)))
    out, err = process.communicate()
    assert process.returncode == 75  # the result tells how far it came
    assert "was deleted, or replaced, while it was open" in (out + err).decode()
    assert project.count("events") == 0


def test_a_csv_with_a_column_twice_is_refused_as_a_whole(project: Folder) -> None:
    rows = "customer_id,metric,limit,used,used,plan\nacme,seats,10,9,12,pro\n"
    result = project.run("emit", USAGE, "--batch", "-", "--format", "csv", "--json", stdin=rows.encode())
    assert (result.code, result.json["accepted"], result.json["rejected"]) == (65, 0, 1)
    words = 'the column "used" stands twice in the header, as the 4th and the 5th'
    assert result.json["rejects"] == [{"line": 1, "kind": "csv", "message": words}]


# How a CSV is written -----------------------------------------------------------------------------------------------

WRITTEN = HEADER + b'c1,seats,"10,000","9,100",pro\nc2,seats,"10,000","9,900",pro\n'


def test_numbers_that_are_not_read_are_refused_with_the_format_that_reads_the_most(project: Folder) -> None:
    (project.root / "batch.csv").write_bytes(WRITTEN)
    result = project.run("emit", USAGE, "--batch", "batch.csv")
    assert result.code == 65
    assert """hint: --format 'thousands = ","' would read 4 of 4""" in result.err
    assert project.run("emit", USAGE, "--batch", "batch.csv", "--dry-run", "--json").json["notes"] == [
        """--format 'thousands = ","' would read 4 of 4"""
    ]


def test_with_the_format_they_are_read(project: Folder) -> None:
    rows = b'c1;seats;"10,000";"9,100";pro\nc2;seats;"10,000";"9,900";pro\n'
    (project.root / "batch.csv").write_bytes(HEADER.replace(b",", b";") + rows)
    result = project.run(
        "emit", USAGE, "--batch", "batch.csv", "--format", 'delimiter = ";", thousands = ","', "--json"
    )
    assert counts(result.json) == (2, 0, 0)
    assert project.rows("SELECT payload ->> 'used' FROM events ORDER BY seq") == [(9100,), (9900,)]


def test_the_format_of_stdin_is_said_beside_what_it_holds(project: Folder) -> None:
    result = project.run("emit", USAGE, "--batch", "-", "--format", 'csv, thousands = ","', "--json", stdin=WRITTEN)
    assert counts(result.json) == (2, 0, 0)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ('delimeter = ";"', 'unknown key "delimeter" (did you mean "delimiter"?)'),
        ("thousands = ,", "in { } stands key = value"),
        ('ndjson, thousands = ","', "settings are of CSV"),
    ],
)
def test_a_format_that_is_none_is_wrong_usage(words: str, told: str, project: Folder) -> None:
    (project.root / "batch.csv").write_bytes(WRITTEN)
    result = project.run("emit", USAGE, "--batch", "batch.csv", "--format", words)
    assert result.code == 2
    assert told in result.err
