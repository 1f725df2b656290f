"""The reference of everything that a user writes or reads, made of what the program knows itself: `explain`.

Keys are told by the models that check them, members by their docstrings, errors by their classes. Loaded for
`explain` alone.
"""

import re

from . import keys, language, outcomes, own, pages, variables, words
from .topics import Topic as Topic

_OWN = ("NAME", "KIND")  # stand for a name of the user's own


def every() -> list[Topic]:
    """Return all topics; those that belong together stand together."""
    rooms = (keys, language, outcomes, own, variables, words, pages)
    return [topic for room in rooms for topic in room.topics()]


def named(topics: list[Topic], asked: str) -> list[Topic]:
    """Return the topics of a name, or whose name ends with it, the nearest first.

    A name of the user's own stands for NAME and KIND: `checks.quota.levels`, `pipelines/limits.toml`.
    """
    wanted, end = _parts(asked), asked.casefold()
    found: list[tuple[int, bool, int, int, Topic]] = []
    for topic in topics:
        parts = _parts(topic.name)
        if (rank := _rank(topic, parts, wanted, asked)) is not None:
            found.append((rank, not topic.name.casefold().endswith(end), len(parts), len(found), topic))
    return [topic for *_, topic in sorted(found)]


def matching(topics: list[Topic], asked: str) -> list[Topic]:
    """Return the topics that have every word of a question, in their names or their texts."""
    wanted = asked.casefold().split()
    return [it for it in topics if all(word in f"{it.name} {it.title} {it.text}".casefold() for word in wanted)]


def _rank(topic: Topic, parts: list[str], wanted: list[str], asked: str) -> int | None:
    """Return how near a topic is to what is asked for, 0 at best; None when it is another."""
    if topic.name.casefold() == asked.casefold():
        return 0
    if topic.kind == "file" and re.fullmatch(re.sub("NAME|TYPE", ".+", topic.name), asked):
        return 0
    under = parts[:-1] if parts[-1] in _OWN else parts
    if wanted and any(_fit(whole, wanted, _OWN) for whole in (parts, under)):
        return 1
    return 2 if wanted and _fit(parts[-len(wanted) :], wanted) else None


def _fit(parts: list[str], wanted: list[str], any_of: tuple[str, ...] = ()) -> bool:
    pairs = zip(parts, wanted, strict=False)
    return len(parts) == len(wanted) and all(a in any_of or a.casefold() == b.casefold() for a, b in pairs)


def _parts(name: str) -> list[str]:
    """Return the parts of `checks.NAME.levels`, `[checks.quota] levels` or `$event.used`."""
    if name.startswith("$"):
        return [name.partition(".")[0]]
    return re.findall(r"[^\s.\[\]]+", name)
