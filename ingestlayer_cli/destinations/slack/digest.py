"""How messages are gathered into one: the table of a destination."""

from __future__ import annotations

from ...language.conditions import Value
from ...language.templates import Template
from ...model.families import JsonFile, Section, TimeOfDay, Window, WrongKeyError
from ...system.typed import Annotated, TomlTable

_HOW = 'a digest is of a `window` ("15m" from the first message on, or "run"), or goes `at` a time of day, "09:00"'


class Digest(Section):
    """Gathers the messages of one target and key: for a `window` from the first on, of one run, or until `at`.

    What becomes of the message that says them all becomes of each of them.

        [destinations.digest]
        window = "15m"
        key = "$event.plan"
        line = "$entity.customer.name is at ${event.used / event.limit | percent}"
        order = "$event.used / $event.limit"
        at_least = 2
        at_most = 50
        title = "$digest.count customers are near a limit"
        text = "Most are of one plan."

        [destinations.digest]
        at = "09:00"
        blocks = "blocks/digest.json"
    """

    window: Annotated[Window | None, "How long messages are gathered from the first on."] = None
    at: Annotated[TimeOfDay | None, "The time of day at which they go, in place of `window`."] = None
    key: Annotated[Template | None, "What the messages of one digest have in common beside their target."] = None
    at_least: Annotated[int, "How many there must be; fewer go as they would without."] = 2
    at_most: Annotated[int, "How many are said, one a line; of the others their number."] = 50
    line: Annotated[Template | None, "What it says of each; without it the title of its message."] = None
    order: Annotated[Value | None, "What the lines are sorted by, the highest first."] = None
    title: Annotated[Template | None, "Its headline."] = None
    text: Annotated[Template | None, "What it says above the lines."] = None
    blocks: Annotated[JsonFile | None, "A file of Block Kit blocks, in place of all others."] = None

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
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
