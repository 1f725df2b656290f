"""`check` for Typer: help from the table by which its arguments are read."""

from typing import Any

from typer.core import TyperArgument, TyperCommand

from .options import of_table

HELP = {"-h", "--help"}


class CheckCommand(TyperCommand):
    """Leaves reading the arguments to `check.py`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not HELP.intersection(args):
            ctx.args = args
            return args
        return list(super().parse_args(ctx, [arg for arg in args if arg in HELP]))

    def get_params(self, ctx: Any) -> list[Any]:
        return [*_params(), *super().get_params(ctx)]


def _params() -> list[Any]:
    from .check import CHECK

    words = "This check; else all of them."
    name = TyperArgument(param_decls=["name"], metavar="[NAME]", required=False, help=words)
    return [name, *of_table(CHECK)]
