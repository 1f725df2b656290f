"""What may come of an event: statuses, exit codes and kinds of errors."""

from collections.abc import Iterator

from ..checks.base import SourceError
from ..engine.group import BusyError
from ..operations.entities.one import UnknownEntityError
from ..operations.slack.secret import SlackError, UnreachableError
from ..system.errors import Exit, MachineError, ProjectError, StoreError, UsageError
from .topics import Topic

EXITS = {
    Exit.OK: "accepted, and every delivery delivered or correctly dropped, skipped or duplicate",
    Exit.FOUND: "`validate`, `test`, `backtest --max-posts`, `status`, `doctor`, `slack status` or `slack test`"
    " found something",
    Exit.USAGE: "wrong usage",
    Exit.REJECTED: "the event was rejected; of a batch at least one was",
    Exit.DEAD: "accepted, but a delivery is dead",
    Exit.DEFECT: "a defect of ours",
    Exit.WAITING: "accepted and safe, but a delivery still waits, or something failed after the commit",
    Exit.CONFIG: "the project's configuration is wrong or missing, or its store cannot be used; also: accepted, but"
    " a run failed (its file, its entity file, a secret): it waits and is run again",
    Exit.INTERRUPTED: "interrupted",
}

# By what has it, then by the status.
STATUSES = {
    "event": {
        "accepted": "It is in the store, with what its pipelines made of it: it cannot be lost.",
        "duplicate": "An earlier event has its key: nothing is sent, and the answer is the first event.",
        "rejected": "It did not fit, and is no event. It is kept as refused: `events list --refused`.",
    },
    "run": {
        "queued": "Its messages are in the outbox.",
        "dropped": "A step, or the conditions of its destinations, ended it; the reason is in its trace.",
        "failed": "A file or a secret that it needs was not there: it is run again at `retry_at`, or once that is"
        " mended.",
    },
    "delivery": {
        "pending": "It waits for its first attempt: for its turn, its hours, or a connection.",
        "retrying": "An attempt failed, and surely nothing arrived; it is sent again when it is due.",
        "delivered": "The destination took it.",
        "dead": "The destination refused it for good, or its attempts are used up. Nothing sends it again but"
        " `deliveries retry`.",
        "unknown": "It was sent and no answer came: it may have arrived. `deliver` looks it up rather than guess.",
        "shown": "It was drawn on a terminal, and never left this machine.",
        "dropped": "When its time came it was judged again (`recheck`), and was not so any more: it was not sent.",
    },
}

# Of an event that is refused; the rules of `gate`.
REJECTED = {
    "json": "What came is not JSON.",
    "csv": "A line of a CSV cannot be read.",
    "size": "It is larger than what is taken.",
    "type": "The type is none, or one of this tool's own.",
    "undeclared": "No file of events/ declares the type.",
    "schema": "The payload does not fit the declaration, or the envelope has another form.",
    "key": "The idempotency key is none: too long, not printable, or with a null in it.",
    "timestamp": "The time cannot be read, or is beyond tomorrow.",
    "conflict": "Its key is taken by an event with another payload, and the declaration says `reject`.",
    "scope": "The key of the sender is not for this type.",
    "source": "A source of `serve` brought what fits no declaration yet; `replay --refused` takes it once it does.",
}
# Of a request that `serve` does not do.
HTTP = {
    "unauthorized": "401: there is no key, or it is unknown, expired or revoked.",
    "signature": "401: the signature of a source is wrong.",
    "not_found": "404: there is nothing at this path.",
    "method": "405: the path takes another method.",
    "timeout": "408: the body did not come in time.",
    "incomplete": "400: the body ended too early.",
    "host": "400: it is called by a name that `[serve] hosts` does not have.",
    "http": "400: this is no request of HTTP/1.1.",
    "media_type": "415: the body is not JSON, or is packed in a way that is not taken.",
    "rate": "429: more requests than `[serve] rate` allows; `Retry-After` says when.",
    "stopping": "503: the server is stopping; send it again.",
    "unavailable": "503: the server cannot take it for now; send it again.",
}
_OTHERS = {
    "defect": "Something that nobody foresaw. Run it with --debug, and tell us.",
    "interrupted": "It was stopped.",
}
_CLASSES = (
    UsageError,
    ProjectError,
    StoreError,
    MachineError,
    SourceError,
    BusyError,
    UnknownEntityError,
    SlackError,
    UnreachableError,
)


def errors() -> dict[str, str]:
    """Return every kind of error, with what it means."""
    told = {cls.kind: " ".join((cls.__doc__ or "").partition("\n\n")[0].split()) for cls in _CLASSES}
    found = {**told, **_OTHERS}
    for more in (REJECTED, HTTP):
        for kind, words in more.items():
            found[kind] = f"{found[kind]} {words}" if kind in found else words
    return found


def topics() -> Iterator[Topic]:
    """Yield the statuses, the exit codes and the kinds of errors."""
    for whose, statuses in STATUSES.items():
        for status, words in statuses.items():
            yield Topic(f"{whose}.{status}", "status", f"the status {status} of {whose} in `--json`", words)
    order = ", ".join(str(int(code)) for code in (Exit.DEFECT, Exit.CONFIG, Exit.REJECTED, Exit.DEAD, Exit.WAITING))
    for code, words in EXITS.items():
        text = words[0].upper() + words[1:] + "."
        yield Topic(f"exit.{int(code)}", "exit", f"the exit code {int(code)}", text)
    everything = "What a command answers, for scripts. When several hold, the first of " + order + " wins."
    yield Topic("exit", "exit", "exit codes", everything, keys=tuple(f"exit.{int(code)}" for code in EXITS))
    for kind, words in errors().items():
        yield Topic(f"error.{kind}", "error", f"the error kind {kind}", words)
