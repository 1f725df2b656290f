"""`init`: a small working project to start from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..recipes import STARTER
from ..system.errors import UsageError, count_of
from .options import Hushed, Json

if TYPE_CHECKING:
    from ..model.documents.projects import InitDocument


TRY = "ingestlayer emit usage.limit_reached --customer acme --metric api-calls --limit 10000 --used 10250 --plan pro"

_FROM: Any = {"rich_help_panel": "Usage and its limits"}


def init(
    directory: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="Where; the working directory unless given.")
    ] = None,
    recipe: Annotated[str, typer.Option("--recipe", metavar="NAME", help="What to start from.")] = STARTER,
    add: Annotated[bool, typer.Option("--add", help="Add the recipe to the project that is there.")] = False,
    service: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Whose webhooks the recipe is fed by: stripe, generic."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="SOURCE", help="Usage to compare with its limits: a file, or a database.", **_FROM
        ),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", metavar="SQL", help="What to ask the database.", **_FROM)
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="COLUMN", help="The column of the customer.", **_FROM)
    ] = None,
    metric: Annotated[
        str | None, typer.Option("--metric", metavar="COLUMN", help="That of what is counted, or none.", **_FROM)
    ] = None,
    used: Annotated[str | None, typer.Option("--used", metavar="COLUMN", help="That of what is used.", **_FROM)] = None,
    limit: Annotated[str | None, typer.Option("--limit", metavar="COLUMN", help="That of the limit.", **_FROM)] = None,
    percentage: Annotated[
        str | None, typer.Option("--percentage", metavar="COLUMN", help="In place of these two.", **_FROM)
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="TOML", help="How it is written: 'delimiter = \";\"'.", **_FROM),
    ] = None,
    levels: Annotated[
        str | None, typer.Option("--levels", metavar="LIST", help="Parts of the limit: 0.8,1", **_FROM)
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="PERIOD", help="Each level once a month, day, …", **_FROM)
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="CHANNEL", help="Where it is told.", **_FROM)
    ] = None,
    customers: Annotated[
        str | None, typer.Option("--customers", metavar="FILE", help="Customers and their owners, or none.", **_FROM)
    ] = None,
    customers_key: Annotated[
        str | None, typer.Option("--customers-key", metavar="COLUMN", help="Their key in that file.", **_FROM)
    ] = None,
    customers_name: Annotated[
        str | None, typer.Option("--customers-name", metavar="COLUMN", help="Their names, or none.", **_FROM)
    ] = None,
    customers_owner: Annotated[
        str | None, typer.Option("--customers-owner", metavar="COLUMN", help="Their owners, or none.", **_FROM)
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Where days and months begin; else UTC.", **_FROM),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Take what is proposed.", **_FROM)] = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Write a small, commented, working project. Files that are there stay as they are; --add changes one of them.

    `ingestlayer recipes` lists what there is to start from. With --from it is a project that compares usage with its
    limits: what is not said is proposed, and asked.
    """
    answers = (key, metric, used, limit, percentage, format, levels, period, channel)
    owners = (customers, customers_key, customers_name, customers_owner)
    if source is not None:
        if add or service or recipe != STARTER:
            raise UsageError("--from makes a project of its own", "give --from, or --recipe")
        from . import init_from

        return init_from.run(directory or ".", init_from.Typed(source, query, *answers, *owners, timezone), yes, json)
    if yes or any(answer is not None for answer in (query, *answers, *owners, timezone)):
        raise UsageError("there is nothing to ask of without --from", "name the table of usage: --from usage.csv")
    from ..project.find import find
    from ..project.jsonschema import refresh
    from ..recipes import write
    from ..system.console import say, say_json
    from . import settings

    # What is added goes to the project around here, as every other command means it.
    place = find(directory or settings.project) if add else directory or "."
    written = write(recipe, place, service, add)
    refresh(place)
    if json:
        document: InitDocument = {
            "directory": place,
            "recipe": recipe,
            "created": written.created,
            "kept": written.kept,
            "changed": written.changed,
        }
        say_json(document)
        return 0
    for name in written.created:
        say(f"created {name}", "green")
    for name in written.changed:
        say(f"changed {name}: the tables that it lacked", "green")
    for name in written.kept:
        say(f"kept    {name} (it was there)", "dim")
    _say_next(recipe, place, service, fresh="ingestlayer.toml" in written.created, add=add)
    return 0


def _say_next(recipe: str, place: str, service: str | None, fresh: bool, add: bool) -> None:
    """Say what to run now; first what does not fit, where files of the recipe met others."""
    import os

    from ..system.console import note

    count = 0 if fresh else _problems(place)
    if count:
        note("")
        note(f"{count_of(count, 'problem')} in the project as it is now; to see them: ingestlayer validate", "yellow")
        if not add:
            note("ingestlayer.toml is as it was: --add appends the tables that the recipe needs", "yellow")
    note("")
    note("next:")
    if os.path.realpath(place) != os.path.realpath("."):
        note(f"  cd {os.path.relpath(place)}")
    for line in _next(recipe):
        note(f"  {line}")
    if service is not None:
        note("  ingestlayer serve    with the secret that [sources] of ingestlayer.toml names")


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
