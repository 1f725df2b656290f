"""The keys of the HTTP door: made, listed, revoked. What is stored of one is its SHA-256."""

import re
import secrets
from hashlib import sha256
from typing import Literal

from ..model.documents.keys import KeyDocument
from ..project import Project
from ..store.contract.keys import ApiKey
from ..store.contract.protocols import Store
from ..system.clock import Clock, format_time, parse_duration
from ..system.errors import UsageError, as_written, near_miss

PREFIX = "il_"
_NAME = r"[A-Za-z][\w-]{0,99}"
_PATTERN = r"[\w-]+(\.[\w-]+)*(\.\*)?|\*"


def create(store: Store, clock: Clock, name: str, types: list[str], expires: str | None) -> tuple[ApiKey, str]:
    """Make a key; return also the key itself, which nobody can read again."""
    if not re.fullmatch(_NAME, name, re.ASCII):
        raise UsageError(
            f"{as_written(name)} is no name of a key", "a name is of letters, digits, _ and -: billing-backend"
        )
    for pattern in types:
        if not re.fullmatch(_PATTERN, pattern, re.ASCII):
            raise UsageError(
                f"--types {pattern}: not an event type", 'write usage.limit_reached, "usage.*", or several'
            )
    token = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    key = ApiKey(name, sha256(token.encode()).hexdigest(), types, now, _expiry(expires, now))
    if not store.keys.create(key):
        words = "a name stands for one key, also when it is revoked"
        raise UsageError(f"there is a key {name} already", f"{words}: take another, like {name}-2")
    return key, token


def _expiry(expires: str | None, now: int) -> int | None:
    if expires is None:
        return None
    try:
        duration = parse_duration(expires)
    except ValueError as error:
        raise UsageError(f"--expires: {error}") from None
    if not duration:
        raise UsageError("--expires: a key that is never good is no use", "write --expires 90d")
    return now + duration


def unknown_types(project: Project, key: ApiKey) -> list[str]:
    """Return the patterns of a key that no declared type fits, each with the near miss."""
    from ..project.match import matches

    if project.accepts_undeclared:
        return []
    return [
        pattern + near_miss(pattern, project.types)
        for pattern in key.types
        if pattern != "*" and not any(matches([pattern], type_) for type_ in project.types)
    ]


def revoke(store: Store, clock: Clock, name: str) -> ApiKey:
    """Let a key be worth nothing from now on; UsageError when there is none."""
    known = {key.name: key for key in store.keys.every()}
    if name not in known:
        raise UsageError(f"there is no key {name}{near_miss(name, known)}", "`ingestlayer keys list` lists them")
    if not store.keys.revoke(name, clock.now()):
        raise UsageError(f"the key {name} is revoked already, since {format_time(known[name].revoked_at or 0)}")
    return next(key for key in store.keys.every() if key.name == name)


def status(key: ApiKey, now: int) -> Literal["active", "expired", "revoked"]:
    """Return what a key is worth: active, expired or revoked."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "active"


def document(key: ApiKey, now: int) -> KeyDocument:
    """Return a key as `--json` shows it."""

    def at(time: int | None) -> str | None:
        return None if time is None else format_time(time)

    return {
        "name": key.name,
        "types": key.types,
        "status": status(key, now),
        "created_at": format_time(key.created_at),
        "expires_at": at(key.expires_at),
        "revoked_at": at(key.revoked_at),
        "last_used_at": at(key.last_used_at),
    }
