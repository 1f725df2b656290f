"""Importing files into the store's traits."""

import json
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.customers import Customers
from tests.support.program import Result, start

ROWS = "customer_id,name,mrr,plan\nacme,Acme SE,2400,team\nnew,New One,10,\n"


def imported(customers: Customers, *arguments: str) -> Any:
    result = customers.here("entities", "import", "customer", *arguments, "--json")
    assert result.code == 0, result
    return result.json


def path(customers: Customers, text: str, name: str = "import.csv") -> str:
    return str(customers.write(name, text))


def counts(document: Any) -> tuple[int, int, int, int]:
    return tuple(document[name] for name in ("new", "changed", "unchanged", "rejected"))


def test_a_csv_is_merged_and_reported(customers: Customers) -> None:
    file = path(customers, ROWS)
    assert counts(imported(customers, file)) == (2, 0, 0, 0)
    assert customers.value("acme", "mrr") == 2400
    assert customers.origins("new")["mrr"] == "import import.csv line 3"
    assert customers.value("acme", "renewal") == "2027-01-31"  # of the project's own file


def test_a_row_that_changes_nothing_is_not_written(customers: Customers) -> None:
    imported(customers, path(customers, ROWS))
    before = customers.rows("SELECT * FROM entities ORDER BY key")
    assert counts(imported(customers, path(customers, ROWS, "again.csv"))) == (0, 0, 2, 0)
    assert customers.rows("SELECT * FROM entities ORDER BY key") == before


def test_a_change_is_of_the_names_that_differ_alone(customers: Customers) -> None:
    imported(customers, path(customers, ROWS))
    document = imported(customers, path(customers, ROWS.replace("2400", "2500"), "later.csv"))
    assert counts(document) == (0, 1, 1, 0)
    assert document["changes"] == [{"id": "acme", "line": 2, "changed": [{"name": "mrr", "from": 2400, "to": 2500}]}]
    origins = customers.origins("acme")
    assert (origins["mrr"], origins["name"]) == ("import later.csv line 2", "import import.csv line 2")


def test_an_empty_cell_says_nothing(customers: Customers) -> None:
    customers.seen("customer_id=new", "plan=pro", "--timestamp", "1h ago")
    imported(customers, path(customers, ROWS))
    assert customers.value("new", "plan") == "pro"


def test_what_a_later_event_said_stays(customers: Customers) -> None:
    customers.seen("customer_id=acme", "plan=later", "--timestamp", "2999-01-01T00:00:00Z", "--allow-future")
    imported(customers, path(customers, ROWS))
    assert customers.value("acme", "plan") == "later"
    assert customers.value("acme", "mrr") == 2400


def test_a_dry_run_reports_the_same_and_writes_nothing(customers: Customers) -> None:
    file = path(customers, ROWS)
    assert counts(imported(customers, file, "--dry-run")) == (2, 0, 0, 0)
    assert not customers.store.exists()
    imported(customers, file)
    later = path(customers, ROWS.replace("2400", "2500"))
    result = customers.here("entities", "import", "customer", later, "--dry-run")
    assert "0 new, 1 changed, 1 unchanged, 0 rejected (nothing is written)" in result.out
    assert "acme: mrr  2400 → 2500" in result.out
    assert customers.value("acme", "mrr") == 2400


BAD = """customer_id,name,mrr,renewal
acme,One,much,2027-01-01
,Two,1,2027-01-01
three,Three,1,2027-01-01,more
four,Four,1,2027-02-30
five,Five,1,2027-01-01
"""


def test_rows_that_are_wrong_are_reported_by_line_and_the_others_imported(customers: Customers) -> None:
    result = customers.here("entities", "import", "customer", path(customers, BAD), "--json")
    assert result.code == 65
    assert counts(result.json) == (1, 0, 0, 4)
    assert [row["line"] for row in result.json["rejects"]] == [2, 3, 4, 5]
    assert 'mrr "much" is not a number' in result.json["rejects"][0]["message"]
    assert customers.value("acme", "name") == "Acme Inc"
    assert customers.value("five", "name") == "Five"


def test_for_people_each_refused_line_is_an_error(customers: Customers) -> None:
    result = customers.here("entities", "import", "customer", path(customers, BAD), "-q")
    assert result.out == ""
    assert 'import.csv:2: mrr "much" is not a number' in result.err


NDJSON = b"""{"customer_id": "a", "mrr": 5, "tags": ["x"]}
{broken
[1]

{"customer_id": "\\ud800"}
{"name": "no key"}
{"customer_id": "\xff"}
{"customer_id": 7, "mrr": null}
"""


