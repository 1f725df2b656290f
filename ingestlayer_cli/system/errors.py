"""The error family and the exit codes. One boundary, in `main.py`, turns them into words or JSON."""

from collections.abc import Iterable
from enum import IntEnum

from .stamps import Stamped
from .typed import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from .error_document import ErrorDocument, ProblemDocument


class Exit(IntEnum):
    """What the process answers; sysexits.h where it has a fitting number."""

    OK = 0
    FOUND = 1
    USAGE = 2
    REJECTED = 65
    DEAD = 69
    DEFECT = 70
    WAITING = 75
    CONFIG = 78
    INTERRUPTED = 130


# When several hold, the first of these wins.
PRECEDENCE = (Exit.DEFECT, Exit.CONFIG, Exit.REJECTED, Exit.DEAD, Exit.WAITING)


def gravest(codes: Iterable[Exit]) -> Exit:
    """Return the code that wins by `PRECEDENCE`; `Exit.OK` when none of them is there."""
    held = set(codes)
    return next((code for code in PRECEDENCE if code in held), Exit.OK)


class Problem(NamedTuple):
    """One thing that is wrong: where (a field, a flag, file:line:column) and what."""

    path: str
    problem: str


class IngestlayerError(Exception):
    """Base of all errors that a user may see: what is wrong, what to do, and where.

    `hint` is the remedy (may be empty); `details` lists single problems, all of them at once. A run that fails by it is
    run again: at once when the file `by` has another stamp; where it is `lasting`, once its pipeline is another.
    """

    kind = "defect"
    exit_code = Exit.DEFECT
    by: Stamped | None = None
    lasting = False

    def __init__(self, message: str, hint: str = "", details: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = list(details)

    def copy(self) -> Self:
        """Return one that says the same: a run takes what it redacts out of the words of its own."""
        copied = type(self).__new__(type(self), self.message)
        vars(copied).update(vars(self), details=[*self.details])
        return copied

    def add_hint(self, hint: str) -> None:
        """Say what else is to be done, or known."""
        self.hint = "; ".join(filter(None, (self.hint, hint)))

    def document(self) -> "ErrorDocument":
        """Return the error as the JSON document that every command prints with `--json`."""
        details: list[ProblemDocument] = [{"path": path, "problem": problem} for path, problem in self.details]
        return {"error": {"kind": self.kind, "message": self.message, "hint": self.hint, "details": details}}


class UsageError(IngestlayerError):
    """Wrong flags or arguments."""

    kind = "usage"
    exit_code = Exit.USAGE


class ProjectError(IngestlayerError):
    """The project's files are wrong or missing; `details` names file:line:column of each problem."""

    kind = "project"
    exit_code = Exit.CONFIG


class StoreError(IngestlayerError):
    """The store cannot be opened, read or written."""

    kind = "store"
    exit_code = Exit.CONFIG


class MachineError(IngestlayerError):
    """The machine refused something: memory, a thread, a file."""

    kind = "machine"
    exit_code = Exit.CONFIG


class RejectedError(IngestlayerError):
    """The event was not accepted.

    `kind` is one of json, size, type, undeclared, schema, key, timestamp, conflict.
    """

    exit_code = Exit.REJECTED

    def __init__(self, kind: str, message: str, hint: str = "", details: Iterable[Problem] = ()) -> None:
        super().__init__(message, hint, details)
        self.kind = kind
        self.text = ""  # what came, when it could not be read


def in_words(error: Exception) -> IngestlayerError:
    """Return any error as one of the family: one that nobody foresaw is the machine's, or a defect of ours."""
    if isinstance(error, IngestlayerError):
        return error
    if isinstance(error, MemoryError):
        return MachineError("there is not enough memory", "free some, or raise the limit of this process")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if isinstance(error.filename, str) else ""
        return MachineError(f"{where}{error.strerror}")
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return MachineError("no thread can be started", "raise the limit of processes: `ulimit -u`")
    if isinstance(error, ImportError):
        return MachineError(f"a part of the program cannot be loaded: {error}", "free some memory, or install it again")
    return IngestlayerError(f"a defect of ours: {type(error).__name__}: {error}", "run it with --debug, and tell us")


def cause(error: object) -> str:
    """Say why a connection failed, in the system's words: `Connection refused`."""
    if not isinstance(error, OSError):
        return f"{type(error).__name__}: {error}"
    said = getattr(error, "verify_message", "") or error.strerror or f"{error}"  # of a certificate, of the system
    return said or type(error).__name__


def as_written(value: object, most: int = 60) -> str:
    """Return a value as a file has it, TOML or JSON, and not as Python writes it; what is long is cut."""
    if isinstance(value, str):
        import json

        text = json.dumps(value, ensure_ascii=not value.isprintable())
    elif isinstance(value, bool) or value is None:
        text = {True: "true", False: "false", None: "null"}[value]
    elif isinstance(value, dict):
        text = "{ " + ", ".join(f"{name} = {as_written(inner)}" for name, inner in value.items()) + " }"
    elif isinstance(value, list | tuple):
        text = f"[{', '.join(map(as_written, value))}]"
    elif hasattr(value, "isoformat"):
        text = value.isoformat().replace("+00:00", "Z")
    else:
        text = str(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def count_of(number: int, one: str, many: str = "") -> str:
    """Return `1 event`, `2 events`; `many` where the plural is another than with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean "x"?)` for the closest of `known`, or nothing when none is close."""
    from difflib import SequenceMatcher, get_close_matches

    close = get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not close:
        return ""
    # Of those that are as close, the one that begins so: few mistype the first letter.
    near = max(close, key=lambda it: (SequenceMatcher(None, it, word).ratio(), it[:1] == word[:1]))
    return f' (did you mean "{near}"?)'
