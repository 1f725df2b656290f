"""`sdk`: typed clients made from the declarations."""

from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .options import Hushed, Json

if TYPE_CHECKING:
    from ..model.documents.projects import SdkDocument
    from ..sdk.folder import ClientFiles

app = typer.Typer(help="Typed clients for other programs, made from the declarations.", no_args_is_help=True)

Check = Annotated[bool, typer.Option("--check", help="Write nothing; exit with 1 when a file is not up to date.")]


@app.command()
def typescript(
    out: Annotated[str, typer.Option("--out", metavar="DIR", help="The package's own folder.")],
    check: Check = False,
    json: Json = False,
    hushed: Hushed = False,
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
    hushed: Hushed = False,
) -> int:
    """Write the package ingestlayer_sdk, a client over HTTP, and a typed stub of `ingest` from ingestlayer_cli.

    ingestlayer sdk python --out clients/python
    """
    return _made("python", out, check, json)


@app.command()
def openapi(
    out: Annotated[str | None, typer.Option("--out", metavar="FILE", help="Write it there.")] = None,
    check: Check = False,
    json: Json = False,
    hushed: Hushed = False,
) -> int:
    """Print what `serve` takes as an OpenAPI document, for clients in any other language; with --out, write it.

    ingestlayer sdk openapi --out openapi.json
    """
    import os

    from ..project import load
    from ..project.openapi import document
    from ..system.console import as_json, say_json
    from ..system.errors import UsageError
    from . import settings

    project = load(settings.project)
    found = document(project)
    if out is not None:
        folder, name = os.path.split(out)
        return _kept("openapi", folder or ".", {name: as_json(found, 2) + "\n"}, len(project.types), check, json)
    if check:
        raise UsageError("--check needs --out", "name the file that is to be up to date: --out openapi.json")
    say_json(found)
    return 0


Language = Literal["typescript", "python", "openapi"]


def _made(language: Language, out: str, check: bool, json: bool) -> int:
    from importlib import import_module

    from ..project import load
    from . import settings

    project = load(settings.project)
    files = import_module(f"..sdk.{language}", __package__).files(project)
    return _kept(language, out, files, len(project.types), check, json)


def _kept(
    language: Language,
    out: str,
    files: dict[str, str],
    events: int,
    check: bool,
    json: bool,
) -> int:
    from ..sdk.folder import keep
    from ..system.console import say_json
    from ..system.errors import Exit

    found = keep(out, files, is_to_be_written=not check)
    if json:
        document: SdkDocument = {
            "language": language,
            "directory": out,
            "events": events,
            "written": found.written,
            "current": found.current,
            "stale": found.stale,
        }
        say_json(document)
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
        place = f"{out}/{found.stale[0]}" if language == "openapi" else out
        note(f"to make it anew: ingestlayer sdk {language} --out {quote(place)}")
    elif not found.written:
        note(f"{out} is up to date")
