"""What a pipeline uses of entities: the names that its expressions and templates have refs to."""

from ..language.expressions import refs
from ..language.templates import template_refs
from ..model import families
from ..system.typed import TomlTable


def uses(compiled: TomlTable) -> dict[str, list[str] | None]:
    """Return the names by the kind of entity; None stands for all of them: it is used as a whole."""
    found: dict[str, set[str] | None] = {}
    whole = False
    for _, language, parts in families.language(compiled):
        for root, *names in template_refs(parts) if language == "$template" else refs(parts):
            if root != "entity":
                continue
            whole = whole or not names
            if len(names) == 1:
                found[names[0]] = None
            elif names and (of := found.setdefault(names[0], set())) is not None:
                of.add(names[1])
    kinds = {data["kind"] for data in compiled["steps"] if isinstance(data, dict) and "kind" in data}
    return {kind: None if whole else _sorted(found.get(kind, set())) for kind in sorted({*found, *kinds})}


def _sorted(names: set[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)
