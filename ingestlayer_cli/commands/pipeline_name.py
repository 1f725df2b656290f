"""The name of a pipeline on the command line."""

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", help="The pipeline's name: its file without .toml.")]


def check_has_file(name: str) -> None:
    """Refuse the pipeline that has none: a table of the project's file stands for it."""
    from ..project.own import ALERTS
    from ..system.errors import UsageError

    if name == ALERTS:
        raise UsageError(f"{name} stands for [alerts] in ingestlayer.toml", "edit that table, or take it out")


def check_name(name: str, known: list[str]) -> None:
    """Refuse the name of a pipeline that there is not."""
    from ..system.errors import UsageError, near_miss

    if name not in known:
        listed = near_miss(name, known) or (f": there are {', '.join(known)}" if known else "")
        raise UsageError(f'there is no pipeline "{name}"{listed}', "`ingestlayer pipelines list` shows them")
