"""Whether the declarations take the events of `[sources.NAME]`."""

from ..language.templates import Part
from ..system.errors import near_miss
from .facts import Facts
from .find import FILE


def validate(facts: Facts) -> None:
    """Report the sources whose events no declaration would take."""
    for name, table in (facts.settings.sources if facts.settings else {}).items():
        type_ = _alone(table.type["$template"])
        if type_ is not None and type_ not in facts.declarations and not facts.undeclared_too:
            near = near_miss(type_, facts.declarations) or f": write events/{type_}.toml"
            facts.sources[FILE].report(("sources", name, "type"), f"{type_} is not declared{near}", 0)


def _alone(parts: list[Part]) -> str | None:
    """Return the text of a template that refers to nothing."""
    return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None
