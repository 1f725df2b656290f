"""What `check` and `deliver` note of their runs: when the last one began, how it ended, and on which machine.

A note is no part of the work: where it cannot be written, the run goes on without.
"""

from contextlib import suppress
from types import TracebackType

from ..system.clock import DAY
from ..system.errors import Exit, StoreError, in_words
from ..system.processes import identity, machine
from ..system.typed import TYPE_CHECKING, Self, Values

if TYPE_CHECKING:
    from .heartbeat import Heart
    from .runtime import Runtime

CHECKS, DELIVERS, MACHINES = "check", "deliver", "machine"  # topics; of `deliver` there is one note, without a name


class Record:
    """One run that is noted as it begins, and as it ends: one that was killed is noted as begun alone.

    The note is {started_at, process, ended_at, took, exit, error, good_at, failing_since} and what `ends` is given;
    times in milliseconds. `good_at` is the end of the last good run, `failing_since` the start of the first bad one
    after it. A `heart` is told of the same.
    """

    def __init__(self, runtime: "Runtime", topic: str, name: str = "", heart: "Heart | None" = None) -> None:
        self._runtime = runtime
        self._clock = runtime.clock
        self._place = topic, name
        self._heart = heart
        self._started, self._began = self._clock.now(), self._clock.steady()

    def __enter__(self) -> Self:
        if self._heart is not None:
            self._heart.begins()
        self._write({"started_at": self._started, "process": identity()})
        return self

    def ends(self, code: Exit, is_good: bool, error: str | None = None, **more: object) -> None:
        """Note how the run ends."""
        if self._heart is not None:
            self._heart.ends(is_good)
        now, took = self._clock.now(), self._clock.steady() - self._began
        ended = {"started_at": self._started, "ended_at": now, "took": took, "exit": int(code)}
        self._write({**ended, "error": error, **more}, is_good)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self.ends(Exit.INTERRUPTED, False, "interrupted")
        elif isinstance(error, Exception):
            known = in_words(error)
            self.ends(known.exit_code, False, known.message)

    def _write(self, told: Values, is_good: bool | None = None) -> None:
        with suppress(StoreError), self._runtime.store.transaction() as transaction:
            note = {**(transaction.note(*self._place) or {}), **told}
            now = self._clock.now()
            if is_good is not None:
                note["good_at"] = note["ended_at"] if is_good else note.get("good_at")
                note["failing_since"] = None if is_good else note.get("failing_since") or self._started
            transaction.write_note(*self._place, note, now)
            name, known_by = machine()
            seen = transaction.note(MACHINES, known_by)
            first_at = seen["first_at"] if seen is not None and now - seen["last_at"] < DAY else now
            transaction.write_note(MACHINES, known_by, {"name": name, "first_at": first_at, "last_at": now}, now)
