"""One stored event by its name, as people write it."""

import re
from typing import TYPE_CHECKING

from ..system.errors import Problem, UsageError, near_miss

if TYPE_CHECKING:
    from ..store.contract.protocols import Store
    from ..store.contract.reading import Stored


def named(store: "Store | None", word: str) -> "Stored":
    """Return the event that a word means: `@last`, `@-2`, its id or the start of it; UsageError otherwise."""
    hint = "`ingestlayer events list` shows the latest"
    if word.startswith("@"):
        back = 1 if word == "@last" else int(word[2:]) if re.fullmatch(r"@-[1-9]\d{0,8}", word, re.ASCII) else 0
        if not back:
            near = near_miss(word, ["@last"])
            raise UsageError(f"{word} names no event{near}", "@last is the one accepted last, @-2 the one before it")
        last = store.history.back(back - 1) if store else None
        if last is None:
            words = "the store is empty" if back == 1 else f"the store has fewer than {back:,}"
            raise UsageError(f"there is no event {word}: {words}", hint)
        return last
    if not word:
        raise UsageError("an empty text is no event's id", hint)
    found = store.history.starting(word, 4) if store else []
    if len(found) == 1 or (found and found[0].event.id == word):
        return found[0]
    if found:
        known = [Problem("", f"{item.event.id}  {item.event.type}") for item in found[:3]]
        more = [Problem("", "…")] if len(found) > 3 else []
        raise UsageError(f"{word} is the start of several events' ids", "write more of it", known + more)
    raise UsageError(f"there is no event {word} in the store", hint)
