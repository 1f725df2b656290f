"""What is wrong with a set-up: the tool's troubles, and what is worth a slower look. Nothing is changed."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator

from ..project import Project, find, load_beside
from ..project.lint.inspect import inspect
from ..store.contract.protocols import Store
from ..store.opening import engine_version, open_to_read
from ..system.clock import Clock
from ..system.errors import IngestlayerError, StoreError, count_of
from .slack.symptoms import missed_by_cron
from .troubles import look
from .troubles.secrets import named
from .troubles.symptoms import Symptom, guarded, size, trouble

PYTHON = (3, 11)
SQLITE = (3, 38)  # STRICT tables, ->>
SAVE = "restore a copy of it; `sqlite3 FILE .recover` saves what can be read"
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
    """Yield what is found; a look that cannot be made says so and stops no other."""
    yield _python()
    yield _sqlite()
    try:
        root = find(path, even_gone=True)
    except IngestlayerError as error:
        yield trouble("project", "problem", "project_missing", "", error.message, hint=error.hint)
        return
    yield Symptom("project", "ok", f"{root}")
    project = load_beside(root, keep=False)
    store = None
    try:
        store = open_to_read(project.store_path)
        yield from _integrity(project, store)
        if project.trouble is None:
            yield from guarded("files", _lint(root))
        yield from look(project, store, (clock if store is None else store.clock(clock)).now(), is_asked=True)
    except StoreError as error:
        yield from look(project, error, clock.now(), is_asked=True)
    finally:
        if store is not None:
            store.close()
    yield from guarded("cron", _cron(project))


def _python() -> Symptom:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON:
        hint = "ingestlayer needs Python 3.11 or newer"
        return trouble("python", "problem", "python_old", version, f"Python {version}", hint=hint)
    return Symptom("python", "ok", f"Python {version}")


def _sqlite() -> Symptom:
    version = engine_version()
    words = f"SQLite {'.'.join(map(str, version))}"
    if version < SQLITE:
        hint = "the store needs SQLite 3.38 or newer: use a Python that brings it"
        return trouble("sqlite", "problem", "sqlite_old", words, words, hint=hint)
    return Symptom("sqlite", "ok", words)


def _lint(root: str) -> Iterator[Symptom]:
    """Yield what is doubtful in files that are sound; what is broken is found by any look."""
    found = inspect(root, keep=False)
    if not found:
        yield Symptom("files", "ok", "the project's files are valid")
    elif all(it.severity == "warning" for it in found):
        words = f"the project's files have {count_of(len(found), 'warning')}"
        yield trouble("files", "warning", "files_doubtful", root, words, command="ingestlayer validate")


def _integrity(project: Project, store: Store | None) -> Iterator[Symptom]:
    if store is None:
        yield Symptom("store", "ok", "no store yet: the first emit makes it")
        return
    path, said = project.store_path, store.upkeep.faults()
    if said:
        raise StoreError(f"{path} is damaged: {said[0].splitlines()[-1]}", SAVE)
    yield Symptom("store", "ok", f"{store.path}, {size(store.upkeep.size().used)}, intact")


def _cron(project: Project) -> Iterator[Symptom]:
    """Yield what a job of cron would not have: it starts with next to no environment, as `env -i` does."""
    found = list(_missed(project))
    yield from found
    program = shutil.which("ingestlayer", path=CRON_PATH)
    here = os.path.realpath(sys.argv[0])
    if program is None:
        words = f"cron's PATH ({CRON_PATH}) does not have ingestlayer"
        command = f"{shlex.quote(here)} -C {shlex.quote(project.root)} deliver -q"
        hint = f"write the whole path into the crontab: {command}"
        yield trouble("cron", "warning", "cron_path", "PATH", words, hint=hint)
    elif not found:
        yield Symptom("cron", "ok", "a job of cron has all that it needs")


def _missed(project: Project) -> Iterator[Symptom]:
    yield from missed_by_cron(project)
    lacks = CRON_LACKS | dict.fromkeys(sorted(named(project)), "set it in the crontab's environment")
    for name, why in lacks.items():
        if os.environ.get(name):
            yield trouble("cron", "warning", "cron_env", name, f"{name} is set in this shell only", hint=why)
