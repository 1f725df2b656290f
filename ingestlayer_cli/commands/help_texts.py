"""Help texts are printed as they are written: Typer reads them as Rich's markup, with tags and emoji."""

import re
from typing import Any

# What Rich takes for a tag, with the backslashes before it (rich.markup.escape), and for the start of an emoji.
_TAG = re.compile(r"(\\*)(\[[a-z#/@][^[]*?\])")
_EMOJI = re.compile(r":(?=\S+:)")


def literal(text: str) -> str:
    """Return markup that shows a text as it is."""
    if "[" in text:
        text = _TAG.sub(r"\1\1\\\2", text)
    return _EMOJI.sub(":[i][/i]", text) if ":" in text else text


def make_literal(command: Any) -> Any:
    """Make the help texts of a command, its parameters and its subcommands literal; return it."""
    for name in ("help", "short_help", "epilog"):
        if text := getattr(command, name, None):
            setattr(command, name, literal(text))
    for parameter in command.params:
        if text := getattr(parameter, "help", None):
            parameter.help = literal(text)
    for inner in getattr(command, "commands", {}).values():
        make_literal(inner)
    return command
