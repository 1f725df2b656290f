"""One run of a check: read everything, then accept what newly reached a level, in one transaction.

What was reached is kept in the store's states (scope `check NAME`, key `PERIOD KEY`), by the rule of the `crossing`
step, and committed with the events: however often the check runs, a level is told once. Runs are ordered by their
commits, never by the clock: one that steps back changes nothing but the period.
"""

from collections.abc import Callable, Iterable

from ..engine import tally
from ..engine.accepting import foresee, look_ahead, look_up, transact
from ..engine.records import CHECKS, Record
from ..engine.runtime import Runtime
from ..model.memory import Foreseen
from ..store.contract.accepting import AwayError, Queued
from ..store.opening import is_file
from ..system.clock import format_time
from ..system.document import Document
from ..system.errors import Exit, IngestlayerError, ProjectError, RejectedError, count_of, gravest
from ..system.typed import TYPE_CHECKING, NamedTuple, TomlTable, Values, cast
from .base import Source, SourceError
from .judging import Judge, Judged
from .levels import Levels
from .report import Report, Settled, counted, failed_document, unwell
from .rows import CheckedRows
from .sources import check_age, source_of

if TYPE_CHECKING:
    from ..model.documents.checks import CheckDocument, CheckedDocument, FailedCheckDocument, StaleDocument
    from ..model.documents.events import SettledDocument
    from ..store.contract.protocols import Store
    from ..store.contract.roles.transaction import Transaction
    from ..store.contract.unfinished import UnfinishedRun
    from .stale import FailingSource, Stale

Decided = Callable[[Iterable[Values]], None]


class CheckOptions(NamedTuple):
    """How a check runs. `only`: rows with this in their key alone; `decided` is told what was decided, once it is safe.

    `baseline`: what is at a level is known from now on, and nothing is emitted. `progress` is called with the number
    of rows read so far. `wait`: for so many milliseconds for its messages.
    """

    dry_run: bool = False
    only: str | None = None
    deliver: bool = True
    decided: Decided | None = None
    progress: Callable[[int], None] | None = None
    baseline: bool = False
    wait: int = tally.WAIT

    @property
    def is_partial(self) -> bool:
        """Whether it is no run that tells all that there is to tell."""
        return self.dry_run or self.baseline or self.only is not None


def check(runtime: Runtime, data: TomlTable, options: CheckOptions | None = None) -> "Document[CheckDocument]":
    """Run one compiled check.

    Where its source fails, or is empty where it was not, the result has `error` and nothing of it is believed.
    """
    try:
        return _checked(runtime, data, options or CheckOptions())
    except AwayError as error:
        chosen = options or CheckOptions()
        if not runtime.project.has_spool or chosen.is_partial or data["source"] == "-":  # that is read once
            raise
        from .kept import kept_document

        return kept_document(runtime, data, error)


def _checked(runtime: Runtime, data: TomlTable, options: CheckOptions) -> "Document[CheckDocument]":
    run = _Check(runtime, data, options)
    if run.options.dry_run or run.options.only is not None:
        return run.run()
    with Record(runtime, CHECKS, run.name, runtime.heart(data["heartbeat"])) as record:
        result = run.run()
        code = gravest(result.exit_codes)
        failed = result.told.get("error") or result.told.get("trouble")
        # What was judged and waits to be sent is no trouble of the check's.
        is_good = failed is None and code in (Exit.OK, Exit.WAITING, Exit.DEAD)
        record.ends(code, is_good, failed["message"] if failed else unwell(result.told), **counted(result.told))
    return result