def test_broken_lines_of_ndjson_do_not_stop_the_others(customers: Customers) -> None:
    (customers.root / "import.ndjson").write_bytes(NDJSON)
    result = customers.here("entities", "import", "customer", str(customers.root / "import.ndjson"), "--json")
    assert counts(result.json) == (2, 0, 0, 5)
    assert [row["line"] for row in result.json["rejects"]] == [2, 3, 5, 6, 7]
    assert customers.value("7", "mrr") is None
    assert customers.value("a", "tags") == ["x"]


def test_json_by_key_and_as_a_list(customers: Customers) -> None:
    by_key = json.dumps({"acme": {"plan": "a"}, "b": {"plan": "b"}})
    assert counts(imported(customers, path(customers, by_key, "by.json"))) == (2, 0, 0, 0)
    as_list = json.dumps([{"customer_id": "acme", "plan": "a"}])
    assert counts(imported(customers, path(customers, as_list, "list.json"))) == (0, 0, 1, 0)
    assert customers.origins("acme")["plan"] == "import by.json record 1"


def test_a_broken_json_document_is_refused_as_a_whole(customers: Customers) -> None:
    result = customers.here("entities", "import", "customer", path(customers, '[{"customer_id": "a"}, {', "x.json"))
    assert result.code == 2
    assert "x.json:1:25" in result.err
    assert not customers.store.exists()


@pytest.mark.parametrize(
    ("stdin", "new"),
    [
        (ROWS.encode(), 2),
        (b'{"customer_id": "a"}\n{"customer_id": "b"}\n{"customer_id": "c"}', 3),
        (b'[{"customer_id": "a"}]', 1),
    ],
)
def test_stdin_is_told_by_how_it_begins(customers: Customers, stdin: bytes, new: int) -> None:
    result = customers.run("entities", "import", "customer", "-", "--json", stdin=stdin)
    assert result.json["new"] == new
    assert result.json["file"] == "stdin"


def test_another_column_may_be_the_key(customers: Customers) -> None:
    imported(customers, path(customers, "id,plan\nacme,team\n"), "--key", "id")
    assert customers.value("acme", "plan") == "team"


def test_a_kind_without_a_table_needs_a_key_column(customers: Customers) -> None:
    file = path(customers, "id,plan\nw,team\n")
    result = customers.here("entities", "import", "workspace", file)
    assert (result.code, "--key COLUMN" in result.err) == (2, True)
    assert customers.here("entities", "import", "workspace", file, "--key", "id").code == 0
    assert customers.entity("w", "workspace")["values"]


def test_a_missing_key_column_has_its_near_miss_and_imports_nothing(customers: Customers) -> None:
    result = customers.here("entities", "import", "customer", path(customers, "custmer_id,plan\nacme,team\n"), "--json")
    assert result.code == 2
    assert 'did you mean "custmer_id"?' in result.error["message"]
    assert not customers.store.exists()


def test_a_column_that_is_nearly_a_typed_one_is_remarked_on(customers: Customers) -> None:
    result = customers.here("entities", "import", "customer", path(customers, "customer_id,mmr\nacme,1\n"))
    assert 'import.csv has no column mrr (did you mean "mmr"?)' in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope.csv"], "nope.csv cannot be read: No such file"),
        (["ingestlayer.toml"], "neither .csv, .json nor .ndjson"),
        (["customers.csv", "--format", "cvs"], 'did you mean "csv"?'),
    ],
)
def test_a_file_that_cannot_be_read_is_wrong_usage(customers: Customers, arguments: list[str], said: str) -> None:
    result: Result = customers.run("entities", "import", "customer", *arguments, "--json")
    assert result.code == 2
    assert said in result.error["message"]


def test_rows_of_one_key_are_merged_in_their_order(customers: Customers) -> None:
    text = "customer_id,plan,name\nx,a,\nx,,Name\nx,b,\n"
    assert counts(imported(customers, path(customers, text))) == (1, 2, 0, 0)
    assert (customers.value("x", "plan"), customers.value("x", "name")) == ("b", "Name")


def test_nothing_of_a_file_beside_its_columns_is_kept(customers: Customers) -> None:
    imported(customers, path(customers, "customer_id,<!channel>,$event.x\nx,$$,${y}\n"))
    assert customers.value("x", "$event.x") == "${y}"


def test_an_interrupted_import_keeps_what_is_done(customers: Customers, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    with open(rows, "w", encoding="utf-8") as file:
        file.write("customer_id,name\n")
        file.writelines(f"c{number},{'x' * 50}\n" for number in range(200_000))
    process = start("entities", "import", "customer", str(rows), cwd=customers.root)
    while not customers.count("entities") and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == 130
    done = customers.count("entities")
    assert 0 < done < 200_000
    assert done % 1_000 == 0
    said = re.search(rb"at least ([\d,]+) rows are done", err)
    assert said is not None
    assert done - 1_000 <= int(said[1].replace(b",", b"")) <= done  # it may come just behind a commit
