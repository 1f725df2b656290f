"""The pages that the package brings along, and their sections: how it is done, beside what each word means."""

import re
from collections.abc import Iterator
from pathlib import Path

from .topics import Topic

FOLDER = Path(__file__).parents[1] / "docs"


def topics() -> Iterator[Topic]:
    """Yield each page and its sections; a section is named as a link to it is."""
    for path in sorted(FOLDER.glob("*.md")):
        name = f"docs/{path.stem}"
        head, *parts = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        sections = [_section(name, part) for part in parts]
        title, _, text = head.removeprefix("# ").partition("\n")
        yield Topic(name, "page", title, text.strip(), keys=tuple(section.name for section in sections))
        yield from sections


def _section(page: str, part: str) -> Topic:
    title, _, text = part.partition("\n")
    anchor = re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
    return Topic(f"{page}#{anchor}", "section", title, text.strip())
