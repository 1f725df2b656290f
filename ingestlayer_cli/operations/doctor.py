"""What is wrong with a set-up: each finding with its remedy. Nothing is changed."""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..checks.base import scope_of
from ..engine.unfinished import backlog, when
from ..entities.files import EntityFiles
from ..project import Project, find, load_beside
from ..project.check_table import kind_of
from ..project.lint.inspect import inspect
from ..store.contract.protocols import Store
from ..store.opening import engine_version, open_to_read
from ..system.clock import DAY, HOUR, MINUTE, SECOND, Clock, format_duration, format_time
from ..system.errors import IngestlayerError
from .pausing import as_it_runs
from .symptoms import Symptom

PYTHON = (3, 11)
SQLITE = (3, 38)  # STRICT tables, ->>
LITTLE_ROOM, NO_ROOM = 1 << 30, 50 << 20  # bytes
STALE = 7 * DAY
OVERDUE = 15 * MINUTE
SKEW = 5 * MINUTE  # that a clock may have been ahead
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


def examine(path: str | None, clock: Clock) -> Iterator[Symptom]:
    """Yield what is found; a check that cannot be made says so and stops no other."""
    yield _python()
    yield _sqlite()
    try:
        root = find(path)
    except IngestlayerError as error:
        yield Symptom("project", "problem", error.message, error.hint)
        return
    yield Symptom("project", "ok", f"{root}")
    yield from _files(root)
    project = as_it_runs(load_beside(root, keep=False))
    checks: list[Callable[[Project, Clock], Iterator[Symptom]]] = [
        _store,
        _clock,
        _entities,
        _sources,
        _connections,
        _cron,
        _deliveries,
    ]
    for check in checks:
        try:
            yield from check(project, clock)
        except IngestlayerError as error:
            yield Symptom(check.__name__.lstrip("_"), "problem", error.message, error.hint)
        except OSError as error:
            words = f"{error.filename or check.__name__.lstrip('_')} cannot be looked at: {error.strerror}"
            yield Symptom(check.__name__.lstrip("_"), "problem", words, "check its owner and mode")


def _python() -> Symptom:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        return Symptom("python", "problem", f"Python {version}", "ingestlayer needs Python 3.11 or newer")
    return Symptom("python", "ok", f"Python {version}")


def _sqlite() -> Symptom:
    version = engine_version()
    words = f"SQLite {'.'.join(map(str, version))}"
    if version < SQLITE:
        return Symptom("sqlite", "problem", words, "the store needs SQLite 3.38 or newer: use a Python that brings it")
    return Symptom("sqlite", "ok", words)


def _files(root: str) -> Iterator[Symptom]:
    found = inspect(root, keep=False)
    errors = sum(it.severity == "error" for it in found)
    if not found:
        yield Symptom("files", "ok", "the project's files are valid")
        return
    mark = "problem" if errors else "warning"
    words = f"{errors} problems" if errors else f"{len(found)} warnings"
    yield Symptom("files", mark, f"the project's files have {words}", "ingestlayer validate")


def _store(project: Project, clock: Clock) -> Iterator[Symptom]:
    path = project.store_path
    folder = os.path.dirname(path)
    there = folder
    while not os.path.isdir(there):
        there = os.path.dirname(there)
    if not os.access(there, os.W_OK) or (os.path.exists(path) and not os.access(path, os.W_OK)):
        yield Symptom("store", "problem", f"{path} cannot be written", "make it and its folder writable for this user")
    store = open_to_read(path)
    if store is None:
        yield Symptom("store", "ok", "no store yet: the first emit makes it")
    else:
        try:
            said = store.upkeep.faults()
        finally:
            store.close()
        if not said:
            yield Symptom("store", "ok", f"{path}, {_size(os.path.getsize(path))}, intact")
        else:
            hint = "restore a copy of it; `sqlite3 FILE .recover` saves what can be read"
            yield Symptom("store", "problem", f"{path} is damaged: {said[0].splitlines()[-1]}", hint)
    yield _disk(there)


def _clock(project: Project, clock: Clock) -> Iterator[Symptom]:
    """Yield what says that the clock is wrong, or was."""
    store = open_to_read(project.store_path)
    if store is None:
        return
    try:
        now, last = clock.now(), store.upkeep.latest()
        early = store.upkeep.count_after(now + DAY)
    finally:
        store.close()
    if last is not None and last > now + SKEW:
        words = f"the store was written to at {format_time(last)}, and the clock says {format_time(now)}"
        hint = "set the clock right; what it left in the outbox is set right by `ingestlayer deliver`"
        yield Symptom("clock", "problem", words, hint)
    if early:
        words = f"{early:,} events are of a time that is still to come: what they reached is held until then"
        hint = f"ingestlayer events list --since {format_time(now + DAY)}"
        yield Symptom("clock", "warning", words, hint)
    if not early and (last is None or last <= now + SKEW):
        yield Symptom("clock", "ok", f"{format_time(now)}")


def _disk(folder: str) -> Symptom:
    free = shutil.disk_usage(folder).free
    mark = "problem" if free < NO_ROOM else "warning" if free < LITTLE_ROOM else "ok"
    return Symptom("disk", mark, f"{_size(free)} free", "free some space, or: ingestlayer store prune")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _entities(project: Project, clock: Clock) -> Iterator[Symptom]:
    files = EntityFiles(project.root, project.entities, clock, None)
    try:
        for kind, table in project.entities.items():
            path = os.path.join(project.root, table["file"])
            if not os.path.isfile(path):
                hint = f"put it there, or correct [entities.{kind}]"
                yield Symptom("entities", "problem", f"{table['file']} is not there", hint)
                continue
            age = max(clock.now() - int(os.stat(path).st_mtime * 1000), 0)
            words = f"{table['file']}: {_age(age)} old"
            yield Symptom("entities", "warning" if age > STALE else "ok", words, "is its export still running?")
    finally:
        files.close()


