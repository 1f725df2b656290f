"""What is wrong with a set-up: each finding with its remedy. Nothing is changed."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..destinations.slack import credentials
from ..entities.files import EntityFiles
from ..project import Project, find, load
from ..project.lint.inspect import inspect
from ..store.sqlite.connection import Store, sqlite_version
from ..store.sqlite.reading import open_to_read
from ..system.clock import DAY, HOUR, MINUTE, SECOND, Clock, format_duration
from ..system.errors import IngestlayerError, ProjectError

PYTHON = (3, 11)
SQLITE = (3, 38)  # STRICT tables, ->>
LITTLE_ROOM, NO_ROOM = 1 << 30, 50 << 20  # bytes
STALE = 7 * DAY
OVERDUE = 15 * MINUTE
CRON_PATH = "/usr/bin:/bin"  # what cron and `env -i` leave
# What changes where we look, or whether Slack is reached, and its remedy.
CRON_LACKS = {
    "INGESTLAYER_PROJECT": "give -C PATH in the crontab",
    "XDG_STATE_HOME": "the secret is kept below it: set it in the crontab's own environment",
    **dict.fromkeys(
        ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "SSL_CERT_FILE"),
        "if Slack is reached by it only, set it in the crontab's own environment",
    ),
}


class Finding(NamedTuple):
    """One thing that was looked at. `mark` is ok, warning or problem."""

    check: str
    mark: str
    words: str
    hint: str = ""


def examine(path: str | None, clock: Clock) -> Iterator[Finding]:
    """Yield what is found; a check that cannot be made says so and stops no other."""
    yield _python()
    yield _sqlite()
    try:
        root = find(path)
    except IngestlayerError as error:
        yield Finding("project", "problem", error.message, error.hint)
        return
    yield Finding("project", "ok", f"{root}")
    yield from _files(root)
    try:
        project = load(root, keep=False)
    except IngestlayerError:
        return  # told by the line before
    checks: list[Callable[[Project, Clock], Iterator[Finding]]] = [_store, _entities, _connections, _cron, _deliveries]
    for check in checks:
        try:
            yield from check(project, clock)
        except IngestlayerError as error:
            yield Finding(check.__name__.lstrip("_"), "problem", error.message, error.hint)
        except OSError as error:
            words = f"{error.filename or check.__name__.lstrip('_')} cannot be looked at: {error.strerror}"
            yield Finding(check.__name__.lstrip("_"), "problem", words, "check its owner and mode")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return Finding("python", "problem", f"Python {version}", "ingestlayer needs Python 3.11 or newer")
    return Finding("python", "ok", f"Python {version}")


def _sqlite() -> Finding:
    version = sqlite_version()
    words = f"SQLite {'.'.join(map(str, version))}"
    if version < SQLITE:
        return Finding("sqlite", "problem", words, "the store needs SQLite 3.38 or newer: use a Python that brings it")
    return Finding("sqlite", "ok", words)


def _files(root: str) -> Iterator[Finding]:
    found = inspect(root, keep=False)
    errors = sum(it.severity == "error" for it in found)
    if not found:
        yield Finding("files", "ok", "the project's files are valid")
        return
    mark = "problem" if errors else "warning"
    words = f"{errors} problems" if errors else f"{len(found)} warnings"
    yield Finding("files", mark, f"the project's files have {words}", "ingestlayer validate")


def _store(project: Project, clock: Clock) -> Iterator[Finding]:
    path = project.store_path
    folder = os.path.dirname(path)
    there = folder
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        yield Finding("store", "problem", f"{path} cannot be written", "make it and its folder writable for this user")
    store = open_to_read(path)
    if store is None:
        yield Finding("store", "ok", "no store yet: the first emit makes it")
    else:
        try:
            said = [str(row[0]) for row in store.select("PRAGMA quick_check(3)")]
        finally:
            store.close()
        if said == ["ok"]:
            yield Finding("store", "ok", f"{path}, {_size(os.path.getsize(path))}, intact")
        else:
            hint = "restore a copy of it; `sqlite3 FILE .recover` saves what can be read"
            yield Finding("store", "problem", f"{path} is damaged: {said[0].splitlines()[-1]}", hint)
    yield _disk(there)


def _disk(folder: str) -> Finding:
    free = shutil.disk_usage(folder).free
    mark = "problem" if free < NO_ROOM else "warning" if free < LITTLE_ROOM else "ok"
    return Finding("disk", mark, f"{_size(free)} free", "free some space, or: ingestlayer store prune")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _entities(project: Project, clock: Clock) -> Iterator[Finding]:
    files = EntityFiles(project.root, project.entities, clock, None)
    try:
        for kind, table in project.entities.items():
            path = os.path.join(project.root, table["file"])
            if not os.path.isfile(path):
                hint = f"put it there, or correct [entities.{kind}]"
                yield Finding("entities", "problem", f"{table['file']} is not there", hint)
                continue
            age = max(clock.now() - int(os.stat(path).st_mtime * 1000), 0)
            words = f"{table['file']}: {_age(age)} old"
            yield Finding("entities", "warning" if age > STALE else "ok", words, "is its export still running?")
    finally:
        files.close()


def _age(duration: int) -> str:
    for unit in (DAY, HOUR, MINUTE, SECOND):
        if duration >= unit:
            return format_duration(duration // unit * unit)
    return "0s"


def _connections(project: Project, clock: Clock) -> Iterator[Finding]:
    from .slack.client import UnreachableError
    from .slack.status import status

    for workspace in ("", *project.workspaces):
        name = f"Slack ({workspace})" if workspace else "Slack"
        row = status(project, workspace)
        if row["connection"] == "terminal":
            words = f"{name}: messages are drawn on the terminal, not sent"
            yield Finding("slack", "warning", words, "ingestlayer slack connect")
            continue
        for problem in row["problems"]:
            mark = "warning" if problem["kind"] == UnreachableError.kind else "problem"
            yield Finding("slack", mark, f"{name}: {problem['problem']}", problem["hint"])
        if not row["problems"]:
            who = f"{row['team']} as @{row['bot']}" if row["team"] else "an incoming webhook"
            yield Finding("slack", "ok", f"{name}: {who}")
        for scope, use in row["missing_scopes"].items():
            words = f"{name}: without {scope} it cannot {use}"
            yield Finding("slack", "warning", words, "add it under OAuth & Permissions, and install the app again")
        for it in row["channels"]:
            if it["mark"] != "ok":
                words = f"{name}: {it['channel']} ({', '.join(it['pipelines'])}): {it['standing']}"
                yield Finding("slack", it["mark"], words, it["hint"])
    if not credentials.is_private():
        hint = f"chmod 600 {shlex.quote(os.path.join(credentials.state_folder() or '', 'slack.json'))}"
        yield Finding("slack", "problem", "the file of secrets can be read by others", hint)


def _cron(project: Project, clock: Clock) -> Iterator[Finding]:
    """Yield what a job of cron would not have: it starts with next to no environment, as `env -i` does."""
    found = list(_missed(project))
    yield from found
    program = shutil.which("ingestlayer", path=CRON_PATH)
    here = os.path.realpath(sys.argv[0])
    if program is None:
        words = f"cron's PATH ({CRON_PATH}) does not have ingestlayer"
        command = f"{shlex.quote(here)} -C {shlex.quote(project.root)} deliver -q"
        yield Finding("cron", "warning", words, f"write the whole path into the crontab: {command}")
    elif not found:
        yield Finding("cron", "ok", "a job of cron has all that it needs")


def _missed(project: Project) -> Iterator[Finding]:
    for workspace in ("", *project.workspaces):
        connection = project.slack_of(workspace)["connection"]
        if connection == "terminal":
            continue
        variable = credentials.variable(connection, workspace)
        try:
            kept = credentials.kept(project.root, connection, workspace)
        except ProjectError as error:
            yield Finding("cron", "problem", error.message, error.hint)
            continue
        if os.environ.get(variable) and kept is None:
            hint = f"keep it: ingestlayer slack connect; or set {variable} in the crontab's own environment"
            yield Finding("cron", "warning", f"{variable} is set in this shell only", hint)
        elif kept is not None and kept.where == credentials.KEYRING:
            hint = f"a job of cron may not reach it: set {variable} in the crontab's own environment"
            yield Finding("cron", "warning", "the secret is in the keyring", hint)
    for name, why in CRON_LACKS.items():
        if os.environ.get(name):
            yield Finding("cron", "warning", f"{name} is set in this shell only", why)
    for name in sorted(named_secrets(project)):
        if os.environ.get(name):
            yield Finding("cron", "warning", f"{name} is set in this shell only", "set it in the crontab's environment")
        else:
            yield Finding("cron", "problem", f"{name}, which a pipeline names, is not set", f"set {name}")


def named_secrets(project: Project) -> set[str]:
    """Return the environment variables that the project's files name as secrets."""
    found: set[str] = set()

    def look(data: object) -> None:
        if isinstance(data, dict):
            for value in data.values():
                look(value)
        elif isinstance(data, list):
            for value in data:
                look(value)
        elif isinstance(data, str) and data.startswith("env:"):
            found.add(data.removeprefix("env:"))

    for pipeline in project.pipelines:
        if pipeline["status"] == "active":
            look([pipeline["steps"], pipeline["destinations"]])
    return found


