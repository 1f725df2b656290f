"""`init`: a small working project to start from."""

from typing import Annotated

import typer

from ..recipes import STARTER
from .options import Json

TRY = "ingestlayer emit usage.limit_reached --customer acme --metric api-calls --limit 10000 --used 10250 --plan pro"


def init(
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where; the working directory unless given.")
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="What to start from.")] = STARTER,
    add: Annotated[bool, typer.Option("--add", help="Add the recipe to the project that is there.")] = False,
    json: Json = False,
) -> int:
    """Write a small, commented, working project. Files that are there stay as they are.

    `ingestlayer recipes` lists what there is to start from.
    """
    from ..project.find import find
    from ..project.jsonschema import refresh
    from ..recipes import write
    from ..system.console import say, say_json
    from . import settings

    # What is added goes to the project around here, as every other command means it.
    place = find(directory or settings.project) if add else directory or "."
    written = write(recipe, place)
    refresh(place)
    if json:
        say_json({"directory": place, "recipe": recipe, **written._asdict()})
        return 0
    for name in written.created:
        say(f"created {name}", "green")
    for name in written.changed:
        say(f"changed {name}: the entities that it lacked", "green")
    for name in written.kept:
        say(f"kept    {name} (it was there)", "dim")
    _say_next(recipe, place, fresh="ingestlayer.toml" in written.created)
    return 0


def _say_next(recipe: str, place: str, fresh: bool) -> None:
    """Say what to run now; first what does not fit, where files of the recipe met others."""
    import os

    from ..system.console import note

    count = 0 if fresh else _problems(place)
    if count:
        note("")
        words = "1 problem" if count == 1 else f"{count} problems"
        note(f"{words} in the project as it is now; to see them: ingestlayer validate", "yellow")
    note("")
    note("next:")
    if os.path.realpath(place) != os.path.realpath("."):
        note(f"  cd {os.path.relpath(place)}")
    for line in _next(recipe):
        note(f"  {line}")


def _problems(place: str) -> int:
    from ..project.lint.inspect import inspect

    return len(inspect(place))


def _next(recipe: str) -> list[str]:
    """Return the commands to go on with."""
    from ..recipes import about

    told = about(recipe)
    return [
        f"ingestlayer preview {told.event}",
        TRY if recipe == STARTER else f"ingestlayer emit --batch {told.sample}",
    ]
