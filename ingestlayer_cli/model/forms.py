"""What a text of a project's files is to be like, told without the library that checks it."""

from collections.abc import Callable
from typing import Any

from ..system.typed import TomlTable


class Form:
    """A text of one form; editors are told its pattern. `words` say what it is: "an http or https address"."""

    def __init__(self, pattern: str, words: str) -> None:
        self.pattern = pattern
        self.words = words


class Rule:
    """What else a value is to be. `check` raises ValueError, and is told the keys before it in its table, too."""

    def __init__(self, check: Callable[[Any, TomlTable], None]) -> None:
        self.check = check


NAME = Form(r"[A-Za-z][\w-]*", "a name of letters, digits, _ and -")
