"""How fast the three readers read a CSV of a million rows, as ratios to a bare csv loop in the same process.

`python -m tests.benchmarks.reading [ROWS]`; processor time, the best of three rounds in turn.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ingestlayer_cli.checks.sources import FileSource
from ingestlayer_cli.engine.batch import CsvBatch
from ingestlayer_cli.entities.table import Table

ROUNDS = 3


def write_rows(path: Path, rows: int) -> None:
    """Write rows of six cells; one in ten has a quoted comma, one a letter that is not ASCII."""
    with path.open("w", encoding="utf-8") as file:
        file.write("customer_id,name,metric,used,limit,plan\n")
        for number in range(rows):
            name = {0: '"Acme, Inc"', 1: "Acmé GmbH"}.get(number % 10, "Acme")
            file.write(f"cust_{number:08d},{name},seats,{number % 9000},10000,pro\n")


def bare(path: Path) -> None:
    with path.open(newline="", encoding="utf-8") as file:
        for _ in csv.reader(file):
            pass


def entity_file(path: Path) -> None:
    with path.open("rb") as file:
        for _ in Table("csv", "customer_id", {}).keyed(file):
            pass


def source(path: Path) -> None:
    for _ in FileSource(str(path.parent), path.name, {}).rows():
        pass


def batch(path: Path) -> None:
    with path.open("rb") as file:
        for _ in CsvBatch(file, "usage", None, "cli").chunks():
            pass


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    readers: list[Callable[[Path], None]] = [bare, entity_file, source, batch]
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.csv"
        write_rows(path, rows)
        for _ in range(ROUNDS):
            for read in readers:
                began = time.process_time()
                read(path)
                took = time.process_time() - began
                best[read.__name__] = min(took, best.get(read.__name__, took))
    for name, took in best.items():
        print(f"{name:12} {took:6.2f} s  {took / best['bare']:5.2f}×")


if __name__ == "__main__":
    main()
