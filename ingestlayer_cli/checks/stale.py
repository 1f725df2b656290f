"""A source that fails: since when, and the event `check.stale`, once, when that is too long."""

from ..engine.accepting import accept, bury_line
from ..engine.pipeline import Run
from ..engine.runtime import Runtime
from ..model.events import encode
from ..model.gate import Raw
from ..model.memory import Kept
from ..project.check_table import STALE
from ..store.contract.accepting import First
from ..system.clock import format_time
from ..system.errors import IngestlayerError, RejectedError
from ..system.typed import TYPE_CHECKING, NamedTuple, TomlTable

if TYPE_CHECKING:
    from ..store.contract.roles.transaction import Transaction


class Stale(NamedTuple):
    """The event `check.stale`; without runs, the store knew it."""

    since: int
    event: str
    runs: list[Run] | None


class FailingSource:
    """One failure, as of a run at `now`; it is remembered in the check's `scope`."""

    def __init__(
        self, runtime: Runtime, data: TomlTable, scope: str, source: str, now: int, error: IngestlayerError
    ) -> None:
        self._runtime = runtime
        self._name: str = data["name"]
        self._stale_after: int | None = data["stale_after"]
        self._scope = scope
        self._source = source  # of its events
        self._now = now
        self._error = error

    def keep(self, transaction: "Transaction") -> "Stale | RejectedError | None":
        """Remember that the source fails; return what was told of it, if it was."""
        kept = transaction.state(self._scope, "")
        health = kept.value if kept else {}
        # A clock that has stepped back must not let the source seem young.
        last = min(health.get("at", self._now), health.get("failing_since", self._now), self._now)
        since = min(last, getattr(self._error, "since", None) or last)
        health = {**health, "failing_since": since}
        if "at" in health:
            health["at"] = min(health["at"], self._now)
        stale_after, told = self._stale_after, None
        if stale_after is not None and self._now - since >= stale_after and not health.get("told"):
            told = self._tell(transaction, since)
            health["told"] = isinstance(told, Stale)
        transaction.remember(Kept(self._scope, "", health, self._now), "")
        return told

    def _tell(self, transaction: "Transaction", since: int) -> "Stale | RejectedError":
        """Accept the event `check.stale`."""
        payload = {"check": self._name, "since": format_time(since), "error": self._error.message}
        declaration = self._runtime.project.declaration(STALE)
        if declaration is not None:
            payload = {name: value for name, value in payload.items() if name in declaration.fields}
        raw = Raw(STALE, payload, f"{STALE}:{self._name}:{format_time(since)}", None, self._source)
        try:
            event, text = self._runtime.gate.admit(raw, self._now)
            runs = accept(self._runtime, transaction, event, text, self._now)
        except RejectedError as refusal:
            bury_line(transaction, raw, encode(payload), refusal, self._now, None)
            return refusal
        return Stale(since, runs.event.id, None) if isinstance(runs, First) else Stale(since, event.id, runs)
