"""The `status` line of a pipeline's file, edited where it stands."""

import re
from collections.abc import Iterator

from ..system.errors import ProjectError
from ..system.typed import TomlTable
from .edit import BOM, parsed, read, replace, replaced, told
from .positions import Positions

_HEADER = re.compile(r"[ \t]*\[")
_COMMENT = re.compile(r"[ \t]*#")


def write(path: str, name: str, status: str) -> bool:
    """Set the status of a pipeline's file, nothing else of it; say whether it had another one."""
    text, data = read(path, name)
    if data.get("status", "active") == status:
        return False
    bom = BOM if text.startswith(BOM) else ""
    wanted = told({**data, "status": status})
    for edited in _edits(text.removeprefix(BOM), status, data):
        if told(parsed([edited])) == wanted:
            replace(path, name, bom + edited)
            return True
    raise ProjectError(f"{name}: its status cannot be edited", f'write status = "{status}" above its first table')


def _edits(text: str, status: str, data: TomlTable) -> Iterator[str]:
    """Yield candidates, the best place first."""
    positions = Positions(text)
    if "status" in data:
        yield replaced(text, positions.place(("status",), 0), status)
        return
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    for number in _places(lines, positions.place(("match",))[0] if "match" in data else None):
        before, after = "".join(lines[:number]), "".join(lines[number:])
        if before and not before.endswith("\n"):
            yield f'{before}{newline}status = "{status}"'
        else:
            yield f'{before}status = "{status}"{newline}{after}'


def _places(lines: list[str], match: int | None) -> Iterator[int]:
    """Yield after how many lines the status may go: after `match`, which stands on that line, else above all tables."""
    headers = (
        number for number, line in enumerate(lines) if _HEADER.match(line) and parsed(lines[:number]) is not None
    )
    above = header = next(headers, len(lines))
    # Comments right above the table belong to it.
    while above and _COMMENT.match(lines[above - 1]):
        above -= 1
    while above and not lines[above - 1].strip():
        above -= 1
    if match is not None:
        yield from range(match, above)  # inside a value of several lines a place is no good
    yield from (above, header)  # what looks like a comment may be the end of such a value
