"""One run of a check: read everything, then accept what newly reached a level, in one transaction.

What was reached is kept in the store's states (scope `check NAME`, key `PERIOD KEY`), by the rule of the `crossing`
step, and committed with the events: however often the check runs, a level is told once. Runs are ordered by their
commits, never by the clock: one that steps back changes nothing but the period.
"""

from binascii import crc32
from collections.abc import Callable
from typing import Any, NamedTuple

from ..engine.accepting import accept, bury_line
from ..engine.flow import WAIT, batch_codes, send_own
from ..engine.pipeline import Run
from ..engine.runtime import Runtime
from ..entities.values import key_text
from ..model.crossings import Held
from ..model.declarations import Field
from ..model.events import encode
from ..model.gate import MAX_KEY, Raw
from ..model.memory import Kept, State
from ..project.checks import CROSSED, STALE
from ..store.sqlite import outbox as rows
from ..store.sqlite.transaction import First, Transaction
from ..system.clock import DAY, format_duration, format_time, period_of
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, ProjectError, RejectedError
from .base import Source, SourceError, scope_of
from .judging import Judge, Judged
from .sources import File, source_of

Decided = Callable[[list[dict[str, Any]]], None]


class Options(NamedTuple):
    """How a check runs. `only`: rows with this in their key alone; `decided` is told what was decided, once it is safe.

    `baseline`: what is at a level is known from now on, and nothing is emitted. `progress` is called with the number
    of rows read so far.
    """

    dry_run: bool = False
    only: str | None = None
    deliver: bool = True
    decided: Decided | None = None
    progress: Callable[[int], None] | None = None
    baseline: bool = False


def check(runtime: Runtime, data: dict[str, Any], options: Options | None = None) -> Document:
    """Run one compiled check.

    Where its source fails, or is empty where it was not, the result has `error` and nothing of it is believed.
    """
    return _Check(runtime, data, options or Options()).run()


class _Crossed(NamedTuple):
    """What a row comes to: what its key holds now, the level that it newly reaches, and what to keep."""

    before: Held  # what was held when the row came, less what it has fallen below
    level: float | None
    state: Kept | None
    again: int  # how often levels of its key were armed again in this period
    refused: str | None  # why its event was refused by the last run


