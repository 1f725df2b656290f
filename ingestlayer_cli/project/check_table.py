"""What `[checks.NAME]` may say before anything else of the project is known: its kinds of sources, its own words."""

import re

from ..entities.table import FORMS, form_of
from ..system.clock import DAY
from ..system.typed import Protocol

STALE = "check.stale"  # the event that tells of a source that has been silent for too long
SECRET = re.compile(r"(?<![\w:])(?:env|keyring):[\w./-]+", re.ASCII)  # where a text names one
# What every event of a check can have. `again`: how often levels of its key were armed again in the period, if ever.
CROSSED = ("check", "level", "previous", "value", "since", "period", "again")
STALE_FIELDS = {"check": "string", "since": "datetime", "error": "string"}
STALE_DECLARATION = {
    "file": "",  # it is nobody's
    "type": STALE,
    "description": "The source of a check has been silent for too long.",
    "fields": [[name, type_, False, None, "", None] for name, type_ in STALE_FIELDS.items()],
    "key": None,
    "key_refs": [],
    "window": DAY,
    "on_difference": "accept",
    "example": {"check": "api-limits", "since": "2026-11-03T09:30:00Z", "error": "usage.csv cannot be read"},
}


def scope_of(name: str) -> str:
    """Return where in the store's states a check keeps what it holds."""
    return f"check {name}"


def source_kind(source: str) -> str:
    """Return what a source is: file, stdin, http, sqlite or postgres."""
    if source == "-":
        return "stdin"
    if source.startswith(("http://", "https://")):
        return "http"
    if source.startswith("sqlite:"):
        return "sqlite"
    if source.startswith(("postgresql://", "postgres://", "env:", "keyring:")):
        return "postgres"
    return "file"


class Sourced(Protocol):
    """What a table of a check tells of its source."""

    source: str | None
    command: list[str]
    query: str | None
    headers: dict[str, str]
    rows: str | None
    next: str | None
    levels: list[float]
    rearm: float


def problem_of(table: Sourced) -> tuple[str, str] | None:
    """Return the key, and what is wrong with it that it alone cannot tell, or None."""
    from math import isfinite

    source = table.source
    if (source is None) == (not table.command):
        return "command", "needs either `source` or `command`"
    kind = "command" if source is None else source_kind(source)
    if not all(map(isfinite, table.levels)) or table.levels != sorted(set(table.levels)):
        return "levels", "`levels` are numbers from the lowest to the highest, each once"
    if not isfinite(table.rearm):
        return "rearm", "`rearm` is a number from 0"
    return _problem_of_source(table, kind, source or "") or _problem_of_secrets(table, kind, source or "")


def _problem_of_source(table: Sourced, kind: str, source: str) -> tuple[str, str] | None:
    if kind in ("sqlite", "postgres") and table.query is None:
        return "source", "a database needs `query`: what to ask it"
    if kind not in ("sqlite", "postgres") and table.query is not None:
        return "query", "`query` is of a database: sqlite:///FILE or postgresql://…"
    if kind == "sqlite" and not source.startswith("sqlite:///"):
        return "source", "`source` of SQLite is sqlite:///FILE, or sqlite:////FILE with the whole path"
    if kind == "file" and form_of(source) is None:
        return (
            "source",
            f"`source`: there are files ({', '.join(FORMS)}), -, sqlite:///FILE, postgresql://… and https://…",
        )
    if kind != "http" and (key := next((name for name in ("headers", "rows", "next") if getattr(table, name)), None)):
        return key, "`headers`, `rows` and `next` are of an https:// source"
    return None


def _problem_of_secrets(table: Sourced, kind: str, source: str) -> tuple[str, str] | None:
    from urllib.parse import urlsplit

    if kind in ("postgres", "http"):
        try:
            password = urlsplit(source).password
        except ValueError:
            return "source", "`source` is no address"
        if password:
            remedy = "name a secret that is the address, env:NAME" if kind == "postgres" else "use `headers`"
            return "source", f"the address has a password in it: {remedy}"
    for name, value in table.headers.items():
        if re.search(r"auth|token|key|secret|cookie", name, re.IGNORECASE) and not SECRET.search(value):
            return "headers", f"the header {name} must name a secret, env:NAME or keyring:NAME, and never be one"
    return None
