"""`events list --refused`: what was not accepted."""

from ..system.console import note, say, say_json_line, while_read
from ..system.errors import UsageError
from . import open_beside
from .selection import Filters


def list_refused(word: str | None, filters: Filters, limit: int, json: bool) -> int:
    """List dead letters, the newest first: their type, source and reason."""
    from ..render.events import cut_end, moment, width

    if filters.said.keys() - {"type_", "source"}:
        raise UsageError("--refused goes with WORD, --type, --source and --limit alone", "what was refused has no more")
    with open_beside(keep=False) as runtime:
        store, now = runtime.stored, runtime.clock.now()
        found = store.refusals.about(word or "", limit + 1, filters.type_, filters.source) if store else []
    if json:
        for letter in while_read(found[:limit]):
            say_json_line(letter)
        return 0
    wide = width()
    for letter in found[:limit]:
        at = letter["at"] if wide is None else moment(_at(letter["at"]), now)
        line = f"{at}  {letter['kind']}  {letter['type'] or '-'}  from {letter['source']}  {letter['message']}"
        say(line if wide is None else cut_end(line, wide))
    if not found:
        say("nothing was refused")
    if len(found) > limit:
        note(f"the newest {limit:,}; --limit shows more")
    if any(letter["kind"] in ("project", "source") for letter in found):
        note("once it is mended or declared: ingestlayer replay --refused")
    return 0


def _at(text: str) -> int:
    from ..system.clock import parse_time

    return parse_time(text, 0)
