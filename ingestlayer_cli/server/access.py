"""Who may send, and how often."""

import hmac
from collections.abc import Callable
from hashlib import sha256
from math import ceil
from time import monotonic

from ..project.match import matches
from ..store.contract.accepting import AwayError
from ..store.contract.keys import ApiKey
from ..store.contract.protocols import Store
from ..store.opening import open_to_read
from ..system.clock import MINUTE
from ..system.rates import parse_rate
from .answers import HttpError

NOTED = MINUTE  # a key's last use is noted once in so many milliseconds
PATIENCE = 0.5  # seconds that a look for a key waits for who holds the store
_SCHEME = {"WWW-Authenticate": "Bearer"}


class Keys:
    """The keys in the store, as they are at each request: a key that is revoked is worth nothing from then on.

    `used` is told, now and then, of the last use of a key. For one thread alone.
    """

    def __init__(self, used: Callable[[str, int], None]) -> None:
        self._used = used
        self._store: Store | None = None
        self._noted: dict[str, int] = {}
        self._known: dict[str, ApiKey] = {}  # by hash: as each was when it was last looked up

    def of_header(self, header: str, path: str, now: int) -> ApiKey:
        """Return the key that `Authorization` holds; HttpError 401 for any other."""
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise _unauthorized("there is no key: send Authorization: Bearer il_…")
        hash_ = sha256(token.strip().encode("utf-8", "replace")).hexdigest()
        key = self._last_known(path, hash_)
        if key is None or not hmac.compare_digest(key.hash, hash_):
            raise _unauthorized("the key is not known")
        if key.revoked_at is not None:
            raise _unauthorized("the key is revoked")
        if key.expires_at is not None and key.expires_at <= now:
            raise _unauthorized("the key has expired")
        if now - self._noted.get(key.name, key.last_used_at or 0) >= NOTED:
            self._noted[key.name] = now
            self._used(key.name, now)
        return key

    def _last_known(self, path: str, hash_: str) -> ApiKey | None:
        """Return the key of a hash: as the store has it, or had it before it was out of reach."""
        try:
            key = self._in_store(path, hash_)
        except AwayError:
            if hash_ not in self._known:
                raise
            return self._known[hash_]
        if key is not None:
            self._known[hash_] = key
        return key

    def _in_store(self, path: str, hash_: str) -> ApiKey | None:
        store = self._store
        if store is None or store.path != path or not store.is_in_place:
            self.close()
            store = self._store = open_to_read(path)
            if store is None:
                return None
            store.wait_at_most(PATIENCE)
        return store.keys.with_hash(hash_)

    def close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


def _unauthorized(message: str) -> HttpError:
    return HttpError(401, "unauthorized", message, headers=_SCHEME)


def may_send(key: ApiKey, type_: object) -> bool:
    """Say whether a key is for an event type."""
    return "*" in key.types or (isinstance(type_, str) and matches(key.types, type_))


class Buckets:
    """How much each sender may still send: a rate's number at once, and then as fast as the rate."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._left: dict[str, tuple[float, float]] = {}  # how many were left, and when

    def take(self, sender: str, allowed: str | None) -> None:
        """Count one request; HttpError 429 when it is one too many."""
        if allowed is None:
            return
        rate, now = parse_rate(allowed), self._now()
        left, at = self._left.get(sender, (rate.most, now))
        left = min(rate.most, left + (now - at) * rate.per_second)
        if left < 1:
            self._left[sender] = left, now
            wait = max(1, ceil((1 - left) / rate.per_second))
            words = f"more than {rate.words} requests: send it again in {wait} s"
            raise HttpError(429, "rate", words, headers={"Retry-After": str(wait)})
        self._left[sender] = left - 1, now
