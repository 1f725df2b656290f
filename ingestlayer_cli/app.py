"""The Typer app: one line per command. Loaded for everything but a plain `emit` or `preview`."""

from functools import cache
from typing import Annotated, Any

import typer

from . import __version__
from .commands import (
    backtest,
    capture,
    deliver_command,
    deliveries,
    doctor,
    entities,
    events,
    explain,
    init,
    keys,
    metrics,
    pipelines,
    recipes,
    replay,
    sdk,
    serve,
    settings,
    slack,
    status,
    store,
    test,
    validate,
    why,
)
from .commands.check_command import CheckCommand
from .commands.event_command import EventCommand
from .commands.help_texts import make_literal

app = typer.Typer(
    name="ingestlayer",
    help="Know in Slack the moment something worth acting on happens to a customer.",
    no_args_is_help=True,
    add_completion=False,  # Typer's inserts what it is given as it is, and asks a program by its bare name
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ingestlayer {__version__}")
        raise typer.Exit


@app.callback()
def options(
    project: Annotated[
        str | None,
        typer.Option("-C", metavar="PATH", help="The project: its folder or its ingestlayer.toml."),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    # Read before Typer is: see `main`.
    install: Annotated[
        bool,
        typer.Option("--install-completion", help="Let your shell complete, or `zsh`, `fish` or `bash` after it."),
    ] = False,
    show: Annotated[bool, typer.Option("--show-completion", help="Print what a shell reads for it.")] = False,
) -> None:
    settings.project = project or settings.project
    settings.debug = debug or settings.debug


@app.command("emit", cls=EventCommand, add_help_option=True)
def emit(ctx: typer.Context) -> int:
    """Accept an event: store it, run the pipelines, send the messages.

    ingestlayer emit usage.limit_reached --customer acme --metric api-calls --limit 10000 --used 10250 --plan pro
    """
    from .commands.emit import run

    return run(settings, ctx.args)


@app.command("preview", cls=EventCommand)
def preview(ctx: typer.Context) -> int:
    """Show what emit would do and how the message will look; write nothing, send nothing.

    With only TYPE: the [example] of its declaration.
    """
    from .commands.preview import run

    return run(settings, ctx.args)


@app.command("check", cls=CheckCommand)
def check(ctx: typer.Context) -> int:
    """Compare usage with its limits, and emit an event for each row that newly reached a level in its period.

    ingestlayer check api-limits -q
    """
    from .commands.check import run

    return run(settings, ctx.args)


app.command("backtest")(backtest.backtest)
app.command("capture")(capture.capture)
app.command("deliver")(deliver_command.deliver)
app.command("doctor")(doctor.doctor)
app.command("explain")(explain.explain)
app.command("init")(init.init)
app.command("metrics")(metrics.metrics)
app.command("recipes")(recipes.recipes)
app.command("replay")(replay.replay)
app.command("serve")(serve.serve)
app.command("status")(status.status)
app.command("test")(test.run)
app.command("validate")(validate.validate)
app.command("why")(why.why)
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(entities.app, name="entities")
app.add_typer(events.app, name="events")
app.add_typer(keys.app, name="keys")
app.add_typer(pipelines.app, name="pipelines")
app.add_typer(sdk.app, name="sdk")
app.add_typer(slack.app, name="slack")
app.add_typer(store.app, name="store")


@cache
def command() -> Any:
    """Return the app as the command that it is: to make it takes longer than most commands do."""
    return make_literal(typer.main.get_command(app))
