"""file: a line of JSON in a file of the project."""

from __future__ import annotations

import re

from ...language.expressions import Scope
from ...language.templates import Template
from ...model.families import WrongKeyError
from ...system.typed import TYPE_CHECKING, Annotated, Any, ClassVar, TomlTable
from ..base import Composing, Connection, Destination, Draw, Target, body
from .paths import problem_of, segment

if TYPE_CHECKING:
    from ...model.sending import Sender

_EXTENSIONS = ("ndjson", "jsonl", "json", "log", "txt")


class File(Destination):
    """Appends a line of JSON to a file: what a `transform` made, else `{id, type, received_at, payload}`.

    The path is below the project's folder. Values in it are one safe part of a name each: no event can write anywhere
    else. Lines are whole, also when several processes write at once, and on the disk before they count as delivered.

        [[destinations]]
        use = "file"
        path = "alerts/$event.metric.ndjson"
    """

    apart: ClassVar[bool] = True

    path: Annotated[Template, "The file, below the project's folder."]

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        parts = _ended(values["path"]["$template"])
        # A value is never empty, never dots alone, and has no slash in it.
        text = "".join(part if isinstance(part, str) else "x" for part in parts)
        if not text.strip() or text != text.strip() or text.endswith("/"):
            raise WrongKeyError("path: needs the name of a file", "path")
        if re.search(r"[\\\0-\x1f\x7f]", text):
            raise WrongKeyError("path: is written with / between folders, and without control characters", "path")
        if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text) or ".." in text.split("/"):
            raise WrongKeyError("path: is below the project's folder: neither absolute nor with .. in it", "path")
        if problem := problem_of("/".join(part for part in text.split("/") if part not in ("", "."))):
            raise WrongKeyError(f"path: {problem}", "path")
        return {**values, "path": {"$template": parts}}

    @classmethod
    def writes(cls, data: TomlTable) -> str | None:
        parts = data["path"]["$template"]
        return "".join(parts) if all(isinstance(part, str) for part in parts) else None

    def target(self, scope: Scope) -> Target:
        path = self.path.render(scope, segment)
        return Target("/".join(part for part in path.split("/") if part not in ("", ".")))

    def compose(self, composing: Composing) -> str:
        return body(composing)

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        """Return what appends to the files of a project."""
        from .sender import Files

        return Files(root)


def _ended(parts: list[Any]) -> list[Any]:
    """Return a template whose last ref ends where a file name's extension starts: `$event.type.ndjson`."""
    last = parts[-1] if parts else ""
    if isinstance(last, str) or last["node"][0] != "ref" or last["filters"]:
        return parts
    *path, name = last["node"][1]
    return [*parts[:-1], {**last, "node": ["ref", path]}, f".{name}"] if name in _EXTENSIONS and path[1:] else parts
