"""The sources of a check; here those that are text: files, stdin and what a command prints."""

import os
from collections.abc import Iterator
from urllib.parse import unquote

from ..entities.reading.stream import HEAD, is_young
from ..entities.table import form_of
from ..project.check_table import source_kind
from ..system.clock import format_duration, format_time
from ..system.console import stdin
from ..system.errors import UsageError
from ..system.typed import Any, TomlTable
from .base import MORE_TIME, Source, SourceError, SourceRow, excerpt
from .text import Text, guess


def source_of(root: str, data: TomlTable) -> Source:
    """Return the source of a compiled check. Paths are relative to the project's folder."""
    if data["command"]:
        return Command(root, data["command"], data["timeout"], data["format"])
    name: str = data["source"]
    kind = source_kind(name)
    if kind == "stdin":
        return Stdin(data["format"])
    if kind == "http":
        from .endpoints import Http

        return Http(name, data)
    if kind == "sqlite":
        from .databases import Sqlite

        return Sqlite(root, unquote(name.removeprefix("sqlite:///")), data["query"], data["timeout"])
    if kind == "postgres":
        from .databases import Postgres

        return Postgres(name, data["query"], data["timeout"])
    return FileSource(root, name, data["format"])


def check_age(source: Source, stale_after: int | None, now: int) -> None:
    """Raise SourceError for a file that nobody writes any more: what it says is no news."""
    if stale_after is None or not isinstance(source, FileSource):
        return
    changed = source.changed_at()
    if changed is not None and now - changed >= stale_after:
        words = f"{source.name} was written last at {format_time(changed)}, over {format_duration(stale_after)} ago"
        error = SourceError(words, "is its export running?")
        error.since = changed
        raise error


class FileSource(Text):
    """A CSV, JSON or NDJSON file."""

    def __init__(self, root: str, name: str, format: TomlTable) -> None:
        super().__init__(name, form_of(name) or "csv", format)
        self.path = os.path.join(root, name)

    def rows(self) -> Iterator[SourceRow]:
        try:
            with open(self.path, "rb") as file:
                yield from self.rows_in(file, is_young(os.fstat(file.fileno()).st_mtime_ns))
        except OSError as error:
            raise SourceError(f"{self.name} cannot be read: {error.strerror}", "is its export running?") from None

    def changed_at(self) -> int | None:
        """Return when it was last written, in milliseconds."""
        try:
            return os.stat(self.path).st_mtime_ns // 1_000_000
        except OSError:
            return None


class Stdin(Text):
    """CSV, NDJSON or a JSON list on stdin."""

    def __init__(self, format: TomlTable) -> None:
        super().__init__("stdin", "csv", format)

    def rows(self) -> Iterator[SourceRow]:
        try:
            file: Any = stdin()
            self.form = guess(file.peek(HEAD))
            yield from self.rows_in(file)
        except UsageError as error:
            hint = "cron and systemd give none: name a file in `source`, or a `command`"
            raise SourceError(error.message, hint) from None
        except OSError as error:
            raise SourceError(f"stdin cannot be read: {error.strerror}") from None


class Command(Text):
    """What a command prints: CSV, NDJSON or a JSON list. It is started as it is written, without a shell."""

    def __init__(self, root: str, words: list[str], timeout: int, format: TomlTable) -> None:
        super().__init__(words[0], "csv", format)
        self._root = root
        self._words = words
        self._seconds = timeout / 1000

    def rows(self) -> Iterator[SourceRow]:
        import tempfile

        # Nothing is believed until it has ended well, and it may print more than memory holds.
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as complained:
            code = self._run(said, complained)
            if code:
                complained.seek(0)
                why = excerpt(complained.read(10_000).decode("utf-8", "replace"))
                ended = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
                raise SourceError(f"{self.name} {ended}" + (f": {why}" if why else ""))
            said.seek(0)
            self.form = guess(said.read(HEAD))
            said.seek(0)
            file: Any = said
            yield from self.rows_in(file)

    def _run(self, said: Any, complained: Any) -> int:
        import signal
        import subprocess

        from ..system.interrupting import held_back

        streams = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": complained}
        process = None
        try:
            with held_back():  # once it runs it is known here, and ended
                # A group of its own, so that what it has started ends with it.
                process = subprocess.Popen(self._words, cwd=self._root, start_new_session=True, **streams)  # noqa: S603
            return process.wait(self._seconds)
        except OSError as error:
            hint = "cron's PATH is short: write the whole path"
            raise SourceError(f"{self.name} cannot be started: {error.strerror}", hint) from None
        except subprocess.TimeoutExpired:
            hint = MORE_TIME
            raise SourceError(f"{self.name} took over {self._seconds:g} s", hint) from None
        finally:
            if process is not None and process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