def _sources(project: Project, clock: Clock) -> Iterator[Symptom]:
    """Yield how old the sources of the checks are, and since when those fail that do."""
    store = open_to_read(project.store_path) if project.checks else None
    try:
        for name, data in project.checks.items():
            kept = store.state(scope_of(name), "") if store is not None else None
            yield _source(project, name, data, kept.value if kept else {}, clock.now())
    finally:
        if store is not None:
            store.close()


def _source(project: Project, name: str, data: dict[str, Any], health: dict[str, Any], now: int) -> Symptom:
    said: str = data["source"] or data["command"][0]
    if kind_of(said) != "file" or data["command"]:
        age = None if "at" not in health else now - health["at"]
        words = f"{name}: " + ("never read" if age is None else f"read {_age(max(age, 0))} ago")
    else:
        path = os.path.join(project.root, said)
        if not os.path.isfile(path):
            return Symptom("checks", "problem", f"{name}: {said} is not there", "is its export running?")
        age = now - int(os.stat(path).st_mtime * 1000)
        words = f"{name}: {said} is {_age(max(age, 0))} old"
    if "failing_since" in health:
        words += f"; the source fails since {format_time(health['failing_since'])}"
        return Symptom("checks", "problem", words, f"ingestlayer check {name} --dry-run")
    is_old = age is not None and age > (data["stale_after"] or STALE)
    return Symptom("checks", "warning" if is_old else "ok", words, "is its export still running?")


def _age(duration: int) -> str:
    for unit in (DAY, HOUR, MINUTE, SECOND):
        if duration >= unit:
            return format_duration(duration // unit * unit)
    return "0s"


def _connections(project: Project, clock: Clock) -> Iterator[Symptom]:
    from .slack.symptoms import connections

    return connections(project)


def _cron(project: Project, clock: Clock) -> Iterator[Symptom]:
    """Yield what a job of cron would not have: it starts with next to no environment, as `env -i` does."""
    found = list(_missed(project))
    yield from found
    program = shutil.which("ingestlayer", path=CRON_PATH)
    here = os.path.realpath(sys.argv[0])
    if program is None:
        words = f"cron's PATH ({CRON_PATH}) does not have ingestlayer"
        command = f"{shlex.quote(here)} -C {shlex.quote(project.root)} deliver -q"
        yield Symptom("cron", "warning", words, f"write the whole path into the crontab: {command}")
    elif not found:
        yield Symptom("cron", "ok", "a job of cron has all that it needs")


def _missed(project: Project) -> Iterator[Symptom]:
    from .slack.symptoms import missed_by_cron

    yield from missed_by_cron(project)
    for name, why in CRON_LACKS.items():
        if os.environ.get(name):
            yield Symptom("cron", "warning", f"{name} is set in this shell only", why)
    for name in sorted(named_secrets(project)):
        if os.environ.get(name):
            yield Symptom("cron", "warning", f"{name} is set in this shell only", "set it in the crontab's environment")
        else:
            yield Symptom("cron", "problem", f"{name}, which a pipeline names, is not set", f"set {name}")


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


def _deliveries(project: Project, clock: Clock) -> Iterator[Symptom]:
    store = open_to_read(project.store_path)
    if store is None:
        return
    try:
        yield from _outbox(store, clock.now())
        if not store.is_outdated:  # an older program noted nothing of them
            yield from _unfinished(store, project)
    finally:
        store.close()


def _outbox(store: Store, now: int) -> Iterator[Symptom]:
    counts, late, fresh = store.deliveries.backlog(now - OVERDUE, now - DAY)
    waiting = sum(counts.get(status, 0) for status in ("pending", "retrying", "unknown"))
    if late:
        hint = "run `ingestlayer deliver`, and let cron run it every minute"
        yield Symptom("deliveries", "warning", f"{late:,} wait for over {format_duration(OVERDUE)}", hint)
    elif waiting:
        yield Symptom("deliveries", "ok", f"{waiting:,} wait")
    if counts.get("unknown"):
        hint = "ingestlayer deliveries settle; `ingestlayer slack connect --reconcile` lets it look for itself"
        yield Symptom("deliveries", "warning", f"{counts['unknown']:,} may or may not have arrived", hint)
    if counts.get("dead"):
        mark = "problem" if fresh else "warning"
        words = f"{counts['dead']:,} dead" + (f", {fresh:,} of them since yesterday" if fresh else "")
        yield Symptom("deliveries", mark, words, "ingestlayer deliveries list --status dead")
    elif not waiting:
        yield Symptom("deliveries", "ok", "nothing waits")


def _unfinished(store: Store, project: Project) -> Iterator[Symptom]:
    """Yield what failed and waits: alerts that nobody has seen."""
    waiting = backlog(store, project)
    if waiting.runs:
        words = "1 run failed, and waits" if waiting.runs == 1 else f"{waiting.runs:,} runs failed, and wait"
        hint = "ingestlayer events list --status failed; why EVENT says why, deliveries settle EVENT --dead gives it up"
        yield Symptom("runs", "problem", f"{words}: run again {when(waiting.retry_at)}", hint)
    for name, count in waiting.idle.items():
        words = "1 run failed, and waits" if count == 1 else f"{count:,} runs failed, and wait"
        is_there = any(row["name"] == name for row in project.pipelines)
        why, hint = "is not active", f"ingestlayer pipelines resume {name}"
        if not is_there:
            why, hint = "is not there", f"put pipelines/{name}.toml back"
        yield Symptom("runs", "warning", f"{words}: the pipeline {name} {why}", hint)
