"""How fast a file is imported into the store: `python -m tests.benchmarks.entities_import [ROWS]`.

Prints the seconds and the peak memory of `entities import` of a CSV and an NDJSON of a million customers, new and
unchanged, as a ratio to a bare loop that reads the same CSV and upserts its rows into a SQLite table, a thousand
in a transaction; and the memory of an import of a tenth of the rows, which should be the same.
"""

import csv
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.entities import run, write_rows
from tests.benchmarks.tools import compile_all

PROJECT = """
[entities.customer]
file = "few.csv"
key = "customer_id"
types = { mrr = "number", renewal = "date" }
"""
IMPORT = """
import sys
from ingestlayer_cli.main import run
sys.exit(run(["-C", sys.argv[1], "entities", "import", "customer", sys.argv[2], "-q"]))
"""
LOOP = """
import csv, itertools, json, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute("PRAGMA synchronous = FULL")
connection.execute("CREATE TABLE entities (kind TEXT, key TEXT, traits TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID")
sql = ("INSERT INTO entities VALUES ('customer', ?, ?) ON CONFLICT DO UPDATE SET traits = excluded.traits")
with open(sys.argv[2], newline="", encoding="utf-8") as file:
    rows = csv.DictReader(file)
    while chunk := list(itertools.islice(rows, 1000)):
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(sql, [(row["customer_id"], json.dumps(row)) for row in chunk])
        connection.execute("COMMIT")
"""


def project(folder: str, name: str) -> str:
    root = Path(folder) / name
    (root / "pipelines").mkdir(parents=True)
    (root / "ingestlayer.toml").write_text(PROJECT)
    (root / "few.csv").write_text("customer_id,mrr,renewal\nacme,1,2027-01-31\n")
    (root / "pipelines" / "none.toml").write_text("match = []\n")
    return str(root)


def write_ndjson(source: str, target: str) -> None:
    with open(source, newline="", encoding="utf-8") as lines, open(target, "w", encoding="utf-8") as file:
        for row in csv.DictReader(lines):
            file.write(json.dumps({**row, "mrr": int(row["mrr"])}) + "\n")


def main(rows: int) -> None:
    compile_all()
    with tempfile.TemporaryDirectory() as folder:
        whole, few, ndjson = (os.path.join(folder, name) for name in ("whole.csv", "few.csv", "whole.ndjson"))
        write_rows(whole, rows)
        write_rows(few, rows // 10)
        write_ndjson(whole, ndjson)
        bare, memory = run(LOOP, os.path.join(folder, "bare.db"), whole)
        print(f"{rows:,} rows\na bare loop: {bare:.1f} s, {memory:.0f} MB")
        root = project(folder, "project")
        for words, file, place in (
            ("CSV, all new", whole, root),
            ("CSV, all unchanged", whole, root),
            ("NDJSON, all unchanged", ndjson, root),
            ("NDJSON, all new", ndjson, project(folder, "other")),
            (f"CSV, {rows // 10:,} new", few, project(folder, "small")),
        ):
            took, memory = run(IMPORT, place, file)
            ratio = f"{took / bare:.2f} of the bare loop, " if file != few else ""
            print(f"{words}: {took:.1f} s, {ratio}{memory:.0f} MB", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
