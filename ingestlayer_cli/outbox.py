"""The outbox: claim a delivery, send it, record what came of it. The only place that retries."""

import json
import os
from collections.abc import Callable
from typing import Any

from . import families
from .clock import Clock
from .destinations.base import NotConnected, Refused, Result, Retry, Sender, Sent, Unknown
from .store import Store
from .store import outbox as rows
from .store.outbox import Attempt, Claimed, Wanted

LEASE = 60_000  # milliseconds; a sending takes at most a connection's and a read's time-out
PACE = 1_000  # Slack: about one message per second per channel
CURVE = (30_000, 120_000, 600_000, 3_600_000)  # after the first, second, … failed attempt; then dead
JITTER = 0.1

Show = Callable[[str, dict[str, Any]], None]
Said = Callable[[Claimed, Attempt], None]


class Outbox:
    """Sends what waits in a store, over the project's connections."""

    def __init__(self, store: Store, slack: dict[str, Any], clock: Clock, show: Show) -> None:
        self._store = store
        self._slack = slack
        self._clock = clock
        self._show = show
        self._senders: dict[str, Sender] = {}
        self._owner = f"{os.uname().nodename}:{os.getpid()}"
        self.broken: dict[str, NotConnected] = {}  # by destination: what nothing more is sent to

    def send(self, wanted: Wanted, until: int, said: Said | None = None) -> None:
        """Send every wanted delivery that is due, waiting for paced channels up to the time `until`."""
        rows.expire(self._store, self._clock.now(), "the process that was sending it vanished")
        while not self.broken:
            now = self._clock.now()
            pace = 0 if self._slack["connection"] == "terminal" else PACE
            claimed = rows.claim(self._store, wanted, now, LEASE, pace, self._owner)
            if claimed is not None:
                attempt = self._attempt(claimed)
                if said is not None:
                    said(claimed, attempt)
                continue
            at = rows.next_at(self._store, wanted, until)
            if at is None or at > until:
                return
            self._clock.sleep(max(at - now, 10))

    def _attempt(self, claimed: Claimed) -> Attempt:
        at = self._clock.now()
        result = self._sender(claimed.destination).send(claimed.target, json.loads(claimed.body))
        attempt = _judged(result, claimed, at, self._clock.now())
        if isinstance(result, NotConnected):
            self.broken[claimed.destination] = result
        rows.record(self._store, claimed, attempt, self._owner)
        return attempt

    def _sender(self, kind: str) -> Sender:
        if kind not in self._senders:
            self._senders[kind] = families.member("destinations", kind).sender(self._slack, self._show)
        return self._senders[kind]


def _judged(result: Result, claimed: Claimed, at: int, now: int) -> Attempt:
    """Turn a destination's word into the delivery's next state."""
    took = now - at
    if isinstance(result, Sent):
        return Attempt(at, took, "sent", "delivered", True, now, receipt=result.receipt)
    if isinstance(result, Refused):
        return Attempt(at, took, "refused", "dead", True, now, result.why, result.hint)
    if isinstance(result, Unknown):
        return Attempt(at, took, "unknown", "unknown", True, now, result.why)
    if isinstance(result, NotConnected):
        status = "retrying" if claimed.attempts else "pending"
        return Attempt(at, took, "not connected", status, False, now, result.why, result.hint)
    return _retried(result, claimed, at, now)


def _retried(result: Retry, claimed: Claimed, at: int, now: int) -> Attempt:
    """Retry-After holds the whole lane and counts as no attempt; else the curve decides."""
    took = now - at
    if result.after is not None:
        free = now + result.after
        return Attempt(at, took, "retry", "retrying", False, now, result.why, lane_free_at=free)
    if claimed.attempts >= len(CURVE):
        why = f"{result.why}; given up after {claimed.attempts + 1} attempts"
        return Attempt(at, took, "retry", "dead", True, now, why, "when it is mended: ingestlayer deliveries retry")
    import random

    pause = CURVE[claimed.attempts] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 (no secret)
    return Attempt(at, took, "retry", "retrying", True, now + round(pause), result.why)
