"""The gallery shows what the recipes post today; `python -m tests.gallery` draws it anew."""

import xml.etree.ElementTree as xml

import pytest

from ingestlayer_cli import recipes
from tests import gallery


@pytest.mark.parametrize("name", recipes.names())
def test_the_picture_of_a_recipe_is_what_preview_draws(name: str) -> None:
    assert (gallery.FOLDER / f"{name}.svg").read_text(encoding="utf-8") == gallery.picture(name)


def test_the_gallery_has_every_recipe_and_nothing_else() -> None:
    assert sorted(path.stem for path in gallery.FOLDER.glob("*.svg")) == recipes.names()
    assert gallery.PAGE.read_text(encoding="utf-8").endswith(f"\n\n{gallery.markdown()}")


@pytest.mark.parametrize("name", recipes.names())
def test_a_picture_stands_alone(name: str) -> None:
    text = (gallery.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert xml.fromstring(text).tag.endswith("svg")
    assert "@import" not in text
    assert "<script" not in text
    assert "<image" not in text
