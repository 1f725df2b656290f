"""What commands print with: JSON or words on stdout, everything else on stderr. Loads nothing heavy.

A standard stream that is closed or full stops no command, and changes no exit code.
"""

import codecs
import errno
import io
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import takewhile

from .errors import IngestlayerError, UsageError, count_of
from .typed import Any, BinaryIO, TextIO, TypeVar

T = TypeVar("T")
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_LACKING = "ingestlayer"  # the name of what stands for what an encoding lacks
_hushed = False


class _Stream(io.FileIO):
    """stdout or stderr. What it cannot take is dropped: whether it could is asked when all is done."""

    lost: OSError | None = None
    instead_of: TextIO | None = None  # what Python opened: it would close the file if it went

    def write(self, data: Any) -> int:
        while self.lost is None:
            try:
                written = super().write(data)
            except OSError as error:
                self.lost = error
            else:
                if written is not None:
                    return written
                self._wait()
        return len(data)

    def _wait(self) -> None:
        """Wait until somebody reads: another process has made its end of the terminal or pipe non-blocking."""
        from select import select

        select([], [self], [])


def prepare() -> None:
    """Let no stream stop the program, whatever it is connected to; what an encoding lacks has a twin."""
    codecs.register_error(_LACKING, _twin)
    hush(False)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed; its number must not become that of a file that is opened later
            os.open(os.devnull, os.O_RDWR)
            if number:
                setattr(sys, name, _text(_Stream(number, "w", closefd=False), "utf-8", False))
        elif number and _is_ours_to_replace(stream, number):
            stream.flush()
            raw = _Stream(number, "w", closefd=False)
            raw.instead_of = stream
            setattr(sys, name, _text(raw, stream.encoding, stream.line_buffering or stream.write_through))


def _text(raw: _Stream, encoding: str, by_line: bool) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, _LACKING, line_buffering=by_line)


def _twin(error: UnicodeError) -> tuple[str | bytes, int]:
    from .terminal import twin

    return twin(error)


def shows(text: str) -> bool:
    """Say whether stdout has all characters of a text."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_ours_to_replace(stream: TextIO, number: int) -> bool:
    try:
        return stream.fileno() == number and not isinstance(getattr(stream.buffer, "raw", None), _Stream)
    except (OSError, AttributeError, ValueError):  # of a test, or of a program that we are part of
        return False


def lost(stream: TextIO) -> OSError | None:
    """Return why what is printed on stdout or stderr is dropped; None while it is not."""
    found: OSError | None = getattr(getattr(getattr(stream, "buffer", None), "raw", None), "lost", None)
    return found


def while_read(items: Iterable[T]) -> Iterator[T]:
    """Yield what is to be printed on stdout for as long as that goes anywhere: somebody may have read enough."""
    return takewhile(lambda _: lost(sys.stdout) is None, items)


def finish() -> None:
    """Print what is left, and say it when stdout could not take all of it; that a reader left (`| head`) is no news."""
    hush(False)
    sys.stdout.flush()
    error = lost(sys.stdout)
    if error is not None and error.errno != errno.EPIPE:
        note(f"warning: stdout: {error.strerror}: what was printed is not whole", "yellow")
    sys.stderr.flush()


def stdin() -> BinaryIO:
    """Return the bytes of stdin; UsageError when it is closed."""
    if sys.stdin is None:
        raise UsageError("stdin is closed", "give a file, or `< FILE`")
    return sys.stdin.buffer


def is_attended() -> bool:
    """Say whether somebody may type an answer."""
    try:
        return sys.stdin.isatty()
    except (AttributeError, ValueError):  # there is no stdin, or it is closed
        return False


def speak_utf8() -> None:
    """Let stdout be UTF-8 from here on, whatever the terminal: what machines read is."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() not in ("utf-8", "utf8"):
        stream.reconfigure(encoding="utf-8")


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
    """Return a text as one line that cannot drive a terminal: events' values and file names are printed, too."""
    if text.isprintable():  # nearly every one
        return text
    from .terminal import line

    return line(text)


def hush(wanted: bool = True) -> None:
    """Print from here on nothing but what is wrong, in red, and what was asked for as JSON: for cron."""
    global _hushed
    _hushed = wanted


def say(text: str = "", style: str = "") -> None:
    """Print a result on stdout."""
    if _hushed and style != "red":
        return
    text = safe(text)
    sys.stdout.write((styled(text, style, sys.stdout) if style else text) + "\n")


def note(text: str, style: str = "") -> None:
    """Print a hint, a warning or progress on stderr."""
    if _hushed and style != "red":
        return
    text = safe(text)
    sys.stdout.flush()  # on a terminal, results and notes come in the order in which they were said
    sys.stderr.write((styled(text, style, sys.stderr) if style else text) + "\n")


def as_json(document: object, indent: int | None = None) -> str:
    """Write JSON for a reader: in its own letters, but for those that act on a terminal, which are escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    if text.isprintable():
        return text
    from .terminal import escaped

    return escaped(text)


def say_json(document: object) -> None:
    """Print one JSON document, indented for people."""
    speak_utf8()
    sys.stdout.write(as_json(document, 2 if sys.stdout.isatty() else None) + "\n")


def say_json_line(document: object) -> None:
    """Print one line of NDJSON, at once: somebody may be reading along."""
    speak_utf8()
    sys.stdout.write(as_json(document) + "\n")
    sys.stdout.flush()


def say_error(error: IngestlayerError, as_json: bool) -> None:
    """Print an error: what, where, and what to do."""
    if as_json:
        say_json(error.document())
        return
    hush(False)  # its details and hint are of it
    note(f"error: {error.message}", "red")
    for path, problem in error.details:
        note(f"  {path}: {problem}" if path else f"  {problem}")
    if error.hint:
        lines = error.hint.split("\n")  # a hint is ours: values in it are made one line before
        note(f"hint: {lines[0]}", "yellow")
        for line in lines[1:]:
            note(f"  {line}" if line else "")


def note_traceback(error: Exception) -> None:
    """Print where an error comes from, for `--debug`."""
    from traceback import format_exception

    for line in "".join(format_exception(error)).splitlines():
        note(line)


_drawn = 0  # characters of the line that is drawn over


def draw_over(text: str = "") -> None:
    """Draw a line of progress on stderr in place of the one before; without a text there is none any more.

    By blanks: a terminal may take nothing that begins with Escape.
    """
    global _drawn
    sys.stderr.write(f"\r{text:{_drawn}}" if text else f"\r{'':{_drawn}}\r")
    sys.stderr.flush()
    _drawn = len(text)


class Progress:
    """A line on stderr that is drawn over; only on a terminal, only after a second."""

    def __init__(self, one: str, quiet: bool = False, many: str = "") -> None:
        self._nouns = one, many
        self._on = not (quiet or _hushed) and sys.stderr.isatty()
        self._started = self._drawn = time.monotonic()

    def at(self, count: int) -> None:
        now = time.monotonic()
        if self._on and now - self._started > 1 and now - self._drawn > 0.1:
            self._drawn = now
            rate = count / (now - self._started)
            draw_over(f"{count_of(count, *self._nouns)} · {rate:,.0f}/s")

    def end(self) -> None:
        if self._on and self._drawn > self._started:
            draw_over()