class _Check:
    def __init__(self, runtime: Runtime, data: dict[str, Any], options: Options) -> None:
        self.runtime = runtime
        self.data = data
        self.options = options
        self.name: str = data["name"]
        self.now = runtime.clock.now()
        self.scope = scope_of(self.name)
        self.period = period_of(self.now, data["period"]) if data["period"] else None
        self.start = f"{self.period or 'ever'} "  # of the keys of the states of this period
        self.decisions: list[dict[str, Any]] = []
        self.held: dict[str, State] = {}
        self.judge = Judge(data, options.only)
        self.states: dict[str, str] = {}  # what became of the rows that are at a level, by key

    def run(self) -> Document:
        source = None
        try:
            source = source_of(self.runtime.project.root, self.data)
            candidates = self._read(source)
        except (SourceError, ProjectError) as error:
            result = self._failed(error)
        else:
            result = self._judged(source, candidates)
        if self.options.decided is not None and not self.options.dry_run:
            self.options.decided(self.decisions)
        return result

    # Reading ------------------------------------------------------------------------------------------

    def _read(self, source: Source) -> list[Judged]:
        """Return the rows that may matter: at a level, or of a key that holds one."""
        # A dry run leaves no trace; another must not read a store as if nobody wrote to it.
        store = self.runtime.stored if self.options.dry_run else self.runtime.store
        kept = store.state(self.scope, "") if store is not None else None
        health = kept.value if kept else {}
        if store is not None:
            self.held = {key[len(self.start) :]: state for key, state in store.states(self.scope, self.start).items()}
        self._check_age(source)
        candidates = list(self.judge.rows(source, self.held, self.options.progress))
        if not self.judge.total and health.get("rows") and not self.data["may_be_empty"]:
            words = f"{source.name} is empty, and had {health['rows']:,} rows at {format_time(health['at'])}"
            raise SourceError(words, "is its export running? If it may be: may_be_empty = true")
        return candidates

    def _check_age(self, source: Source) -> None:
        """Raise SourceError for a file that nobody writes any more: what it says is no news."""
        stale_after = self.data["stale_after"]
        changed = source.changed_at() if isinstance(source, File) and stale_after is not None else None
        if changed is not None and self.now - changed >= stale_after:
            words = f"{source.name} was written last at {format_time(changed)}, over {format_duration(stale_after)} ago"
            error = SourceError(words, "is its export running?")
            error.since = changed
            raise error

    # What was read ------------------------------------------------------------------------------------

    def _judged(self, source: Source, candidates: list[Judged]) -> Document:
        result = self._document(source)
        if self.options.dry_run:
            self._foresee(candidates, result)
            return self._finished(result)
        with self.runtime.store.transaction() as transaction:
            for row in candidates:
                self._accept(transaction, row, result)
            if self.options.only is None:
                health = {"rows": self.judge.total, "at": self.now, **self._told(transaction, result)}
                transaction.remember(Kept(self.scope, "", health, self.now), "")
            queued = transaction.queued
        self._deliver(result, queued)
        return self._finished(result)

    def _told(self, transaction: Transaction, result: Document) -> dict[str, Any]:
        """Return what to keep of the bad rows: which they are, and since when. After a day they are news again."""
        if not self.judge.problem_count:
            return {}
        # Without their numbers: an export may sort its rows anew.
        rows = sorted(encode(row[1:]) for row in self.judge.problems)
        which = crc32(f"{self.judge.problem_count} {rows}".encode("utf-8", "surrogatepass"))
        kept = transaction.state(self.scope, "")
        at = kept.value.get("problems_at") if kept and kept.value.get("problems") == which else None
        if at is not None and 0 <= self.now - at < DAY:
            result["problems_known_since"] = format_time(at)
            return {"problems": which, "problems_at": at}
        return {"problems": which, "problems_at": self.now}

    def _foresee(self, candidates: list[Judged], result: Document) -> None:
        """Say what would be emitted, without writing anything."""
        for row in candidates:
            crossed = self._crossing(row, self.held.get(row.key))
            if crossed.level is None:
                self._known(row, crossed, result)
                continue
            self._tell(row, crossed, result, "new", None)
            try:
                self.runtime.gate.admit(self._event(row, crossed), self.now)
            except RejectedError as error:
                self._refused(row, error, result)

    def _accept(self, transaction: Transaction, row: Judged, result: Document) -> None:
        """Accept an event when a row newly reaches a level, and remember that it did."""
        crossed = self._crossing(row, transaction.state(self.scope, self.start + row.key))
        if crossed.level is None or self.options.baseline:
            if crossed.state is not None:
                transaction.remember(crossed.state, "")
            if crossed.level is None:
                self._known(row, crossed, result)
            else:
                self._tell(row, crossed, result, "taken", None)
            return
        raw = self._event(row, crossed)
        try:
            event, payload = self.runtime.gate.admit(raw, self.now)
            runs = accept(self.runtime, transaction, event, payload, self.now)
        except RejectedError as error:
            self._refuse(transaction, row, crossed, raw, error, result)
            return
        if crossed.state is not None:
            transaction.remember(crossed.state, event.id)
        if isinstance(runs, First):
            # The store knows the event, though not what was held: it was told.
            result["known"] += 1
            self.states[row.key] = "known"
            self._decide("duplicate", row, level=crossed.level, event=runs.event.id)
            return
        result["emitted"] += 1
        self._tell(row, crossed, result, "emitted", event.id)
        self._count(result, runs)

    def _known(self, row: Judged, crossed: _Crossed, result: Document) -> None:
        if row.level is None:
            return
        result["known"] += 1
        self.states[row.key] = "known"
        since = crossed.before.since
        self._decide("known", row, level=crossed.before.level, since=None if since is None else format_time(since))

    def _crossing(self, row: Judged, kept: State | None) -> _Crossed:
        """Return what a row comes to, given what was kept of its key."""
        value = kept.value if kept else {}
        before = Held(**value["held"]) if kept else Held()
        again: int = value.get("again", 0)
        known = before.knowing(self.data["levels"])
        # When another run has changed what is held since this one began to read, that run may have read later: this
        # one tells nothing of what has fallen or of new limits.
        first = self.held.get(row.key)
        is_overtaken = (kept and kept.value) != (first and first.value)
        at = max(self.now, before.at)
        held = known if is_overtaken else known.after(row.value, row.limits, self.data["rearm"], at)
        again += len(held.reached) < len(known.reached)
        after, level = held, None
        if held.crossed_by(row.level):
            level = row.level
            after = held.raised(self.data["levels"], row.value, row.limits, at)
            if is_overtaken and held.reached:
                after = after._replace(limits=held.limits)
        state = None
        if after != before:
            told = {"held": after.data(), "again": again}
            state = Kept(self.scope, self.start + row.key, told, self.now)
        return _Crossed(held, level, state, again, value.get("refused"))

    def _event(self, row: Judged, crossed: _Crossed) -> Raw:
        """Return the event of a row: what its declaration has of the row's columns, and of the crossing."""
        since = crossed.before.since
        told = None if since is None else format_time(since)
        own = (self.name, crossed.level, crossed.before.level, row.value, told, self.period)
        known = dict(zip(CROSSED, own, strict=True))
        # The columns that the check names have values as it read them.
        values = {**known, **row.values, **{name: found for name, found in row.numbers.items() if "." not in name}}
        declaration = self.runtime.project.declaration(self.data["emit"])
        if declaration is not None:
            values = {name: _fitted(field, values.get(name)) for name, field in declaration.fields.items()}
        payload = {name: value for name, value in values.items() if value is not None}
        again = f":{crossed.again}" if crossed.again else ""
        end = f"{crossed.level:.15g}:{self.period or 'ever'}{again}"
        key = f"{self.name}:{row.key}:{end}"
        if len(key) > MAX_KEY:
            from hashlib import sha256

            key = f"{self.name}:{sha256(row.key.encode()).hexdigest()}:{end}"
        return Raw(self.data["emit"], payload, key, None, f"check:{self.name}")

    def _refuse(
        self,
        transaction: Transaction,
        row: Judged,
        crossed: _Crossed,
        raw: Raw,
        error: RejectedError,
        result: Document,
    ) -> None:
        """Report a row whose event is refused. That it has crossed is not remembered: the next run tries again."""
        words = self._refused(row, error, result)
        if words == crossed.refused:
            return  # it is a dead letter already
        bury_line(transaction, raw, encode(raw.payload), error, self.now, None)
        kept = transaction.state(self.scope, self.start + row.key)
        value = kept.value if kept else {"held": Held().data(), "again": 0}
        told = Kept(self.scope, self.start + row.key, {**value, "refused": words}, self.now)
        transaction.remember(told, kept.event_id if kept else "")

    def _refused(self, row: Judged, error: RejectedError, result: Document) -> str:
        why = "; ".join(f"{path} {problem}".strip() for path, problem in error.details) or error.message
        words = f"{row.key}: {self.data['emit']} is refused: {why}"
        result["rejected"] += 1
        if error.exit_code not in result.exit_codes:
            result.exit_codes.append(error.exit_code)
        if len(result["rejects"]) < 100:
            result["rejects"].append({result.unit: row.number, "kind": error.kind, "message": words})
        self.states[row.key] = "refused"
        self._decide("refused", row, why=why)
        return words

    # What is told -------------------------------------------------------------------------------------

    def _tell(self, row: Judged, crossed: _Crossed, result: Document, state: str, event: str | None) -> None:
        self.states[row.key] = state
        told = {"level": crossed.level, "previous": crossed.before.level, "event": event}
        result["crossed"].append({"key": row.key, "value": row.value, **told, "why": self.judge.words(row)})
        self._decide("taken" if state == "taken" else "crossed", row, **told)

    def _decide(self, decision: str, row: Judged, **details: Any) -> None:
        told = {"check": self.name, "decision": decision, "key": row.key, "value": row.value}
        self.decisions.append({**told, **details})

    def _count(self, result: Document, runs: list[Run]) -> None:
        for run in runs:
            result["runs"][run.outcome] += 1
            if run.error is not None:
                result.exit_codes.append(run.error.exit_code)
                words = f"{run.pipeline}: {run.error.message}"
                result.hints += [words] if words not in result.hints else []

    def _deliver(self, result: Document, queued: range) -> None:
        if self.options.deliver and queued:
            send_own(self.runtime, [queued], self.runtime.clock.now() + WAIT)
            result.hints += [hint for state in rows.states(self.runtime.store, queued) if (hint := state["hint"])]
        result["deliveries"] = rows.counts(self.runtime.store, [queued] if queued else [])
        result.exit_codes += batch_codes(result, self.options.deliver)
        result.hints = list(dict.fromkeys(result.hints))

    def _document(self, source: Source) -> Document:
        judge = self.judge
        problems = [{source.unit: number, "key": key, "problem": words} for number, key, words in judge.problems]
        for row in problems:
            self.decisions.append({"check": self.name, "decision": "problem", **row})
        return Document(
            check=self.name,
            period=self.period,
            unit=source.unit,
            rows=judge.total,
            left_out=judge.left_out,
            crossed=[],
            known=0,
            emitted=0,
            rejected=0,
            rejects=[],
            runs={"queued": 0, "dropped": 0, "failed": 0},
            deliveries=dict.fromkeys(rows.STATUSES, 0),
            problems=problems,
            problem_count=judge.problem_count,
            problems_known_since=None,
            highest=[],
        )

    def _finished(self, result: Document) -> Document:
        result["crossed"].sort(key=lambda row: -row["value"])
        for row in self.judge.highest:
            told = {"key": row.key, "value": row.value, "level": row.level, "state": self.states.get(row.key, "below")}
            result["highest"].append({**told, "why": self.judge.words(row)})
        counts = {name: result[name] for name in ("rows", "left_out", "emitted", "known", "rejected")}
        told = {"check": self.name, "decision": "checked", **counts, "problems": result["problem_count"]}
        self.decisions.append(told)
        return result

    # A source that fails ------------------------------------------------------------------------------

    def _failed(self, error: IngestlayerError) -> Document:
        """Remember since when the source fails, and emit `check.stale` once when that is too long."""
        result = Document(check=self.name, **error.document(), stale=None)
        result.exit_codes = [error.exit_code]
        self.decisions.append({"check": self.name, "decision": "failed", "why": error.message})
        if self.options.dry_run or self.options.only is not None:
            return result
        with self.runtime.store.transaction() as transaction:
            kept = transaction.state(self.scope, "")
            health = kept.value if kept else {}
            # A clock that has stepped back must not let the source seem young.
            last = min(health.get("at", self.now), health.get("failing_since", self.now), self.now)
            since = min(last, getattr(error, "since", None) or last)
            health = {**health, "failing_since": since}
            if "at" in health:
                health["at"] = min(health["at"], self.now)
            stale_after = self.data["stale_after"]
            if stale_after is not None and self.now - since >= stale_after and not health.get("told"):
                health["told"] = self._tell_stale(transaction, since, error, result)
            transaction.remember(Kept(self.scope, "", health, self.now), "")
            queued = transaction.queued
        if queued:
            self._deliver(result, queued)
            del result["deliveries"]
        return result

    def _tell_stale(self, transaction: Transaction, since: int, error: IngestlayerError, result: Document) -> bool:
        """Accept the event `check.stale`; say whether it was."""
        payload = {"check": self.name, "since": format_time(since), "error": error.message}
        declaration = self.runtime.project.declaration(STALE)
        if declaration is not None:
            payload = {name: value for name, value in payload.items() if name in declaration.fields}
        raw = Raw(STALE, payload, f"{STALE}:{self.name}:{format_time(since)}", None, f"check:{self.name}")
        try:
            event, text = self.runtime.gate.admit(raw, self.now)
            runs = accept(self.runtime, transaction, event, text, self.now)
        except RejectedError as refusal:
            bury_line(transaction, raw, encode(payload), refusal, self.now, None)
            result.exit_codes.append(Exit.REJECTED)
            result.hints.append(refusal.message)
            return False
        told = runs.event.id if isinstance(runs, First) else event.id
        result["stale"] = {"since": format_time(since), "event": told}
        self.decisions.append({"check": self.name, "decision": "stale", **result["stale"]})
        if not isinstance(runs, First):
            result["runs"] = {"queued": 0, "dropped": 0, "failed": 0}
            self._count(result, runs)
        return True


def _fitted(field: Field, value: Any) -> Any:
    """Return a value as a declared field has it; one that does not fit is left for the gate to refuse."""
    if field.type == "string" and type(value) in (int, float):
        return key_text(value)
    try:
        return field.read(value) if isinstance(value, str) else value
    except ValueError:
        return value
