"""Whether the declarations take the events of `[checks.NAME]`."""

from ..model.events import OURS
from ..system.errors import near_miss
from .check_table import STALE, STALE_DECLARATION, STALE_FIELDS
from .facts import Facts
from .find import FILE


def declare(facts: Facts) -> None:
    """Add the declaration of `check.stale` to a project that has checks and none of its own."""
    if facts.settings is not None and facts.settings.checks:
        facts.declarations.setdefault(STALE, STALE_DECLARATION)


def validate(facts: Facts) -> None:
    """Report the checks whose events no declaration would take."""
    tables = facts.settings.checks if facts.settings else {}
    for name, table in tables.items():
        for key, type_ in (("emit", table.emit), ("cleared", table.cleared)):
            if type_ is not None and type_.startswith(OURS):
                facts.sources[FILE].report(("checks", name, key), f"{OURS}* are ingestlayer's own events", 0)
            elif type_ is not None and type_ not in facts.declarations and not facts.undeclared_too:
                near = near_miss(type_, facts.declarations) or f": write events/{type_}.toml"
                facts.sources[FILE].report(("checks", name, key), f"{type_} is not declared{near}", 0)
    own = facts.declarations.get(STALE, STALE_DECLARATION)
    if tables and own["file"]:
        for field, _, optional, *_ in own["fields"]:
            if not optional and field not in STALE_FIELDS:
                words = f"{STALE} has {', '.join(STALE_FIELDS)}: {field} must be optional"
                facts.sources[own["file"]].report(("fields", field), words)
