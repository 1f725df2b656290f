"""Texts that are written in another language than ours, and would be shown as they are: `{{ used }}`, `**bold**`."""

import re
from collections.abc import Iterator

from ...language.expressions import ROOTS
from ...model import families
from ...system.typed import TomlTable
from ..facts import Facts
from ..findings import Finding, finding
from ..positions import Path

# A ref in the braces of other templates, with a filter or without.
_BRACES = re.compile(
    r"\{\{\s*\$?([A-Za-z_][\w.]*)(\s*\|[^{}\n]*)?\s*\}\}"
    rf"|(?<![${{]){{\s*\$?((?:{'|'.join(ROOTS)})\.[\w.]+)\s*}}(?!}})"
)


def of_pipeline(facts: Facts, pipeline: TomlTable) -> Iterator[Finding]:
    """Yield what is foreign in the texts of a pipeline that is otherwise sound."""
    source = facts.sources[f"pipelines/{pipeline['name']}.toml"]
    data = source.data or {}
    for path, text in _texts({name: data.get(name) for name in ("steps", "destinations")}):
        for offset, words in (*_of_braces(text), *_of_member(data, path, text)):
            yield finding(source.place(path, offset), words, "warning")


def of_declaration(facts: Facts, declaration: TomlTable) -> Iterator[Finding]:
    """Yield the same of the key of a declaration."""
    source = facts.sources[declaration["file"]]
    at: Path = ("idempotency", "key")
    for offset, words in _of_braces(source.value_at(at)):
        yield finding(source.place(at, offset), words, "warning")


def _texts(data: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict | list):
        for name, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _texts(value, (*path, name))


def _of_braces(text: str) -> Iterator[tuple[int, str]]:
    for found in _BRACES.finditer(text):
        ref, filters = found[1] or found[3], (found[2] or "").rstrip()
        ref = ref if ref.partition(".")[0] in (*ROOTS, *families.own_roots()) else f"event.{ref}"
        yield found.start(), f"{found[0]} is no value here, and stands as it is: write ${{{ref}{filters}}}"


def _of_member(data: TomlTable, path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Ask a destination what would be strange of its own texts."""
    if path[0] == "destinations" and len(path) > 2:
        yield from families.member("destinations", data["destinations"][path[1]]["use"]).strange(path[2:], text)
