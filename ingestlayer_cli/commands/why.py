"""`why`: why an event, or a delivery, went or did not go where."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import open_beside
from .grouped import grouped
from .options import MOST, Json
from .selection import Filters, selection

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..operations.several import Story
    from ..store.contract.protocols import Store


@grouped
def why(
    word: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="An event's or a delivery's id, or the start of it; @last, @-2; an idempotency key; or a customer,"
            " a name, any text: all that is about it.",
        ),
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Look among what was refused alone.")] = False,
    *,
    filters: Filters,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=MOST, help="Of somebody, so much at most.")] = 10,
    json: Json = False,
) -> int:
    """Tell why an event went, or did not go, where: all that is stored of it. With options: the last that fits.

    Of a customer: what was accepted, what was refused, and what the checks know, the newest first.
    """
    from functools import partial

    from ..operations import why as stories
    from ..operations.foretelling import senders
    from ..operations.several import story_of
    from ..render.why import story
    from ..system.console import say, say_json
    from ..system.errors import UsageError

    options = filters.said
    example = "ingestlayer why @last, or ingestlayer why --where '$event.used > 100'"
    if word is not None and options:
        raise UsageError("name an event by its id or by options, not by both", example)
    if word is None and not options and not refused:
        raise UsageError("why what? Name an event, a delivery or a key", example)
    if refused and options.keys() - {"type_"}:
        raise UsageError("beside --refused there is --type alone", "ingestlayer why --refused --type TYPE")
    with open_beside(keep=False) as runtime:
        store, project, now = runtime.stored, runtime.project, runtime.clock.now()
        if store is None:
            raise UsageError("nothing is stored yet", "ingestlayer emit stores the first event, or ingestlayer check")
        foretell = partial(senders, runtime, store)
        if refused:
            refusal = stories.refused(store, word, filters.type_)
            if refusal is None:
                raise UsageError("nothing like that was refused", "without --refused it looks among the events, too")
            told: Story = refusal
        elif word is not None:
            named = stories.find(store, word)
            if named is not None:
                told = stories.tell(store, project, named[0], now, named[1], foretell)
            else:
                told = story_of(runtime, store, word, foretell, limit)
        else:
            told = stories.tell(store, project, _last(runtime, store, options), now, None, foretell)
    if json:
        say_json(told)
    else:
        for line, style in story(told.told):
            say(line, style)
    return 0


def _last(runtime: "Runtime", store: "Store", options: dict[str, str]) -> Any:
    """Return the newest event that fits."""
    from ..system.console import Progress
    from ..system.errors import UsageError

    progress = Progress("event looked at", many="events looked at")
    found = list(store.history.select(selection(runtime, **options), limit=1, looked=progress.at))
    progress.end()
    if not found:
        raise UsageError("no stored event fits", "`ingestlayer events list` with the same options shows what does")
    return found[0]
