"""`metrics`: how the project is, in numbers for Prometheus."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.metrics import MetricsDocument


def metrics(
    out: Annotated[
        str | None, typer.Option("--out", "-o", metavar="FILE", help="Write them there, all at once: a .prom file.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Print how the project is as Prometheus text: for node_exporter's textfile folder.

    ingestlayer metrics --out /var/lib/node_exporter/ingestlayer.prom
    """
    from ..operations.metrics import exposition, measured
    from ..project import load_beside
    from ..system.console import say_json
    from ..system.files import written_whole
    from . import note_problems, settings

    project = load_beside(settings.project, keep=False)
    if not quiet:
        note_problems(project)
    found, failure = measured(project)
    if out is not None:
        with written_whole(out) as file:
            file.write(exposition(found))
    if json:
        document: MetricsDocument = {"metrics": [metric.document() for metric in found]}
        say_json(document)
    elif out is None:
        _say(exposition(found))
    if failure is not None:
        raise failure
    return 0


def _say(text: str) -> None:
    """Print the text as it is, for a program; a terminal sees nothing that acts on it."""
    import sys

    from ..system.console import say, speak_utf8

    speak_utf8()
    if not sys.stdout.isatty():
        sys.stdout.write(text)
        return
    for line in text.removesuffix("\n").split("\n"):
        say(line)
