"""`init`: a small working project to start from."""

from typing import Annotated

import typer

from .options import Json

TRY = "ingestlayer emit usage.limit_reached --customer acme --metric api-calls --limit 10000 --used 10250 --plan pro"


def init(
    directory: Annotated[str, typer.Argument(metavar="[DIR]", help="Where; the working directory unless given.")] = ".",
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="What to start from.")] = "usage-limit-hits",
    json: Json = False,
) -> int:
    """Write a small, commented, working project. Files that are there stay as they are."""
    from ..console import note, say, say_json
    from ..project.jsonschema import refresh
    from ..recipes import write

    created, kept = write(recipe, directory)
    refresh(directory)
    if json:
        say_json({"directory": directory, "recipe": recipe, "created": created, "kept": kept})
        return 0
    for name in created:
        say(f"created {name}", "green")
    for name in kept:
        say(f"kept    {name} (it was there)", "dim")
    note("")
    note("next:")
    if directory != ".":
        note(f"  cd {directory}")
    note("  ingestlayer preview usage.limit_reached")
    note(f"  {TRY}")
    return 0