def _deliveries(project: Project, clock: Clock) -> Iterator[Finding]:
    store = open_to_read(project.store_path)
    if store is None:
        return
    try:
        yield from _outbox(store, clock.now())
    finally:
        store.close()


def _outbox(store: Store, now: int) -> Iterator[Finding]:
    counts = dict(store.select("SELECT status, count(*) FROM deliveries WHERE status <> 'delivered' GROUP BY status"))
    fresh = store.select("SELECT count(*) FROM deliveries WHERE status = 'dead' AND settled_at > ?", now - DAY)[0][0]
    late = store.select(
        "SELECT count(*) FROM deliveries WHERE status IN ('pending', 'retrying') AND due_at < ?", now - OVERDUE
    )[0][0]
    waiting = sum(counts.get(status, 0) for status in ("pending", "retrying", "unknown"))
    if late:
        hint = "run `ingestlayer deliver`, and let cron run it every minute"
        yield Finding("deliveries", "warning", f"{late:,} wait for over {format_duration(OVERDUE)}", hint)
    elif waiting:
        yield Finding("deliveries", "ok", f"{waiting:,} wait")
    if counts.get("unknown"):
        hint = "ingestlayer deliveries settle; `ingestlayer slack connect --reconcile` lets it look for itself"
        yield Finding("deliveries", "warning", f"{counts['unknown']:,} may or may not have arrived", hint)
    if counts.get("dead"):
        mark = "problem" if fresh else "warning"
        words = f"{counts['dead']:,} dead" + (f", {fresh:,} of them since yesterday" if fresh else "")
        yield Finding("deliveries", mark, words, "ingestlayer deliveries list --status dead")
    elif not waiting:
        yield Finding("deliveries", "ok", "nothing waits")
