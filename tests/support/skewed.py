"""Run the program under a clock that others set: python skewed.py FILE ARGUMENT…

FILE holds two numbers (64-bit, little-endian): the nanoseconds that have passed beside the real ones, for every clock,
and those by which the wall clock is wrong. Both may change at any moment, also while the process is stopped.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

_LAYOUT = struct.Struct("<qq")


class SharedClock:
    """The file, from the side of who sets it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.write_bytes(_LAYOUT.pack(0, 0))
        self.passed = 0
        self.wrong = 0

    def set(self, *, passed: float | None = None, wrong: float | None = None) -> None:
        """Set what has passed, or by how much the wall clock is wrong; in seconds."""
        self.passed = self.passed if passed is None else round(passed * 1e9)
        self.wrong = self.wrong if wrong is None else round(wrong * 1e9)
        with self.path.open("r+b") as file:
            file.write(_LAYOUT.pack(self.passed, self.wrong))

    def let_pass(self, seconds: float) -> None:
        self.set(passed=self.passed / 1e9 + seconds)


def skew(path: str) -> None:
    """Put clocks in the place of Python's that follow the file."""
    with open(path, "rb") as file:
        shared = mmap.mmap(file.fileno(), _LAYOUT.size, access=mmap.ACCESS_READ)
    wall, steady = time.time_ns, time.monotonic_ns

    def time_ns() -> int:
        passed, wrong = _LAYOUT.unpack(shared[:])
        return wall() + int(passed) + int(wrong)

    def monotonic_ns() -> int:
        return steady() + int(_LAYOUT.unpack(shared[:])[0])

    # What has passed has passed for a database, too; by how much a host's clock is wrong is nothing to it.
    from ingestlayer_cli.store.postgres import link

    link.monotonic_ns = steady  # type: ignore[attr-defined]
    time.time_ns, time.monotonic_ns = time_ns, monotonic_ns
    time.time, time.monotonic = (lambda: time_ns() / 1e9), (lambda: monotonic_ns() / 1e9)


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose modules are not the program's
    skew(sys.argv[1])
    sys.argv[:2] = ["ingestlayer"]
    from ingestlayer_cli.main import main

    main()
