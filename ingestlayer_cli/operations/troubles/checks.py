"""How each check stands: when it ran last and is to run next, what it judged, how its source is."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, NamedTuple

from ...engine.records import CHECKS
from ...project import Project
from ...project.check_table import scope_of, source_kind
from ...system.clock import MINUTE, format_duration
from ...system.errors import Exit
from ...system.processes import vanished
from ...system.typed import TomlTable, Values
from .symptoms import OLD, Symptom, age, minute, trouble

if TYPE_CHECKING:
    from ...model.documents.projects import Mark
    from ...store.contract.protocols import Store

GRACE = 5 * MINUTE  # that a run may come late, or a tenth of the time between two

Health = Literal["good", "running", "old", "failing", "overdue", "never ran"]


class CheckStanding(NamedTuple):
    """How a check stands. Times in milliseconds; what is not known is None.

    `last_good` is the end of the last good run, `next_at` when the next is expected, `source_age` how old its file is,
    or what was read of another source. `rows` were judged by the last run that could read it, `crossed` of these.
    """

    name: str
    health: Health
    every: int | None
    last_run: int | None
    last_good: int | None
    next_at: int | None
    took: int | None
    exit: int | None
    rows: int | None
    crossed: int | None
    source: str
    source_age: int | None
    troubles: list[Symptom]


def standings(project: Project, store: "Store | None", now: int) -> Iterator[CheckStanding]:
    """Yield how each check stands."""
    notes = store.notes(CHECKS) if store is not None else {}
    for name, data in project.checks.items():
        kept = store.state(scope_of(name), "") if store is not None else None
        yield _CheckLook(project, data, notes.get(name, {}), kept.value if kept else {}, now).standing()


def checks(project: Project, store: "Store | None", now: int) -> Iterator[Symptom]:
    """Yield what is wrong with the checks, and what is not."""
    for it in standings(project, store, now):
        yield from it.troubles
        if not it.troubles:
            told = f"{it.source} is {age(it.source_age)} old" if it.source_age is not None else f"{it.source} was read"
            yield Symptom("checks", "ok", f"{it.name}: {told}", subject=it.name)


class _CheckLook:
    """A look at one check: at what its last run noted, and at what is kept of its source's health."""

    def __init__(self, project: Project, data: TomlTable, note: Values, health: Values, now: int) -> None:
        self.name: str = data["name"]
        self.data = data
        self.note = note
        self.now = now
        self.said: str = data["source"] or data["command"][0]
        is_file = source_kind(self.said) == "file" and not data["command"]
        self.path = os.path.join(project.root, self.said) if is_file else None
        self.failing_since: int | None = health.get("failing_since")
        # A store from before runs were noted has the health of the source alone.
        self.last_good: int | None = note.get("good_at") or health.get("at")
        self.last_run: int | None = note.get("started_at") or self.last_good
        self.command = f"ingestlayer check {self.name}"

    def standing(self) -> CheckStanding:
        every, note = self.data["every"], self.note
        next_at = None if every is None or self.last_run is None else self.last_run + every
        troubles = list(self._troubles(next_at))
        return CheckStanding(
            self.name,
            health=self._health(troubles),
            every=every,
            last_run=self.last_run,
            last_good=self.last_good,
            next_at=next_at,
            took=note.get("took"),
            exit=note.get("exit"),
            rows=note.get("rows"),
            crossed=note.get("crossed"),
            source=self.said,
            source_age=self._age(),
            troubles=troubles,
        )

    def _health(self, troubles: list[Symptom]) -> Health:
        kinds = {found.kind for found in troubles}
        if kinds & {"source_failing", "check_failed", "source_missing"}:
            return "failing"
        if "check_stale" in kinds:
            return "never ran" if self.last_run is None else "overdue"
        return "running" if self._is_running else "old" if kinds else "good"

    @property
    def _is_running(self) -> bool:
        begun = self.note.get("started_at", 0) > self.note.get("ended_at", 0)
        return begun and not vanished(self.note["process"])

    @property
    def _was_killed(self) -> bool:
        begun = self.note.get("started_at", 0) > self.note.get("ended_at", 0)
        return begun and vanished(self.note["process"])

    def _age(self) -> int | None:
        if self.path is None:
            return None if self.last_good is None else max(self.now - self.last_good, 0)
        try:
            return max(self.now - int(os.stat(self.path).st_mtime * 1000), 0)
        except OSError:
            return None

    def _troubles(self, next_at: int | None) -> Iterator[Symptom]:
        yield from self._of_runs(next_at)
        yield from self._of_source()

    def _of_runs(self, next_at: int | None) -> Iterator[Symptom]:
        every = self.data["every"]
        if self.last_run is None:
            mark: Mark = "warning" if every is None else "problem"
            yield self._trouble(mark, "check_stale", "it never ran", by_hand="put it into the crontab")
        elif next_at is not None and self.now > next_at + max(GRACE, every // 10):
            why = f"it is to run every {format_duration(every)}, and began last {minute(self.last_run)}"
            by_hand = "see whether cron runs"
            yield self._trouble("problem", "check_stale", "it is overdue", why=why, since=next_at, by_hand=by_hand)
        if self._was_killed:
            why, since = "its process is gone", self.note["started_at"]
            yield self._trouble("problem", "check_failed", "its last run did not end", why=why, since=since)
        elif self.note.get("failing_since") and self.failing_since is None and self.note["exit"] != Exit.CONFIG:
            yield self._trouble(
                *("problem", "check_failed", "its runs fail"),
                why=self.note["error"] or "",
                since=self.note["failing_since"],
                by_hand="mend that",
            )

    def _of_source(self) -> Iterator[Symptom]:
        source_age = self._age()
        if self.failing_since is not None:
            why = self.note.get("error") or ""
            by_hand = "mend it"
            yield self._trouble(
                "problem", "source_failing", "its source fails", why=why, since=self.failing_since, by_hand=by_hand
            )
        elif self.path is not None and source_age is None:
            words, by_hand = f"{self.said} is not there", "see whether its export runs"
            yield self._trouble("problem", "source_missing", words, by_hand=by_hand)
        elif self.path is not None and not os.access(self.path, os.R_OK):
            by_hand = "make it readable for this user"
            yield self._trouble("problem", "source_missing", f"{self.said} cannot be read", by_hand=by_hand)
        elif source_age is not None and source_age > (self.data["stale_after"] or OLD):
            words = f"{self.said} is {age(source_age)} old" if self.path else f"it was read {age(source_age)} ago"
            since = self.now - source_age
            yield self._trouble(
                "warning", "source_old", words, since=since, by_hand="see whether its export still runs"
            )

    def _trouble(
        self, mark: "Mark", kind: str, words: str, *, why: str = "", since: int | None = None, by_hand: str = ""
    ) -> Symptom:
        told = f"{self.name}: {words}"
        return trouble(
            "checks", mark, kind, self.name, told, why=why, since=since, by_hand=by_hand, command=self.command
        )
