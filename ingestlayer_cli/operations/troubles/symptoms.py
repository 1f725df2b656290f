"""What is found of a project and of its store: what is well, and each trouble."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from ...system.clock import DAY, HOUR, MINUTE, SECOND, format_duration, format_time
from ...system.errors import IngestlayerError

if TYPE_CHECKING:
    from ...model.documents.projects import LookDocument, Mark


OLD = 7 * DAY  # of a file that says itself nothing of it
NOT_CONNECTED = "not_connected"  # the kind of a connection that takes nothing; its subject is its label


class Symptom(NamedTuple):
    """One thing that was looked at. `mark` is ok, warning or problem; what is ok has no `kind`.

    A trouble is known by its `kind` and `subject` for as long as it lasts. `words` say what is so, `why` what is known
    of its cause; `since` is in milliseconds. `by_hand` is what is to be mended first, and `command` what is typed then;
    each empty where there is no such thing. `hint` says both.
    """

    check: str
    mark: "Mark"
    words: str
    hint: str = ""
    kind: str = ""
    subject: str = ""
    since: int | None = None
    why: str = ""
    by_hand: str = ""
    command: str = ""

    @property
    def told(self) -> str:
        """What is so, and why, in one line."""
        return f"{self.words}: {self.why}" if self.why else self.words

    def document(self) -> "LookDocument":
        """Return it as `--json` shows it."""
        return {
            "check": self.check,
            "mark": self.mark,
            "words": self.told,
            "hint": self.hint,
            "kind": self.kind,
            "subject": self.subject,
            "since": None if self.since is None else format_time(self.since),
            "why": self.why,
            "by_hand": self.by_hand,
            "command": self.command,
        }


def trouble(
    check: str,
    mark: "Mark",
    kind: str,
    subject: str,
    words: str,
    *,
    why: str = "",
    since: int | None = None,
    by_hand: str = "",
    command: str = "",
    hint: str = "",
) -> Symptom:
    """Make a trouble; a hint that is not given is what is done by hand, and then typed."""
    told = hint or "; then: ".join(filter(None, (by_hand, command)))
    return Symptom(
        check,
        mark,
        words,
        hint=told,
        kind=kind,
        subject=subject,
        since=since,
        why=why,
        by_hand=by_hand,
        command=command,
    )


def guarded(check: str, looks: Iterable[Symptom]) -> Iterator[Symptom]:
    """Yield what a look finds; that it cannot be made is found, too, and stops no other."""
    try:
        yield from looks
    except IngestlayerError as error:
        yield trouble(check, "problem", "not_seen", check, error.message, hint=error.hint)
    except OSError as error:
        words = f"{error.filename or check} cannot be looked at: {error.strerror}"
        yield trouble(check, "problem", "not_seen", check, words, hint="check its owner and mode")


def age(duration: int) -> str:
    """Return about how long that is: `3h`."""
    for unit in (DAY, HOUR, MINUTE, SECOND):
        if duration >= unit:
            return format_duration(duration // unit * unit)
    return "0s"


def minute(at: int) -> str:
    """Return a time for people: `2026-11-03 09:30 UTC`."""
    text = format_time(at)
    return f"{text[:10]} {text[11:16]} UTC"


def size(count: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
