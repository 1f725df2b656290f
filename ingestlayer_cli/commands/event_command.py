"""`emit` and `preview` for Typer: help from the table by which their arguments are read."""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperOption

from ..model.declarations import Field, option_name
from ..project import Project, load
from ..system.errors import IngestlayerError
from ..system.terminal import line
from . import settings
from .arguments import EMIT, PREVIEW
from .help_texts import literal
from .options import of_table

HELP = {"-h", "--help"}
_TABLES = {"emit": EMIT, "preview": PREVIEW}


class EventCommand(TyperCommand):
    """Adds the fields of the typed event to the options; leaves reading the arguments to `arguments.py`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not HELP.intersection(args):
            ctx.args = args
            return args
        ctx.meta["event"] = _params(str(self.name), args, _project(settings.project))
        return list(super().parse_args(ctx, [arg for arg in args if arg in HELP]))

    def get_params(self, ctx: Any) -> list[Any]:
        return [*(ctx.meta.get("event") or _params(str(self.name), [], None)), *super().get_params(ctx)]


def _params(command: str, args: list[str], project: Project | None) -> list[Any]:
    types = project.types if project else []
    type_ = next((arg for arg in args if arg in types), "")
    declaration = project.declaration(type_) if project else None
    fields = declaration.fields if declaration else {}
    own = {option.flag for option in _TABLES[command]}
    taken = [f"{name}=" for name in fields if option_name(name) in own]
    hidden = f" Options of the command hide these fields: {', '.join(taken)}" if taken else ""
    params: list[Any] = [
        TyperArgument(
            param_decls=["type"],
            metavar="TYPE",
            help="The event type; its fields are options, see `TYPE --help`.",
        ),
        TyperArgument(
            param_decls=["assignments"],
            metavar="[FIELD=TEXT|FIELD:=JSON]...",
            nargs=-1,
            help="Fields of the event, as texts (typed by the declaration) or as JSON." + hidden,
        ),
    ]
    params += [_field_option(field, type_) for field in fields.values() if option_name(field.name) not in own]
    return params + of_table(_TABLES[command])


def _project(path: str | None) -> Project | None:
    try:
        return load(path, keep=False)
    except IngestlayerError:
        return None


def _field_option(field: Field, type_: str) -> TyperOption:
    values = [str(value) for value in field.values or ()]
    metavar = "|".join(values) if field.values else field.type.upper()
    words = line(field.description) or ("" if field.optional else "required")
    if field.max_length is not None:
        words = f"{words}{', ' if words else ''}at most {field.max_length:,} characters"
    return TyperOption(
        param_decls=[option_name(field.name)],
        metavar=metavar,
        help=literal(f"{words} (optional)" if field.optional and words else words or "optional"),
        rich_help_panel=f"Fields of {type_}",
    )
