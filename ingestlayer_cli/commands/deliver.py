"""`deliver`: send what waits in the outbox."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from ..store.contract.accepting import AwayError, SpoolError
from ..system.errors import Exit, count_of
from ..system.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..engine.unfinished import Again
    from ..model.documents.deliveries import AgainDocument, RoundDocument, SentDocument
    from ..project import Project
    from ..store.contract.sending import Attempt, Claimed, Doubtful, Wanted
    from ..system.errors import IngestlayerError


def run(args: list[str]) -> int | None:
    """Run `deliver` as cron does, with -q, --json and --log alone; None where there are others, which Typer reads."""
    given: dict[str, Any] = {}
    rest = iter(args)
    for word in rest:
        if word in _SWITCHES:
            given[_SWITCHES[word]] = True
        elif word == "--log" and (file := next(rest, "-"))[:1] != "-":
            given["log"] = file
        else:
            return None
    return send(**given)


_SWITCHES = {"--json": "json", "--quiet": "quiet", "-q": "quiet"}


def send(
    watch: bool = False,
    limit: int | None = None,
    pipeline: str | None = None,
    channel: str | None = None,
    log: str | None = None,
    json: bool = False,
    quiet: bool = False,
) -> int:
    """Send what is due, and tell of it; return the exit code."""
    from contextlib import closing

    from ..engine import flow
    from ..engine.runtime import Runtime
    from ..engine.tally import WAIT
    from ..engine.watching import Watch, deliver_noted, opened
    from ..project import load
    from ..store.contract.sending import Wanted
    from . import settings
    from .show import drawing, note_unsent

    telling = _Telling(log, json, quiet)
    show = drawing(json or quiet)

    def renewed() -> Runtime:
        return Runtime(load(settings.project), show=show)

    def after(runtime: Runtime) -> None:
        """Tell of our own troubles; the messages of `--watch` go in its next round."""
        if pipeline is None and channel is None and runtime.project.hears_of_itself:
            telling.own(runtime, None if watch else WAIT)

    project = _project(quiet)
    with (
        _waiting(project),
        closing(Watch(opened(Runtime(project, show=show)), renewed, telling.trouble, after)) as rounds,
    ):
        runtime, wanted = rounds.runtime, Wanted(pipeline=pipeline, target=channel)
        if pipeline is not None or channel is not None:
            _note_unknown(runtime, pipeline, channel)
        # SIGTERM, as from systemd: the messages in hand are finished, then the process ends.
        before = signal.signal(signal.SIGTERM, lambda *_: rounds.stop())
        try:
            if watch:
                result = rounds.run(wanted, telling.sent, limit, telling.ran)
            else:
                result = deliver_noted(
                    runtime, wanted, lambda: flow.deliver(runtime, wanted, telling.sent, limit, ran=telling.ran)
                )
                after(runtime)
                if runtime.spool_error is not None:
                    telling.trouble(runtime.spool_error)
        finally:
            signal.signal(signal.SIGTERM, before)
        stopped, waiting = rounds.stopped, result.told["waiting"]
        soonest = _soonest(rounds.runtime, wanted) if waiting and not (json or quiet) else ""
        if quiet and not json:
            note_unsent(rounds.runtime, result.told["outcomes"].get("shown", 0))
        unheard = rounds.runtime.heart_faults()
    telling.end(result.told, soonest, unheard)
    return 0 if stopped else flow.exit_code(result)


class _Telling:
    """Tells of each message as it goes: on the terminal, as JSON, in the log."""

    def __init__(self, log: str | None, as_json: bool, quiet: bool) -> None:
        from ..system.console import Progress
        from ..system.log import Log

        self._as_json = as_json
        self._quiet = quiet
        self._progress = Progress("delivery", quiet or as_json, many="deliveries")
        self._decisions = None if log is None else Log(log, "deliver")
        self._count = 0
        self._hints: set[str] = set()

    def sent(self, row: "Claimed | Doubtful", attempt: "Attempt") -> None:
        from ..store.contract.sending import went
        from ..system.console import note, say

        self._count += 1
        self._progress.end()
        if self._decisions is not None:
            told = {"id": row.id, "destination": row.destination, **went(row.target, attempt.receipt)}
            self._decisions.add(attempt.status, **told, outcome=attempt.outcome, why=attempt.error)
        if self._as_json:
            _say_json(row, attempt)
        elif not self._quiet:
            say(*_words(row, attempt))
        elif attempt.status in ("dead", "unknown") or attempt.outcome == "not-connected":
            note(*_words(row, attempt))  # cron mails what is on stderr
        if not self._as_json:
            self._hint(attempt.hint)
        self._progress.at(self._count)

    def ran(self, again: "Again") -> None:
        from ..system.console import note, say, say_json_line

        self._count += 1
        self._progress.end()
        told = _told(again)
        if self._decisions is not None:
            self._decisions.add("run again", **told)
        if self._as_json:
            say_json_line(told)
        elif again.run.outcome == "failed":
            note(_run_words(told), "red")
            self._hint(again.run.error.hint if again.run.error else "")
        elif not self._quiet:
            say(_run_words(told))

    def _hint(self, hint: str | None) -> None:
        """Say a hint once."""
        from ..system.console import note

        if hint and hint not in self._hints:
            self._hints.add(hint)
            note(f"hint: {hint}", "yellow")

    def trouble(self, error: "IngestlayerError") -> None:
        from ..system.console import note

        self._progress.end()
        why = ": ".join(error.details[0]) if error.details else error.message
        how = "it goes on with what was true before"
        if isinstance(error, AwayError):
            how = "it goes on once that is back"
        elif isinstance(error, SpoolError):
            how = error.hint
        note(f"warning: {why}; {how}", "yellow")

    def own(self, runtime: "Runtime", wait: int | None) -> None:
        """Tell of our own troubles."""
        from ..operations.alerts import tell_and_send
        from ..system.console import note

        for words in tell_and_send(runtime, wait, self.sent):
            note(f"warning: {words}", "yellow")

    def end(self, result: "RoundDocument", soonest: str, unheard: list[str]) -> None:
        """Say what is left."""
        from ..system.console import note
        from . import note_unheard

        self._progress.end()
        if self._as_json or self._quiet:
            return
        note_unheard(unheard)
        waiting, failed = result["waiting"], result["failed"]
        if waiting:
            words = ", ".join(f"{count:,} {status}" for status, count in waiting.items())
            note(f"still waiting: {words}{soonest}; see `ingestlayer deliveries list`")
        if failed:
            words = (
                "a run that failed is"
                if failed == 1
                else count_of(failed, "run that failed is", "runs that failed are")
            )
            note(f"{words} run again later; see `ingestlayer events list --status failed`")
        if not (waiting or failed or self._count):
            note("nothing is due")


def _note_unknown(runtime: "Runtime", pipeline: str | None, channel: str | None) -> None:
    """Warn of a pipeline or a channel that nothing is known of."""
    from ..system.console import note
    from .deliveries import check_known

    if doubt := check_known(runtime, pipeline, channel):
        note(f"warning: {doubt}", "yellow")


@contextmanager
def _waiting(project: "Project") -> Iterator[None]:
    """Say of a store that is out of reach that all waits, where what is accepted meanwhile is kept on this machine."""
    try:
        yield
    except AwayError as error:
        if project.has_spool:
            error.exit_code = Exit.WAITING
            error.add_hint("what was accepted is safe, and goes once it is back")
        raise


def _project(quiet: bool) -> "Project":
    """Return the project, whatever its files are like, as long as they say where its messages go."""
    from ..engine.connections import drawn_kinds
    from ..project import load_beside
    from . import note_problems, settings

    project = load_beside(settings.project)
    # What the terminal drew counts as sent: not by a setting that may be another by now.
    if project.connections_of != "file" and (not project.connections_of or drawn_kinds(project.connections)):
        project.sound()
    if not quiet:
        note_problems(project)
    return project


def _soonest(runtime: "Runtime", wanted: "Wanted") -> str:
    from ..system.clock import format_time

    at = runtime.store.outbox.soonest(wanted)
    return f", the next at {format_time(at)}" if at is not None and at > runtime.clock.now() else ""


def _told(again: "Again") -> "AgainDocument":
    """Return what came of a run that was run again, as `--json` and the log have it."""
    from ..system.clock import format_time

    run = again.run
    return {
        "event": again.event.id,
        "pipeline": run.pipeline,
        "outcome": run.outcome,
        "reason": run.reason,
        "retry_at": None if again.retry_at is None else format_time(again.retry_at),
    }


def _run_words(told: "AgainDocument") -> str:
    words = f"{told['pipeline']} {told['outcome']} {told['event']}, run again"
    words += f": {told['reason']}" if told["reason"] else ""
    return words + (f"; next at {told['retry_at']}" if told["retry_at"] else "")


def _next_at(attempt: "Attempt") -> str | None:
    from ..system.clock import format_time

    return format_time(max(attempt.due_at, attempt.lane_free_at)) if attempt.status == "retrying" else None


def _say_json(row: "Claimed | Doubtful", attempt: "Attempt") -> None:
    from ..store.contract.sending import ARRIVED, went
    from ..system.console import say_json_line

    document: SentDocument = {
        "id": row.id,
        "destination": row.destination,
        **went(row.target, attempt.receipt),
        "outcome": attempt.outcome,
        "status": attempt.status,
        "error": None if attempt.status in ARRIVED else attempt.error,
        "next_at": _next_at(attempt),
    }
    say_json_line(document)


def _words(row: "Claimed | Doubtful", attempt: "Attempt") -> tuple[str, str]:
    """Return a line for people, and its style."""
    from ..store.contract.sending import place_of, went

    why = f": {attempt.error}" if attempt.error else ""
    if attempt.outcome == "found":
        why = ": it is in the channel's history"
    next_at = _next_at(attempt)
    style = {"delivered": "green", "shown": "green", "dead": "red", "dropped": "dim"}.get(attempt.status, "yellow")
    place = place_of(went(row.target, attempt.receipt))
    return f"{place} {attempt.status} {row.id}{why}" + (f"; next at {next_at}" if next_at else ""), style
