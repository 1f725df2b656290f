"""The kind and the id of an entity on the command line, and what a shell offers for them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from . import open_runtime, settings

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..store.contract.protocols import Store


def complete_kind(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..operations.entities.kinds import kinds

    found = _completion(ctx, lambda runtime, store: kinds(runtime.project, store))
    return [kind for kind in found if kind.startswith(incomplete)]


def _complete_id(ctx: typer.Context, incomplete: str) -> list[str]:
    from ..operations.entities.one import completed

    kind = ctx.params.get("kind") or ""
    return _completion(ctx, lambda runtime, store: completed(runtime, store, kind, incomplete))


def _completion(ctx: typer.Context, offered: "Callable[[Runtime, Store | None], list[str]]") -> list[str]:
    """Return what is offered; nothing where there is no sound project: a shell is no place for errors."""
    from ..system.errors import IngestlayerError

    # Completion does not call the program's own callback: its -C is known to the outermost context alone.
    settings.project = ctx.find_root().params.get("project") or settings.project
    try:
        with open_runtime(keep=False) as runtime:
            return offered(runtime, runtime.stored)
    except IngestlayerError:
        return []


Kind = Annotated[
    str,
    typer.Argument(metavar="KIND", help="The kind: `customer` of [entities.customer].", autocompletion=complete_kind),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The entity's id.", autocompletion=_complete_id)]
