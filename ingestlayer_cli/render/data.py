"""A body that is data, not a message, drawn in a terminal: its JSON, indented."""

import json

from rich.panel import Panel
from rich.style import Style
from rich.text import Text

from ..system.errors import count_of
from ..system.terminal import WIDTH, clean
from ..system.typed import Body

LONGEST = 400  # characters of a line
MOST = 100  # lines


def lines(body: object) -> list[str]:
    """Return the JSON of a body, line by line."""
    return json.dumps(body, indent=2, ensure_ascii=False).split("\n")


def document(body: Body, kind: str, target: str) -> Panel:
    """The body that a kind of destination gets at `target`; what is very long is cut visibly."""
    written = lines(body)
    shown = [line if len(line) <= LONGEST else line[: LONGEST - 1] + "…" for line in written[:MOST]]
    if len(written) > MOST:
        shown.append(f"… {count_of(len(written) - MOST, 'more line')}: --json has them")
    title = Text(" ".join(clean(f"{kind} {target}").split()), Style(bold=True, dim=False))
    inside = Text("\n".join(" ".join(clean(line).split("\n")) for line in shown), overflow="fold")
    return Panel(inside, title=title, title_align="left", border_style=Style(dim=True), padding=(0, 1), width=WIDTH)
