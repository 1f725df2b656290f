"""The sources of a check: files, stdin, a command, SQLite, PostgreSQL and JSON over HTTPS."""

import os
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from ..entities.reading.faults import visible
from ..entities.reading.json_rows import Decoder
from ..entities.reading.stream import HEAD, is_young
from ..entities.table import form_of
from ..project.check_table import SECRET, kind_of
from ..system.console import stdin
from ..system.deadline import Deadline
from ..system.errors import ProjectError, UsageError
from .base import Source, SourceError, SourceRow
from .text import Text, guess, objects_in, row_of

MAX_PAGES = 10_000
MAX_PAGE = 256 << 20  # bytes
EXCERPT = 200  # characters of what went wrong elsewhere
CHUNK = 1_000  # rows that a database server sends at once


def source_of(root: str, data: dict[str, Any]) -> Source:
    """Return the source of a compiled check. Paths are relative to the project's folder."""
    if data["command"]:
        return Command(root, data["command"], data["timeout"], data["format"])
    name: str = data["source"]
    kind = kind_of(name)
    if kind == "stdin":
        return Stdin(data["format"])
    if kind == "http":
        return Http(name, data)
    if kind == "sqlite":
        return Sqlite(root, unquote(name.removeprefix("sqlite:///")), data["query"], data["timeout"])
    if kind == "postgres":
        return Postgres(name, data["query"], data["timeout"])
    return FileSource(root, name, data["format"])


# Text -----------------------------------------------------------------------------------------------------


class FileSource(Text):
    """A CSV, JSON or NDJSON file."""

    def __init__(self, root: str, name: str, format: dict[str, Any]) -> None:
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

    def __init__(self, format: dict[str, Any]) -> None:
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

    def __init__(self, root: str, words: list[str], timeout: int, format: dict[str, Any]) -> None:
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

        streams = {"stdin": subprocess.DEVNULL, "stdout": said, "stderr": complained}
        try:
            # A group of its own, so that what it has started ends with it.
            process = subprocess.Popen(self._words, cwd=self._root, start_new_session=True, **streams)  # noqa: S603
        except OSError as error:
            hint = "cron's PATH is short: write the whole path"
            raise SourceError(f"{self.name} cannot be started: {error.strerror}", hint) from None
        try:
            return process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            hint = 'give it more: timeout = "5m"'
            raise SourceError(f"{self.name} took over {self._seconds:g} s", hint) from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


# Databases ------------------------------------------------------------------------------------------------


class Sqlite:
    """A query on a SQLite file, opened for reading alone."""

    unit = "row"

    def __init__(self, root: str, path: str, query: str, timeout: int) -> None:
        self.name = path
        self.notes: list[str] = []
        self.columns: list[str] | None = None
        self._path = os.path.join(root, path)
        self._query = query
        self._seconds = timeout / 1000

    def rows(self) -> Iterator[SourceRow]:
        import sqlite3
        from contextlib import closing
        from urllib.parse import quote

        if not os.path.isfile(self._path):
            raise SourceError(f"{self.name} does not exist", "sqlite:///FILE is below the project's folder")
        ends = time.monotonic() + self._seconds
        address = f"file:{quote(self._path)}?mode=ro"
        try:
            with closing(sqlite3.connect(address, uri=True, timeout=self._seconds)) as connection:
                connection.set_progress_handler(lambda: time.monotonic() > ends, 100_000)
                cursor = connection.execute(self._query)
                names = self.columns = _once(self.name, [column[0] for column in cursor.description or ()])
                for number, cells in enumerate(cursor, start=1):
                    yield SourceRow(number, dict(zip(names, cells, strict=True)))
        except sqlite3.Error as error:
            if str(error) == "interrupted":
                hint = 'give it more: timeout = "5m"'
                raise SourceError(f"{self.name}: the query took over {self._seconds:g} s", hint) from None
            raise SourceError(f"{self.name}: {error}", "try the query with: sqlite3") from None


