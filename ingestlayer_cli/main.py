"""The entry point and the one error boundary.

cron starts `emit` and `check` thousands of times a day: their arguments are read here without Typer (30 ms). Everything
else, and every `--help`, goes through the Typer app.
"""

import gc
import os
import sys

from .commands import settings
from .system import console
from .system.errors import Exit, IngestlayerError, UsageError, in_words

DIRECT = ("emit", "preview", "check")
HELP = {"-h", "--help"}


def main() -> None:
    """The console script."""
    # A start makes thousands of objects and no garbage: looking for it took longer than many a module.
    gc.set_threshold(50_000)
    sys.exit(run(sys.argv[1:]))


def run(args: list[str]) -> int:
    """Run one command line and return the exit code; every error ends here, in words or as JSON."""
    console.prepare()
    code: int = Exit.OK
    try:
        code = _dispatch(args)
        sys.stdout.flush()
        return code
    except IngestlayerError as error:
        console.say_error(error, "--json" in args)
        if settings.debug:
            raise
        return error.exit_code
    except KeyboardInterrupt:
        if "--json" in args:
            stopped = IngestlayerError("interrupted: what was accepted is safe")
            stopped.kind = "interrupted"
            console.say_error(stopped, True)
        else:
            console.note("interrupted: what was accepted is safe", "yellow")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader left (`| head`). Python would complain once more when it flushes at exit.
        console.close_stdout()
        return code
    except SystemExit as left:
        # Typer and Rich leave with 1 when the reader left; completion leaves with 0.
        return Exit.OK if left.code in (None, 0, 1) else Exit.DEFECT
    except Exception as error:
        if settings.debug:
            raise
        known = in_words(error)
        console.say_error(known, "--json" in args)
        return known.exit_code


def _dispatch(args: list[str]) -> int:
    rest = _own_options(args)
    if rest and rest[0] in DIRECT and not HELP.intersection(rest) and "_INGESTLAYER_COMPLETE" not in os.environ:
        if rest[0] == "emit":
            from .commands.emit import run as command
        elif rest[0] == "check":
            from .commands.check import run as command
        else:
            from .commands.preview import run as command
        return command(settings, rest[1:])
    if not rest and "_INGESTLAYER_COMPLETE" not in os.environ:
        from .commands.start import run as start

        return start(settings)
    return _typer(args)


def _own_options(args: list[str]) -> list[str]:
    """Take `-C PATH` and `--debug` from before the command; return the rest."""
    rest = list(args)
    while rest and rest[0] in ("-C", "--debug"):
        if rest.pop(0) == "--debug":
            settings.debug = True
        elif rest:
            settings.project = rest.pop(0)
        else:
            raise UsageError("-C needs a path")
    return rest


def _typer(args: list[str]) -> int:
    from typer import Abort
    from typer.exceptions import TyperException

    from .app import app

    try:
        answer = app(args, prog_name="ingestlayer", standalone_mode=False)
    except TyperException as error:
        if not error.format_message():  # no command was given, and the help is printed
            return Exit.USAGE
        raise UsageError(
            error.format_message(), "see `ingestlayer --help`; a command's options come after it"
        ) from None
    except Abort:
        return Exit.INTERRUPTED
    return answer if isinstance(answer, int) else Exit.OK