class _Check:
    def __init__(self, runtime: Runtime, data: TomlTable, options: CheckOptions) -> None:
        self.runtime = runtime
        self.data = data
        self.options = options
        self.name: str = data["name"]
        self.source = f"check:{self.name}"  # of its events
        self.now = runtime.clock.now()
        self.levels = Levels(data, self.now)
        self.rows = CheckedRows(runtime, data, self.levels, self.now, is_baseline=options.baseline)
        self.judge = Judge(data, options.only)
        self.report = Report(data, self.judge, options.decided is not None)
        self.earlier: list[Settled] = []  # what was told of rows that were kept
        self.queued: list[Queued] = []  # of these

    def run(self) -> "Document[CheckDocument]":
        if not self.options.is_partial:
            from .kept import hand_over

            hand_over(self.runtime, self.name, self._judge_kept)
        try:
            source = source_of(self.runtime.project.root, self.data)
            candidates = self._read(source)
        except (SourceError, ProjectError) as error:
            result: Document[CheckDocument] = self._failed(error)
        else:
            result = self._judged(source, candidates)
        tally.note_spool(self.runtime, result)
        if self.options.decided is not None and not self.options.dry_run:
            self.options.decided(self.report.decisions())
        return result

    def _judge_kept(self, at: int, after: int | None, rows: list[Judged]) -> None:
        """Judge what a run found while the store was out of reach, by what its keys hold by now."""
        levels = Levels(self.data, at)
        earlier = CheckedRows(self.runtime, self.data, levels, at)
        ahead = levels.foresee(rows, Foreseen())

        def work(transaction: "Transaction") -> list[Settled]:
            look_ahead(transaction, None, ahead)
            changing = levels.as_kept(transaction, rows, after)
            return [settled for row in changing if (settled := earlier.accept(transaction, row)) is not None]

        done, queued = transact(self.runtime, Foreseen(), work)
        self.earlier += [settled for settled in done if settled.state in ("emitted", "refused")]
        self.queued.append(queued)

    # Reading ------------------------------------------------------------------------------------------

    def _read(self, source: Source) -> list[Judged]:
        """Return the rows that may change what is held. Those that are known are told apart as they are read."""
        # A dry run leaves no trace; another must not read a store as if nobody wrote to it.
        store = self.runtime.stored if self.options.dry_run else self.runtime.store
        health = self.levels.health(store)
        if store is not None:
            if self.runtime.project.has_spool and not self.options.is_partial and not is_file(store.path):
                self.levels.holding = set()
            self.levels.begin(store.states, {run.event.id for run in self._waiting(store)})
        check_age(source, self.data["stale_after"], self.now)
        candidates = []
        for row in self.judge.rows(source, self.levels.held, self.options.progress):
            crossed = self.levels.known(row)
            if crossed is None:
                candidates.append(row)
            elif row.level is not None:
                self.report.know(row, crossed)
        if not self.judge.total and health.get("rows") and not self.data["may_be_empty"]:
            words = f"{source.name} is empty, and had {count_of(health['rows'], 'row')} at {format_time(health['at'])}"
            raise SourceError(words, "is its export running? If it may be: may_be_empty = true")
        if store is not None and self.options.only is None:
            candidates += self.levels.gone(store.states)
        return candidates

    # What was read ------------------------------------------------------------------------------------

    def _judged(self, source: Source, candidates: list[Judged]) -> "Document[CheckedDocument]":
        result = self.report.begun(source, self.levels.period)
        # What can be judged is told, however little that is; the source is no healthy one.
        whole = self.options.only is None
        weakness = self.judge.weakness(source, self.data["min_judged"]) if whole else None
        if weakness is not None:
            result.told["error"], result.told["stale"] = weakness.document()["error"], None
            result.exit_codes.append(weakness.exit_code)
            self.report.decide("failed", why=weakness.message)
        if self.options.dry_run:
            self._note_waiting(result, self.runtime.stored)
        if weakness is not None:
            candidates = [row for row in candidates if row.value is not None]
        foreseen = [settled for row in candidates if (settled := self.rows.foreseen(row)) is not None]
        if self.options.dry_run:
            for settled in foreseen:
                self.report.add(result, settled)
            return self.report.finished(result)

        failing = None if weakness is None else self._failing(weakness)
        looked_up = look_up(self.runtime, events := [event for _, event, _ in self.rows.admitted.values()])
        ahead = self.levels.foresee(candidates, foresee(self.runtime, events))

        def work(transaction: "Transaction") -> tuple[list[Settled], int | None, "Stale | RejectedError | None"]:
            look_ahead(transaction, looked_up, ahead)
            self.levels.health(transaction)  # another run may have read the source meanwhile
            found = [settled for row in candidates if (settled := self.rows.accept(transaction, row)) is not None]
            stale = None if failing is None else failing.keep(transaction)
            if not whole:
                return found, None, stale
            return found, self.levels.keep_health(transaction, self.judge, is_healthy=weakness is None), stale

        (done, known_since, stale), queued = transact(self.runtime, ahead, work)
        self._note_stale(result, stale)
        self._note_held(done)
        again = self._run_again(result)
        for settled in (*self.earlier, *done):
            self.report.add(result, settled)
        if known_since is not None:
            result.told["problems_known_since"] = format_time(known_since)
        self._deliver(result, Queued.joined((queued, again)))
        return self.report.finished(result)

    def _note_held(self, done: list[Settled]) -> None:
        """Note on this machine what is held, for a run that will not reach the store."""
        if self.levels.holding is not None:
            from .kept import note_held

            held = self.levels.holding.union(settled.row.key for settled in done)
            note_held(self.runtime.project, self.name, held)

    def _run_again(self, result: "Document[CheckDocument]") -> Queued:
        """Run again what failed of the events of this check, where that is due; return what it queued.

        And what was queued of rows that were kept.
        """
        queued = [*self.queued]
        if self.runtime.store.has_unfinished():
            from ..engine.unfinished import run_due

            for done, own in run_due(self.runtime, self.now, source=self.source):
                tally.count(result, (again.run for again in done))
                queued.append(own)
        self._note_waiting(result, self.runtime.store)
        return Queued.joined(queued)

    def _note_waiting(self, result: "Document[CheckDocument]", store: "Store | None") -> None:
        """Tell how many events of this check wait for a run that failed: they are known, and nobody was told."""
        waiting = self._waiting(store)
        if not waiting:
            return
        self.report.waiting = {run.event.id for run in waiting}
        times = [run.retry_at for run in waiting if run.retry_at is not None]
        result.told["unfinished"] = len(self.report.waiting)
        result.told["retry_at"] = format_time(min(times)) if times else None
        result.exit_codes += [Exit.CONFIG] if Exit.CONFIG not in result.exit_codes else []

    def _waiting(self, store: "Store | None") -> "list[UnfinishedRun]":
        if store is None or not store.has_unfinished():
            return []
        from ..engine.unfinished import waiting_of

        return waiting_of(store, self.runtime.project, self.source)

    def _deliver(self, result: "Document[SettledDocument]", queued: Queued) -> None:
        tally.settle(self.runtime, result, queued, self.options.deliver, self.options.wait)
        if self.options.deliver and queued and "trouble" not in result:
            result.hints += [hint for state in self.runtime.store.outbox.states(queued) if (hint := state["hint"])]
        result.hints = list(dict.fromkeys(result.hints))

    # A source that fails ------------------------------------------------------------------------------

    def _failed(self, error: IngestlayerError) -> "Document[FailedCheckDocument]":
        """Remember since when the source fails, and emit `check.stale` once when that is too long."""
        result = failed_document(self.name, error)
        self.report.decide("failed", why=error.message)
        if self.options.dry_run or self.options.only is not None:
            return result
        stale, queued = transact(self.runtime, Foreseen(), self._failing(error).keep)
        self._note_stale(result, stale)
        if own := Queued.joined((queued, self._run_again(result))):
            self._deliver(cast("Document[SettledDocument]", result), own)
            del result["deliveries"]
        return result

    def _failing(self, error: IngestlayerError) -> "FailingSource":
        from .stale import FailingSource

        return FailingSource(
            self.runtime, self.data, scope=self.levels.scope, source=self.source, now=self.now, error=error
        )

    def _note_stale(self, result: "Document[CheckDocument]", stale: "Stale | RejectedError | None") -> None:
        if isinstance(stale, RejectedError):
            result.exit_codes, result.hints = [*result.exit_codes, Exit.REJECTED], [*result.hints, stale.message]
        elif stale is not None:
            told: StaleDocument = {"since": format_time(stale.since), "event": stale.event}
            result.told["stale"] = told
            self.report.decide("stale", **told)
            if stale.runs is not None:
                tally.count(result, stale.runs)
