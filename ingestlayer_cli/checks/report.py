"""What a run of a check tells: the document of `check --json`, and the decisions for its log."""

from collections.abc import Container, Iterator, Sequence

from ..engine import tally
from ..engine.pipeline import Run
from ..store.contract.sending import no_deliveries
from ..system.clock import format_time
from ..system.document import Document
from ..system.errors import IngestlayerError, RejectedError
from ..system.typed import TYPE_CHECKING, Literal, NamedTuple, TomlTable, Values, cast
from .base import Source
from .judging import Judge, Judged
from .levels import Reached
from .packed import Packed

if TYPE_CHECKING:
    from ..model.documents.checks import (
        BadRowDocument,
        CheckDocument,
        CheckedDocument,
        FailedCheckDocument,
        RefusedRowDocument,
        RowState,
    )


class Settled(NamedTuple):
    """What became of a row that is at a level: known, duplicate, taken, refused, emitted; in a dry run new.

    `event` is that of its crossing, where it is known the last one, `error` why it is refused.
    """

    row: Judged
    crossed: Reached
    state: 'RowState | Literal["duplicate"]'
    event: str | None = None
    runs: Sequence[Run] = ()
    error: RejectedError | None = None


class Report:
    """Gathers what is told. Only what is committed is told."""

    def __init__(self, data: TomlTable, judge: Judge, is_logged: bool) -> None:
        self._decisions: list[Values] = []  # where there is a log of them
        self.waiting: Container[str] = ()  # the events that wait for a run that failed
        self._name: str = data["name"]
        self._emit: str = data["emit"]
        self._cleared: str = data["cleared"] or ""
        self._judge = judge
        self._is_logged = is_logged
        self._known = 0  # rows that were known as they were read, and for the log key, value, level and since when
        self._known_rows = Packed()
        self._known_at: int | None = None  # before which decision they are told, once the source was read
        self._states: dict[str, RowState] = {}  # what became of the others that are at a level, by key

    def know(self, row: Judged, crossed: Reached) -> None:
        """Note a row that is at a level, is known, and changes nothing."""
        self._known += 1
        if self._is_logged:
            self._known_rows.add((row.key, row.value, crossed.before.level, crossed.before.since))

    def begun(self, source: Source, period: str | None) -> "Document[CheckedDocument]":
        """Return the document of a source that was read."""
        judge = self._judge
        problems = [{source.unit: number, "key": key, "problem": words} for number, key, words in judge.problems]
        for row in problems:
            self.decide("problem", **row)
        self._known_at = len(self._decisions)
        found = filter(None, (judge.proposal, judge.odd_keys(source.unit)))
        notes = [*source.notes, *(f"{source.name}: {words}" for words in found)]
        told: CheckedDocument = {
            "check": self._name,
            "period": period,
            "unit": source.unit,
            "rows": judge.total,
            "left_out": judge.left_out,
            "crossed": [],
            "cleared": [],
            "known": self._known,
            "emitted": 0,
            "rejected": 0,
            "rejects": [],
            "runs": tally.no_runs(),
            "unfinished": 0,
            "retry_at": None,
            "deliveries": no_deliveries(),
            "problems": cast("list[BadRowDocument]", problems),
            "problem_count": judge.problem_count,
            "problems_known_since": None,
            "highest": [],
        }
        if notes:
            told["notes"] = notes
        return Document(told)

    def add(self, result: "Document[CheckedDocument]", settled: Settled) -> None:
        """Tell of one row."""
        row, crossed, state, event, runs, error = settled
        self._states[row.key] = "known" if state == "duplicate" else state
        if state in ("known", "duplicate") and event in self.waiting:
            self._states[row.key] = "unfinished"
            self._decide("unfinished", row, level=crossed.before.level, event=event)
        elif state == "known":
            self._decide("known", row, **_known(crossed.before.level, crossed.before.since))
        elif state == "duplicate":
            # The store knows the event, though not what was held: it was told.
            self._decide("duplicate", row, level=crossed.level, event=event)
        elif crossed.fallen is not None and state != "refused":
            self._clear(result.told, row, crossed, event)
        elif crossed.level is not None and state != "refused":
            self._cross(result.told, row, crossed, crossed.level, event)
            told = {"level": crossed.level, "previous": crossed.before.level, "event": event}
            self._decide("taken" if state == "taken" else "crossed", row, **told)
        result.told["known"] += state in ("known", "duplicate")
        result.told["emitted"] += state == "emitted"
        if error is not None:
            self._refused(result, settled, error)
        tally.count(result, runs)

    def _cross(self, result: "CheckedDocument", row: Judged, crossed: Reached, level: float, event: str | None) -> None:
        """Tell that a level is newly reached."""
        result["crossed"].append(
            {
                "key": row.key,
                "value": row.value,
                "level": level,
                "previous": crossed.before.level,
                "event": event,
                "why": self._judge.words(row),
            }
        )

    def _clear(self, result: "CheckedDocument", row: Judged, crossed: Reached, event: str | None) -> None:
        """Tell that a level is held no more."""
        self._states[row.key] = "cleared"
        level, previous = crossed.still, cast("float", crossed.fallen and crossed.fallen.level)
        result["cleared"].append(
            {
                "key": row.key,
                "value": row.value,
                "level": level,
                "previous": previous,
                "event": event,
                "why": self._judge.words(row),
            }
        )
        self._decide("cleared", row, level=level, previous=previous, event=event)

    def _refused(self, result: "Document[CheckedDocument]", settled: Settled, error: RejectedError) -> None:
        row, type_ = settled.row, self._emit if settled.crossed.fallen is None else self._cleared
        told = result.told
        told["rejected"] += 1
        if error.exit_code not in result.exit_codes:
            result.exit_codes.append(error.exit_code)
        if len(told["rejects"]) < 100:
            reject = {told["unit"]: row.number, "kind": error.kind, "message": refusal(row, type_, error)}
            told["rejects"].append(cast("RefusedRowDocument", reject))
        self._states[row.key] = "refused"
        self._decide("refused", row, why=_why(error))

    def finished(self, result: "Document[CheckedDocument]") -> "Document[CheckedDocument]":
        """Close the document of a source that was read."""
        told = result.told
        told["crossed"].sort(key=lambda row: -row["value"])
        for row in self._judge.highest:
            state = self._states.get(row.key, "below" if row.level is None else "known")
            told["highest"].append(
                {
                    "key": row.key,
                    "value": row.value,
                    "level": row.level,
                    "state": state,
                    "why": self._judge.words(row),
                }
            )
        counts = {name: result[name] for name in ("rows", "left_out", "emitted", "known", "rejected")}
        self.decide("checked", **counts, problems=told["problem_count"])
        return result

    def decisions(self) -> Iterator[Values]:
        """Yield what was decided: hundreds of thousands may be known, of which each is made as it is written."""
        at = self._known_at
        yield from self._decisions[:at]
        for key, value, level, since in self._known_rows if at is not None else ():
            yield self._line("known", {"key": key, "value": value, **_known(level, since)})
        yield from self._decisions[at:] if at is not None else ()

    def decide(self, decision: str, **details: object) -> None:
        """Add a decision that is about no row that is judged."""
        if self._is_logged:
            self._decisions.append(self._line(decision, details))

    def _decide(self, decision: str, row: Judged, **details: object) -> None:
        self.decide(decision, **_of(row), **details)

    def _line(self, decision: str, details: Values) -> Values:
        return {"check": self._name, "decision": decision, **details}


