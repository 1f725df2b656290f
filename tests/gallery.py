"""The gallery: a page with what every recipe posts. `python -m tests.gallery` draws it anew."""

import json
import re
import tempfile
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from rich.text import Text

from ingestlayer_cli import main, recipes
from ingestlayer_cli.render.message import message
from ingestlayer_cli.render.picture import svg

FOLDER = Path(__file__).parents[1] / "examples" / "gallery"
PAGE = FOLDER / "README.md"
AT = "2026-11-03T09:30:00Z"


def picture(name: str) -> str:
    """Return the SVG of what a recipe's example posts, as `ingestlayer preview` draws it, with fixed ids."""
    with tempfile.TemporaryDirectory(prefix="ingestlayer-") as folder:
        recipes.write(name, folder)
        event = recipes.about(name).event
        with redirect_stdout(StringIO()) as told:
            code = main.run(["-C", folder, "preview", event, "--timestamp", AT, "--json"])
        if code:
            raise SystemExit(told.getvalue())
    messages = [row for run in json.loads(told.getvalue())["runs"] for row in run["messages"]]
    cards = [message(row["destination"], row["target"], row["body"], AT[11:16]) for row in messages]
    drawn = svg([part for card in cards for part in (card, Text())][:-1], f"ingestlayer preview {event}")
    return re.sub(r"\b(evt|dlv)_[0-9A-Z]{26}", r"\1_01KAPTE000MEXAMPLE00000000", drawn)


def markdown() -> str:
    """Return the page below its first words: a list of all recipes, then each with what it posts."""
    told = [recipes.about(name) for name in recipes.names()]
    lines = [f"- [{it.title}](#{it.title.lower().replace(' ', '-')}): {it.summary}" for it in told]
    for it in told:
        image = f'<img src="{it.name}.svg" width="640" alt="What {it.name} posts">'
        lines += ["", f"## {it.title}", "", f"{it.summary}: `ingestlayer init --recipe {it.name}`", "", image]
    return "\n".join(lines) + "\n"


def draw() -> None:
    """Write the pictures and the page, and remove pictures of recipes that are no more."""
    FOLDER.mkdir(exist_ok=True)
    wanted = {FOLDER / f"{name}.svg": name for name in recipes.names()}
    for path in FOLDER.glob("*.svg"):
        if path not in wanted:
            path.unlink()
    for path, name in wanted.items():
        path.write_text(picture(name), encoding="utf-8")
    before, _, _ = PAGE.read_text(encoding="utf-8").partition("- [")
    PAGE.write_text(before + markdown(), encoding="utf-8")


if __name__ == "__main__":
    draw()
