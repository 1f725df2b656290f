"""`sdk`: typed clients made from the declarations."""

from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json

if TYPE_CHECKING:
    from ..sdk.folder import ClientFiles

app = typer.Typer(help="Typed clients for other programs, made from the declarations.", no_args_is_help=True)

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 when a file is not up to date.")]


@app.command()
def typescript(
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="The package's own folder.")],
    check: Check = False,
    json: Json = False,
) -> int:
    """Write the package @ingestlayer/sdk: ES module, CommonJS and types, without dependencies.

    ingestlayer sdk typescript --out packages/ingestlayer-sdk
    """
    return _made("typescript", out, check, json)


@app.command()
def python(
    out: Annotated[
        str, typer.Option("--out", metavar="DIR", help="A folder of its own, for PYTHONPATH and mypy_path.")
    ],
    check: Check = False,
    json: Json = False,
) -> int:
    """Write the package ingestlayer_sdk, a client over HTTP, and a typed stub of `ingest` from ingestlayer_cli.

    ingestlayer sdk python --out clients/python
    """
    return _made("python", out, check, json)


def _made(language: str, out: str, check: bool, json: bool) -> int:
    from importlib import import_module

    from ..project import load
    from ..sdk.folder import keep
    from ..system.console import say_json
    from ..system.errors import Exit
    from . import settings

    project = load(settings.project)
    made = import_module(f"..sdk.{language}", __package__)
    found = keep(out, made.files(project), is_to_be_written=not check)
    if json:
        say_json({"language": language, "directory": out, "events": len(project.types), **found._asdict()})
    else:
        _say(language, out, found)
    return Exit.FOUND if found.stale else Exit.OK


def _say(language: str, out: str, found: "ClientFiles") -> None:
    from ..system.console import note, say

    for name in found.written:
        say(f"wrote {out}/{name}", "green")
    for name in found.stale:
        say(f"stale {out}/{name}", "red")
    if found.stale:
        note(f"to make it anew: ingestlayer sdk {language} --out {quote(out)}")
    elif not found.written:
        note(f"{out} is up to date")
