"""How a file is written, said on a command line: what stands between the braces of `format = { … }`."""

from ..system.errors import Problem, UsageError
from ..system.typed import TomlTable
from .entity_table import FormatTable
from .source import SourceFile


class _Said(SourceFile):
    """What was said, as a file of its own."""

    def __init__(self, text: str, problems: list[Problem]) -> None:
        self._said = f"format = {{ {text.strip().removeprefix('{').removesuffix('}')} }}".encode()
        super().__init__("", "", problems)

    def read(self) -> bytes:
        return self._said


def read_format(text: str) -> TomlTable:
    """Return the settings that were said; UsageError names what is wrong with them, and the near miss."""
    problems: list[Problem] = []
    said = _Said(text, problems)
    checked = said.check(FormatTable, said.data["format"], ("format",)) if said.data else None
    if checked is None:
        hint = """as in ingestlayer.toml: 'delimiter = ";", thousands = ","'"""
        raise UsageError(f"--format {text} is no format: {problems[0].problem}", hint)
    found: TomlTable = checked.given()
    return found
