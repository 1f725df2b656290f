"""Many troubles as few: nobody reads a hundred alerts that have one cause."""

import re

from ..system.errors import count_of
from .troubles.symptoms import Symptom

MANY = 5  # troubles of one kind that are told one by one
SEVERAL = "several"  # the subject of those that are told together
NAMED = 3  # of these
PEOPLE = "@"  # stands for all who get direct messages
STATUS = "ingestlayer status"
_URL = re.compile(r"(https?://[^/?#]*).*", re.DOTALL)


def area_of(target: str) -> str:
    """Return where a target is: of people, and of the paths of addresses, there may be as many as customers."""
    found = _URL.fullmatch(target)
    return PEOPLE if target.startswith(PEOPLE) else found[1] if found else target


def by_place(found: list[Symptom]) -> dict[str, Symptom]:
    """Return troubles by kind and place; those of one place are one."""
    places: dict[str, list[Symptom]] = {}
    for trouble in found:
        places.setdefault(f"{trouble.kind}:{area_of(trouble.subject)}", []).append(trouble)
    return {
        name: troubles[0] if len(troubles) == 1 else _together(troubles, area_of(troubles[0].subject))
        for name, troubles in places.items()
    }


def few(found: dict[str, Symptom], told: set[str]) -> dict[str, Symptom]:
    """Return troubles with those of a kind together where too many of them are new; `told` are those that are open.

    Where some are told together already, what comes is told with them.
    """
    kept = dict(found)
    for kind in {trouble.kind for trouble in found.values()}:
        others = f"{kind}:{SEVERAL}"
        rest = [name for name, trouble in found.items() if trouble.kind == kind and name not in told]
        grave = [name for name in rest if found[name].mark == "problem"]
        together = rest if others in told else grave if len(grave) > MANY else []
        if together:
            kept[others] = _together([kept.pop(name) for name in together], SEVERAL)
    return kept


def _together(troubles: list[Symptom], subject: str) -> Symptom:
    words = "; ".join(trouble.words for trouble in troubles[:NAMED])
    more = len(troubles) - NAMED
    gravest = min(troubles, key=lambda trouble: trouble.mark != "problem")
    times = [trouble.since for trouble in troubles if trouble.since is not None]
    return gravest._replace(
        subject=subject,
        words=f"{count_of(len(troubles), 'trouble')}: {words}" + (f"; and {more:,} more" if more > 0 else ""),
        since=min(times) if times else None,
        hint=STATUS,
        command=STATUS,
    )
