"""The gallery: a page with a picture of every recipe's preview. `python -m tests.gallery` draws it anew."""

import re
import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from ingestlayer_cli import main, recipes

FOLDER = Path(__file__).parents[1] / "examples" / "gallery"
PAGE = FOLDER / "README.md"
AT = "2026-11-03T09:30:00Z"


def picture(name: str) -> str:
    """Return the SVG that `ingestlayer preview` draws of a recipe's example, with fixed ids."""
    with tempfile.TemporaryDirectory(prefix="ingestlayer-") as folder:
        recipes.write(name, folder)
        path = Path(folder) / "preview.svg"
        event = recipes.about(name).event
        with redirect_stderr(StringIO()) as told:
            code = main.run(["-C", folder, "preview", event, "--timestamp", AT, "--svg", str(path)])
        if code:
            raise SystemExit(told.getvalue())
        drawn = path.read_text(encoding="utf-8")
    return re.sub(r"\b(evt|dlv)_[0-9A-Z]{26}", r"\1_01KAPTE000MEXAMPLE00000000", drawn)


def markdown() -> str:
    """Return the table of the page: a title, a line and a picture a recipe."""
    parts = ["| recipe | what it tells |", "|---|---|"]
    for recipe in map(recipes.about, recipes.names()):
        image = f'<img src="{recipe.name}.svg" width="420" alt="{recipe.title}">'
        parts.append(f"| **{recipe.title}**<br>`{recipe.name}` | {recipe.summary}<br>{image} |")
    return "\n".join(parts) + "\n"


def draw() -> None:
    """Write the pictures and the page's table, and remove pictures of recipes that are no more."""
    FOLDER.mkdir(exist_ok=True)
    wanted = {FOLDER / f"{name}.svg": name for name in recipes.names()}
    for path in FOLDER.glob("*.svg"):
        if path not in wanted:
            path.unlink()
    for path, name in wanted.items():
        path.write_text(picture(name), encoding="utf-8")
    before, _, _ = PAGE.read_text(encoding="utf-8").partition("| recipe |")
    PAGE.write_text(before + markdown(), encoding="utf-8")


if __name__ == "__main__":
    draw()
