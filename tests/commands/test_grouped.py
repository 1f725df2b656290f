"""A command's options may come in groups; Typer sees them one by one."""

from typing import Annotated, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from ingestlayer_cli.commands.grouped import grouped


class Range(NamedTuple):
    first: Annotated[int, typer.Option("--from", help="The first.")] = 1
    last: Annotated[int, typer.Option("--to", help="The last.")] = 3


@grouped
def count(span: Range, loud: Annotated[bool, typer.Option("--loud")] = False) -> int:
    """Count."""
    typer.echo(f"{[*range(span.first, span.last + 1)]}{'!' if loud else ''}")
    return 0


app = typer.Typer()
app.command()(count)


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "[1, 2, 3]"), (["--to", "2"], "[1, 2]"), (["--loud", "--from", "3"], "[3]!")]
)
def test_a_group_is_made_of_its_options(arguments: list[str], said: str) -> None:
    assert CliRunner().invoke(app, arguments).output == f"{said}\n"


def test_help_shows_each_option_in_its_order() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    assert text.index("--from") < text.index("--to") < text.index("--loud")
    assert "The last." in text
