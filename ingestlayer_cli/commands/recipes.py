"""`recipes`: what there is to start from."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json

if TYPE_CHECKING:
    from ..model.documents.events import PreviewDocument
    from ..model.documents.projects import RecipePreviewDocument, RecipesDocument
    from ..recipes import Recipe


def recipes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one.")] = None, json: Json = False
) -> int:
    """List the recipes, or show one: what it is for, its files, and its message as it will look."""
    from .. import recipes as library
    from ..system.console import note, say, say_json

    if name is not None:
        return _show(name, json)
    found = [library.about(each) for each in library.names()]
    if json:
        document: RecipesDocument = {"recipes": [recipe.document() for recipe in found]}
        say_json(document)
        return 0
    width = max(len(recipe.name) for recipe in found)
    for recipe in found:
        say(f"{recipe.name:{width}}  {recipe.summary}")
    note("")
    note("to see one: ingestlayer recipes NAME; to start from it: ingestlayer init --recipe NAME")
    return 0


def _show(name: str, json: bool) -> int:
    from .. import recipes as library
    from ..system.console import note, say, say_json

    recipe = library.about(name)
    preview = _preview(recipe)
    if json:
        document: RecipePreviewDocument = {**recipe.document(), "preview": preview}
        say_json(document)
        return 0
    import textwrap
    from shutil import get_terminal_size

    from ..render.preview import preview as drawn
    from ..render.screen import screen

    say(recipe.title, "bold")
    for line in textwrap.wrap(recipe.description, get_terminal_size().columns):
        say(line)
    say("")
    for file in recipe.document()["files"]:
        say(f"  {file}")
    say("")
    screen().print(*drawn(preview), sep="\n")
    say("")
    note(f"to start from it:     ingestlayer init --recipe {name}")
    note(f"in a project:         ingestlayer init --recipe {name} --add")
    note(f"then, to see it work: ingestlayer emit --batch {recipe.sample}")
    return 0


def _preview(recipe: "Recipe") -> "PreviewDocument":
    """Return the preview of a recipe's example, made in a folder of its own."""
    import tempfile

    from .. import recipes as library
    from ..engine import flow
    from ..engine.runtime import Runtime
    from ..model.gate import Raw
    from ..project import load

    with tempfile.TemporaryDirectory(prefix="ingestlayer-") as folder:
        library.write(recipe.name, folder)
        with Runtime(load(folder, keep=False), keep=False) as runtime:
            declaration = runtime.project.declaration(recipe.event)
            example = (declaration.example if declaration else None) or {}
            found, _ = flow.preview(runtime, Raw(recipe.event, example, None, None, "cli"))
    return found.told
