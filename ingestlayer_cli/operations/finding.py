"""Whom people mean: a word is a customer, the name of one, a part of a key, or a text."""

import re
from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from ..engine.runtime import Runtime
from ..store.contract.protocols import Store
from ..store.contract.reading import About, Selection
from ..system.errors import IngestlayerError, near_miss
from .entities.kinds import kinds
from .entities.many import listed
from .held import held_of

if TYPE_CHECKING:
    from ..model.documents.stories import MeantDocument, RefusalDocument

MOST = 10  # entities that a word may mean
LOOKED = 100  # refusals that are looked at
NEAR = 1_000  # events, and entities of a kind, among which one is looked for that is called like a word


class Meant(NamedTuple):
    """What a word means; `entities` are [{kind, key, from}] whose values have it, where nothing is called by it."""

    word: str
    about: About
    entities: "list[MeantDocument]"

    def note(self) -> str:
        """Say what was understood; nothing where that is the word itself."""
        found = [f"{it['kind']} {it['key']} ({', '.join(it['from'])})" for it in self.entities]
        return f"{self.word} is {', '.join(found)}" if found else ""


def meant(runtime: Runtime, store: Store, word: str) -> Meant:
    """Return what a word means: a value or a part of a key, else the entities that have it, else a text."""
    itself = About((word,))
    if is_known(runtime, store, itself):
        return Meant(word, itself, [])
    if entities := _entities(runtime, store, word):
        texts = {text.lower(): text for text in (word, *(it["key"] for it in entities))}
        return Meant(word, About(tuple(texts.values())), entities)
    return Meant(word, About((word,), whole=False), [])


def about(runtime: Runtime, store: Store | None, word: str | None, note: Callable[[str], None]) -> About | None:
    """Return what a list is to be about, and say how a word was understood; None without one."""
    if store is None or word is None:
        return None
    found = meant(runtime, store, word)
    if found.entities:
        note(found.note())
    return found.about


def is_known(runtime: Runtime, store: Store, about: About) -> bool:
    """Say whether anything stored is about it."""
    found = next(store.history.select(Selection(about=about), limit=1), None)
    return found is not None or bool(refusals(store, about, 1)) or bool(held_of(runtime.project, store, about))


def near(runtime: Runtime, store: Store, word: str) -> str:
    """Return ` (did you mean "x"?)` for what is called like a word that nothing is; or nothing."""
    known = {key for kind in kinds(runtime.project, store) for key in _keys(runtime, store, kind)}
    for item in store.history.select(Selection(), limit=NEAR):
        texts = (item.event.key, *item.event.payload.values())
        known |= {text for text in texts if isinstance(text, str)}
    return near_miss(word, known)


def _keys(runtime: Runtime, store: Store, kind: str) -> list[str]:
    try:
        return [row["id"] for row in islice(listed(runtime, store, kind), NEAR)]
    except IngestlayerError:
        return []  # its file cannot be read


def refusals(store: Store, about: About, most: int) -> "list[RefusalDocument]":
    """Return what was refused and is about it, the newest first."""
    found = [row for text in about.texts for row in store.refusals.about(text, LOOKED)]
    if about.whole:
        patterns = [re.compile(rf"(?<![\w-]){re.escape(text)}(?![\w-])", re.IGNORECASE) for text in about.texts]
        found = [row for row in found if any(word.search(f"{row['raw']} {row['message']}") for word in patterns)]
    return sorted(found, key=lambda row: str(row["at"]), reverse=True)[:most]


def _entities(runtime: Runtime, store: Store, word: str) -> "list[MeantDocument]":
    found: list[MeantDocument] = []
    for kind in kinds(runtime.project, store):
        try:
            rows = islice(listed(runtime, store, kind, word), MOST)
            found += [{"kind": kind, "key": row["id"], "from": row["from"]} for row in rows]
        except IngestlayerError:
            continue  # its file cannot be read
    return found
