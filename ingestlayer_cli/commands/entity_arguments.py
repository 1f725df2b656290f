"""The kind and the id of an entity on the command line."""

from typing import Annotated

import typer

Kind = Annotated[str, typer.Argument(metavar="KIND", help="The kind: `customer` of [entities.customer].")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The entity's id.")]