class Postgres:
    """A query on a PostgreSQL database, in a read-only transaction.

    `address` is postgresql://…, or names a secret that is one.
    """

    unit = "row"
    name = "PostgreSQL"

    def __init__(self, address: str, query: str, timeout: int) -> None:
        self.notes: list[str] = []
        self.columns: list[str] | None = None
        self._address = address
        self._query = query
        self._timeout = timeout

    def rows(self) -> Iterator[SourceRow]:
        try:
            import psycopg
        except ImportError:
            words = "PostgreSQL needs the package psycopg"
            raise ProjectError(words, "pip install 'ingestlayer-cli[postgres]'") from None
        address = _with_secrets(self._address)
        try:
            with psycopg.connect(address, connect_timeout=max(self._timeout // 1000, 2)) as connection:
                connection.read_only = True
                _read_every_date(connection)
                connection.execute("SELECT set_config('statement_timeout', %s, true)", (str(self._timeout),))
                # A cursor of the server: rows come as they are read, and it takes nothing but a query.
                with connection.cursor(name="ingestlayer") as cursor:
                    cursor.itersize = CHUNK
                    cursor.execute(self._query.encode())
                    names = self.columns = _once(self.name, [column.name for column in cursor.description or ()])
                    for number, cells in enumerate(cursor, start=1):
                        yield SourceRow(number, dict(zip(names, map(_plain, cells), strict=True)))
        except psycopg.Error as error:
            words = excerpt(_without_secrets(str(error), address))
            raise SourceError(f"PostgreSQL: {words}", _hint_of(error, self._address)) from None


def _read_every_date(connection: Any) -> None:
    """Have dates and times that Python has not, `infinity` and years beyond 9999, come as the texts that they are."""
    from psycopg import DataError
    from psycopg.types import datetime as types

    def tolerant(loader: Any) -> Any:
        def load(self: Any, data: Any) -> Any:
            try:
                return loader.load(self, data)
            except DataError:
                return bytes(data).decode()

        return type(f"Tolerant{loader.__name__}", (loader,), {"load": load})

    for name, loader in (
        ("date", types.DateLoader),
        ("timestamp", types.TimestampLoader),
        ("timestamptz", types.TimestamptzLoader),
        ("interval", types.IntervalLoader),
    ):
        connection.adapters.register_loader(name, tolerant(loader))


def _hint_of(error: Any, address: str) -> str:
    """Return what to do about what a server, or the way to it, did wrong."""
    state, said = error.sqlstate or "", str(error)
    if state == "57014":
        return 'give it more: timeout = "5m"'
    if state.startswith("42") or state == "25006":
        return "try the query with: psql"
    named = address if SECRET.fullmatch(address) else "`source`"
    if state.startswith("28") or "authentication failed" in said or "no password" in said:
        return f"look at the user and the password in {named}"
    if "does not exist" in said and not state:
        return f"look at the names in {named}"
    if type(error).__name__ in ("OperationalError", "ConnectionTimeout"):
        return f"is the server up, and reached from here? Its address is in {named}"
    return "try the query with: psql"


def _once(source: str, names: list[str]) -> list[str]:
    """Return the columns of a query; SourceError when two have one name: which is meant cannot be told."""
    if twice := next((name for at, name in enumerate(names) if name in names[:at]), None):
        words = f'{source}: the query has the column "{visible(twice)}" twice'
        raise SourceError(words, f'give one of them another name: {visible(twice)} AS "…"')
    return names


def _without_secrets(text: str, address: str) -> str:
    """Take an address and its password out of what a driver says."""
    text = text.replace(address, "[address]")
    found = re.search(r"://[^:/@]*:([^@]+)@|password=('[^']*'|\S+)", address)
    secret = next(filter(None, found.groups()), "").strip("'") if found else ""
    for said in {secret, unquote(secret)} - {""}:
        text = text.replace(said, "[secret]")
    return text


def _plain(value: Any) -> Any:
    """Return a value of a database as JSON has it."""
    from decimal import Decimal

    if value is None or isinstance(value, str | int | float | bool | list | dict):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, Decimal):
        # NaN and infinity are no numbers here: they stay texts.
        if not value.is_finite():
            return str(value)
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


# HTTPS ----------------------------------------------------------------------------------------------------


class Http:
    """JSON over HTTPS; `next` names the field with the address of the next page, `rows` the one with the rows."""

    unit = "row"
    columns: list[str] | None = None

    def __init__(self, url: str, data: dict[str, Any]) -> None:
        self.name = _shown(url)
        self.notes: list[str] = []
        self._url = url
        self._headers: dict[str, str] = data["headers"]
        self._rows: str | None = data["rows"]
        self._next: str | None = data["next"]
        self._seconds = data["timeout"] / 1000

    def rows(self) -> Iterator[SourceRow]:
        import httpx

        headers = {name: _with_secrets(value) for name, value in self._headers.items()}
        url, number, visited = self._url, 0, {self._url}
        # A connection is used once: what ends an answer that takes too long has to know its socket.
        once = httpx.Limits(max_keepalive_connections=0)
        wanted = {"Accept": "application/json", **headers}
        with httpx.Client(timeout=self._seconds, headers=wanted, limits=once) as client:
            for _ in range(MAX_PAGES):
                page = self._page(client, url)
                for value in objects_in(_inside(page, self._rows), self.name, "name the field that has it: rows = …"):
                    number += 1
                    yield row_of(number, value)
                following = _inside(page, self._next) if self._next else None
                if not following:
                    return
                url = self._following(url, following)
                if url in visited:
                    raise SourceError(f"{self.name}: page {len(visited)} names one before it as the next")
                visited.add(url)
        raise SourceError(f"{self.name} has over {MAX_PAGES:,} pages", "does its next page ever end?")

    def _page(self, client: Any, url: str) -> Any:
        from json import detect_encoding

        import httpx

        deadline = Deadline(self._seconds)
        late = SourceError(f"{self.name} took over {self._seconds:g} s", 'give it more: timeout = "5m"')
        body = b""
        try:
            with client.stream("GET", url, extensions={"trace": deadline.trace}) as answer:
                parts = []
                size = 0
                for part in answer.iter_bytes():
                    size += len(part)
                    parts.append(part)
                    if size > MAX_PAGE:
                        raise SourceError(f"{self.name} answered over {MAX_PAGE >> 20} MiB", "ask for smaller pages")
                body = b"".join(parts)
            deadline.check()  # a body without a length looks whole when its connection is ended
        except (httpx.TimeoutException, TimeoutError):
            raise late from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if deadline.is_late:
                raise late from None
            hint = "look at the address and the network"
            raise SourceError(f"{self.name} cannot be read ({type(error).__name__})", hint) from None
        finally:
            deadline.close()
        if answer.status_code != 200:
            words = f"{self.name} answered {answer.status_code}: {self._excerpt(body)}".removesuffix(": ")
            raise SourceError(words, _HINTS.get(answer.status_code, ""))
        decoder = Decoder()
        try:
            page = decoder.decode(body.decode(detect_encoding(body)))
        except (ValueError, RecursionError):
            raise SourceError(f"{self.name} answered no JSON: {self._excerpt(body)}") from None
        if words := decoder.repeated():
            raise SourceError(f"{self.name} {words}")
        return page

    def _following(self, url: str, following: Any) -> str:
        """Return the address of the next page; it gets our headers, so it must be of the same server."""
        found = urljoin(url, str(following))
        if urlsplit(found)[:2] != urlsplit(self._url)[:2]:
            raise SourceError(f"{self.name}: its next page is on another server, {urlsplit(found).netloc}")
        return found

    def _excerpt(self, body: bytes) -> str:
        text = body[:10_000].decode("utf-8", "replace")
        for value in self._headers.values():
            for name in SECRET.findall(value):
                text = text.replace(_with_secrets(name), "[secret]")
        return excerpt(text)


_HINTS = {
    401: "look at `headers`",
    403: "look at `headers`",
    301: "write the address that it has now",
    302: "write the address that it has now",
    303: "write the address that it has now",
    307: "write the address that it has now",
    308: "write the address that it has now",
}


def _with_secrets(text: str) -> str:
    """Return a text with the secrets that it names put in: `Bearer env:TOKEN`."""
    from ..secrets.named import resolve

    return SECRET.sub(lambda found: resolve(found[0]), text)


def _shown(url: str) -> str:
    """Return an address without its user and its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _inside(data: Any, path: str | None) -> Any:
    for name in path.split(".") if path else ():
        data = data.get(name) if isinstance(data, dict) else None
    return data


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line."""
    return " ".join(text.split())[:EXCERPT]
