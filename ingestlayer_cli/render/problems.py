"""Findings as people read them: the message, the line of the file, and a caret under the place."""

import os
import re
from collections.abc import Iterator

from rich.cells import cell_len

from ..model.redaction import without_secrets
from ..project.findings import Finding

MARGIN = "  "
_LONGEST = 10_000  # characters of a line around the place that are looked at
# A line in which a secret may stand, whatever else is wrong with it: it is not shown.
_TELLING = re.compile(
    r"(auth|authorization|headers|secret|token|password|passwd|cookie|credentials?|api[-_]?key|salt|webhook|webhook_url|bot)"
    r"[\"']?\s*=|//[^/?#]*@",
    re.IGNORECASE,
)


def draw(findings: list[Finding], root: str, width: int, before: str = "") -> Iterator[tuple[Finding, list[str]]]:
    """Yield each finding with its lines; the source lines fit into `width` columns.

    `before` is what a path in the project begins with, for whoever reads.
    """
    sources = _source_lines(findings, root)
    for found in findings:
        message = f"{before}{found.path}: {found.problem}"
        source = sources.get((found.file, found.line))
        yield found, [message, *(_pointed(source, found, width) if source is not None else ())]


def workflow_command(found: Finding, path: str) -> str:
    """Return a finding as a line by which GitHub's workflows mark the place, `path` from the top of the repository."""
    place = f",line={found.line},col={found.column}" if found.line else ""
    told = f"{path}{found.path.removeprefix(found.file)}: {found.problem}"
    return f"::{found.severity} file={_escaped(path, ':,')}{place}::{_escaped(told)}"


def _escaped(text: str, more: str = "") -> str:
    """Return a text without what ends a workflow command, or a property of it."""
    for char in f"%\r\n{more}":
        text = text.replace(char, f"%{ord(char):02X}")
    return text


def _source_lines(findings: list[Finding], root: str) -> dict[tuple[str, int], str]:
    """Read the lines that are pointed at, each file once."""
    wanted: dict[str, set[int]] = {}
    for found in findings:
        if found.line:
            wanted.setdefault(found.file, set()).add(found.line)
    lines: dict[tuple[str, int], str] = {}
    for name, numbers in wanted.items():
        last = max(numbers)
        if not os.path.isfile(os.path.join(root, name)):  # a pipe would be waited for
            continue
        try:
            with open(os.path.join(root, name), encoding="utf-8-sig", errors="replace", newline="\n") as file:
                for number, line in enumerate(file, 1):
                    if number in numbers:
                        lines[name, number] = line.rstrip("\r\n")
                    if number >= last:
                        break
        except OSError:
            continue
    return lines


def _pointed(line: str, found: Finding, width: int) -> list[str]:
    if (
        not line.strip()
        or re.search("secret|password", found.problem)
        or _TELLING.search(line)
        or without_secrets(line) != line
    ):
        return []
    at = min(found.column - 1, len(line))
    far = max(at - _LONGEST, 0)
    line, at = _plain(line[far : at + _LONGEST]), at - far
    mark = "^ warning" if found.severity == "warning" else "^"
    room = max(width - len(MARGIN), 20)
    start, end = _window(line, at, room)
    before, after = "…" if start or far else "", "…" if end < len(line) else ""
    shown = before + line[start:end] + after
    indent = cell_len(before + line[start:at])
    return [MARGIN + shown.rstrip(), MARGIN + " " * indent + (mark if indent + len(mark) <= room else "^")]


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " if char == "\t" else "�" for char in text)


def _window(line: str, at: int, room: int) -> tuple[int, int]:
    """Return the part of a line around a place that is shown: a third of the room lies before the place."""
    if cell_len(line) <= room:
        return 0, len(line)
    start = at
    while start and cell_len(line[start - 1 : at]) <= (room // 3 if cell_len(line[:at]) > room * 2 // 3 else room):
        start -= 1
    end = start
    used = 2 if start else 1  # the ellipses
    while end < len(line) and used + cell_len(line[end]) <= room:
        used += cell_len(line[end])
        end += 1
    return start, end
