"""Events that wait for a project: none is lost while its files are broken, or lack what another service sends."""

from collections.abc import Callable, Iterable, Iterator

from ..model.events import encode
from ..model.gate import Line, Raw, read_payload
from ..project import Project
from ..store.contract.protocols import Store
from ..system.clock import format_time, parse_time
from ..system.errors import ProjectError, RejectedError, StoreError, count_of
from .accepting import LASTING, bury_line
from .batch import raw_event
from .runtime import Runtime

Refused = Callable[[Line, RejectedError], None]
RULE = "project"  # of what is kept while the files are broken
RULES = (RULE, LASTING)  # of what may be taken later
CHUNK = 500  # of what is kept, in a transaction


def kept(
    project: Project, chunks: Iterable[list[Line]], trouble: ProjectError, refused: Refused | None = None
) -> ProjectError:
    """Keep events as dead letters, whole; return the trouble with what became of them. `refused` is told of each."""
    count = 0
    try:
        with Runtime(project) as runtime:
            for chunk in chunks:
                _bury(runtime, chunk, trouble, refused)
                count += len(chunk)
    except StoreError as error:
        words = (
            f"{count_of(count, 'event is', 'events are')} kept as refused, the others are not"
            if count
            else "nothing is kept"
        )
        return ProjectError(trouble.message, f"{trouble.hint}; {words}: {error.message}", trouble.details)
    words = "the event is" if count == 1 else f"{count:,} events are"
    hint = f"{trouble.hint}; {words} kept as refused, and `ingestlayer replay --refused` takes what is kept"
    return ProjectError(trouble.message, hint if count else trouble.hint, trouble.details)


def _bury(runtime: Runtime, chunk: list[Line], trouble: ProjectError, refused: Refused | None) -> None:
    now = runtime.clock.now()
    first = f": {trouble.details[0].path}: {trouble.details[0].problem}" if trouble.details else ""
    why = RejectedError(RULE, f"{trouble.message}{first}", trouble.hint, trouble.details)
    with runtime.store.transaction() as transaction:
        for line in chunk:
            text = line.text.decode("utf-8", "backslashreplace") if line.raw is None else _whole(line.raw, now, line)
            error = line.error or why
            bury_line(transaction, line.raw or Raw("", None), text, error, now, line.number or None)
    for line in chunk:
        if refused is not None:
            refused(line, line.error or why)


def _whole(raw: Raw, now: int, line: Line) -> str:
    """Return an event as a line of a batch that can be taken later, with the time at which it came."""
    try:
        at = format_time(now if raw.timestamp is None else parse_time(raw.timestamp, now))
    except (TypeError, ValueError, OverflowError, AttributeError):
        at = str(raw.timestamp)  # it is refused for that, later
    try:
        return encode(raw._replace(timestamp=at).envelope())
    except (TypeError, ValueError, RecursionError):
        return line.text.decode("utf-8", "backslashreplace") or "it cannot be written as JSON"


def letters(store: Store, type_: str | None = None) -> Iterator[list[Line]]:
    """Yield what was kept, of each rule the oldest first, as lines of a batch; the number of one is its place."""
    for rule in RULES:
        after = 0
        while found := store.refusals.of_rule(rule, type_, after, CHUNK):
            after = found[-1][0]
            yield [_letter(rule == LASTING, *row) for row in found]


def _letter(is_lasting: bool, place: int, source: str, text: str) -> Line:
    data = text.encode("utf-8", "backslashreplace")
    try:
        return Line(place, raw_event(read_payload(data, "what came"), None, source), None, data, is_lasting)
    except RejectedError as error:
        return Line(place, None, error, data, is_lasting)
