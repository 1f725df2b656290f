"""How messages are gathered into one: the table of a destination."""

from typing import Any

from ...language.conditions import Value
from ...language.templates import Template
from ...model.families import JsonFile, Section, TimeOfDay, Window, WrongKeyError

_HOW = 'a digest is of a `window` ("15m" from the first message on, or "run"), or goes `at` a time of day, "09:00"'


class Digest(Section):
    """Gathers the messages of one target and key: for a `window` from the first on, of one run, or until `at`."""

    window: Window | None = None
    at: TimeOfDay | None = None
    key: Template | None = None
    at_least: int = 2
    at_most: int = 50
    line: Template | None = None
    order: Value | None = None
    title: Template | None = None
    text: Template | None = None
    blocks: JsonFile | None = None

    @classmethod
    def compiled(cls, values: dict[str, Any]) -> dict[str, Any]:
        if ("window" in values) == ("at" in values):
            raise WrongKeyError(_HOW, *(["at"] if "at" in values else []))
        for name in ("at_least", "at_most"):
            if values.get(name, 1) < 1:
                raise WrongKeyError(f"`{name}` is 1 or more", name)
        if values.get("blocks") is not None:
            from .blocks_file import compiled

            try:
                values["blocks"] = compiled(values["blocks"])
            except ValueError as error:
                raise WrongKeyError(str(error), "blocks") from None
        return values
