"""What commands print with: JSON or words on stdout, everything else on stderr. Loads nothing heavy."""

import json
import os
import sys
import time
from typing import Any, TextIO

from .errors import IngestlayerError

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def prepare() -> None:
    """Let no terminal's encoding stop the program: what it cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def close_stdout() -> None:
    """Throw away what is still printed: the reader left, and Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def coloured(stream: TextIO) -> bool:
    """Say whether to colour: NO_COLOR (https://no-color.org), FORCE_COLOR and TERM=dumb are respected."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured(stream) else text


def safe(text: str) -> str:
    """Return a text that cannot drive a terminal: events' values and file names are printed, too."""
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)


def say(text: str = "", style: str = "") -> None:
    """Print a result on stdout."""
    text = safe(text)
    sys.stdout.write((styled(text, style, sys.stdout) if style else text) + "\n")


def note(text: str, style: str = "") -> None:
    """Print a hint, a warning or progress on stderr."""
    text = safe(text)
    sys.stdout.flush()  # on a terminal, results and notes come in the order in which they were said
    sys.stderr.write((styled(text, style, sys.stderr) if style else text) + "\n")


def say_json(document: Any) -> None:
    """Print one JSON document, indented for people."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent) + "\n")


def say_json_line(document: Any) -> None:
    """Print one line of NDJSON, at once: somebody may be reading along."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say_error(error: IngestlayerError, as_json: bool) -> None:
    """Print an error: what, where, and what to do."""
    if as_json:
        say_json(error.document())
        return
    note(f"error: {error.message}", "red")
    for path, problem in error.details:
        note(f"  {path}: {problem}" if path else f"  {problem}")
    if error.hint:
        lines = error.hint.splitlines()
        note(f"hint: {lines[0]}", "yellow")
        for line in lines[1:]:
            note(f"  {line}" if line else "")


class Progress:
    """A line on stderr that is drawn over; only on a terminal, only after a second."""

    def __init__(self, unit: str, quiet: bool = False) -> None:
        self._unit = unit
        self._on = not quiet and sys.stderr.isatty()
        self._started = self._drawn = time.monotonic()

    def at(self, count: int) -> None:
        now = time.monotonic()
        if self._on and now - self._started > 1 and now - self._drawn > 0.1:
            self._drawn = now
            rate = count / (now - self._started)
            sys.stderr.write(f"\r\x1b[K{count:,} {self._unit} · {rate:,.0f}/s")
            sys.stderr.flush()

    def end(self) -> None:
        if self._on and self._drawn > self._started:
            sys.stderr.write("\r\x1b[K")
