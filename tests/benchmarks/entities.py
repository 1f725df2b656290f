"""How fast a row is found in an entity file of a million rows: `python -m tests.benchmarks.entities [ROWS]`.

Prints the time to build the side index, the time of a look-up in a fresh process as a ratio to an interpreter
that does nothing, the time of many look-ups in one process, and the memory of each.
"""

import compileall
import os
import random
import sys
import tempfile
import time
from statistics import median

import ingestlayer_cli

ROUNDS = 41
# A prime, so that the rows come in no order, each once. No list of them is held here: the peak memory of a
# process counts what the one that started it held.
STRIDE = 7_368_787
LOOK_UP = """
import os, sys
from ingestlayer_cli.entities.file import EntityFile
with EntityFile("customer", sys.argv[1], "customer_id", {"mrr": "number"}, sys.argv[2]) as file:
    row = file.get(sys.argv[3])
if row is None:
    sys.exit("no row")
"""
LOOK_UP_MANY = """
import random, sys, time
from ingestlayer_cli.entities.file import EntityFile
rows, picks = int(sys.argv[3]), 100_000
with EntityFile("customer", sys.argv[1], "customer_id", {"mrr": "number"}, sys.argv[2]) as file:
    for name, among in (("any row", rows), ("5,000 rows", 5_000)):
        keys = [f"cust_{random.randrange(among):08d}" for _ in range(picks)]
        began = time.perf_counter()
        for key in keys:
            file.get(key)
        took = time.perf_counter() - began
        print(f"{picks:,} look-ups of {name}: {took:.2f} s, {took / picks * 1e6:.1f} us each", flush=True)
"""
IMPORTS = "import sqlite3, csv, typing, enum"


def run(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python code in a fresh process; return its seconds and its peak memory in MB."""
    began = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", code, *arguments], os.environ)
    _, status, usage = os.wait4(process, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f"the process failed: {status}")
    return took, usage.ru_maxrss / 1024


def write_rows(path: str, rows: int) -> None:
    """Write a CSV of `rows` customers in no order; one in ten has a cell with a comma, one a line break."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write("customer_id,name,plan,mrr,renewal,csm_email\r\n")
        for step in range(rows):
            number = step * STRIDE % rows
            name = ('"Acme, Inc"', '"Acme\nInc"', *["Acmé GmbH"] * 8)[number % 10]
            file.write(f"cust_{number:08d},{name},pro,{number % 900},2026-11-03,someone@example.com\r\n")
    # A file that changed this very moment is not trusted to stay as it is.
    time.sleep(0.2)


def main(rows: int) -> None:
    compileall.compile_dir(os.path.dirname(ingestlayer_cli.__file__), quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        path, index_dir = os.path.join(folder, "customers.csv"), os.path.join(folder, "store")
        write_rows(path, rows)
        print(f"{rows:,} rows, {os.path.getsize(path) / 1e6:.0f} MB")
        first = (path, index_dir, "cust_00000001")
        took, memory = run(LOOK_UP, *first)
        index = os.path.join(index_dir, os.listdir(index_dir)[0])
        size = os.path.getsize(index) / 1e6
        print(f"index built: {took:.2f} s, {rows / took:,.0f} rows/s, {size:.0f} MB", end=" ")
        print(f"(peak memory {memory:.0f} MB)")
        # Interleaved, so that a busy moment of the machine falls on all of them.
        idle, imports, cold = [], [], []
        for _ in range(ROUNDS):
            idle.append(run("pass")[0])
            imports.append(run(IMPORTS)[0])
            key = f"cust_{random.randrange(rows):08d}"
            took, memory = run(LOOK_UP, path, index_dir, key)
            cold.append(took)
        base = median(idle)
        print(f"python -c pass: {base * 1e3:.1f} ms")
        print(f"python -c '{IMPORTS}': {median(imports) * 1e3:.1f} ms, ratio {median(imports) / base:.2f}")
        print(f"cold look-up: {median(cold) * 1e3:.1f} ms, ratio {median(cold) / base:.2f}, {memory:.0f} MB")
        print(f"fastest of {ROUNDS}: pass {min(idle) * 1e3:.1f}, imports {min(imports) * 1e3:.1f},", end=" ")
        print(f"look-up {min(cold) * 1e3:.1f} ms", flush=True)
        _, memory = run(LOOK_UP_MANY, path, index_dir, str(rows))
        print(f"peak memory of the look-ups in one process: {memory:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