def _of(row: Judged) -> Values:
    return {"key": row.key, "value": row.value}


def _known(level: float | None, since: int | None) -> Values:
    return {"level": level, "since": None if since is None else format_time(since)}


def _why(error: RejectedError) -> str:
    return "; ".join(f"{path} {problem}".strip() for path, problem in error.details) or error.message


def failed_document(name: str, error: IngestlayerError) -> "Document[FailedCheckDocument]":
    """Return the document of a check whose source, or whose store, failed."""
    told: FailedCheckDocument = {
        "check": name,
        "error": error.document()["error"],
        "stale": None,
        "runs": tally.no_runs(),
        "unfinished": 0,
        "retry_at": None,
    }
    result = Document(told)
    result.exit_codes = [error.exit_code]
    return result


def unwell(result: "CheckDocument") -> str | None:
    """Return what failed of a run that has no error of its own."""
    if result["unfinished"]:
        return "a run of a pipeline failed"
    refused = result.get("rejected")
    return f"{refused:,} of its events {'was' if refused == 1 else 'were'} refused" if refused else None


def counted(result: "CheckDocument") -> dict[str, int]:
    """Return how much was judged, and how much of it crossed a level; nothing where the source failed."""
    if "rows" not in result:
        return {}
    judged = result["rows"] - result["left_out"] - result["problem_count"]
    return {"rows": judged, "crossed": len(result["crossed"])}


def refusal(row: Judged, type_: str, error: RejectedError) -> str:
    """Say why the event of a row is refused."""
    return f"{row.key}: {type_} is refused: {_why(error)}"
