"""The entry point and the one error boundary.

cron starts `emit`, `check` and `deliver` thousands of times a day: their arguments are read without Typer (30 ms).
Everything else, and every `--help`, goes through the Typer app.
"""

import gc
import os
import sys

from .commands import settings
from .system import console
from .system.errors import Exit, IngestlayerError, UsageError, in_words
from .system.typed import NoReturn

DIRECT = ("emit", "preview", "check")
HELP = {"-h", "--help"}
COMPLETING = "_INGESTLAYER_COMPLETE"  # the variable in which a shell asks what may stand there, and says which it is


def main() -> None:
    """The console script."""
    # A start makes thousands of objects and no garbage: looking for it took longer than many a module.
    gc.set_threshold(50_000)
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """Leave without taking the program to pieces, which took an eighth of a start: all is closed and said by now.

    Where more is loaded than a plain start needs, something may be left to be done at the end: it is.
    """
    gc.freeze()  # nothing of what is there is garbage
    if "threading" in sys.modules or sys.getprofile() or sys.gettrace():
        sys.exit(code)
    os._exit(code)


def run(args: list[str]) -> int:
    """Run one command line and return the exit code; every error ends here, in words or as JSON."""
    console.prepare()
    if COMPLETING in os.environ:
        from .completion import answer

        answer(os.environ[COMPLETING], args)
        return Exit.OK
    code = _run(args)
    console.finish()
    return code


def _run(args: list[str]) -> int:
    as_json = "--json" in args
    try:
        return _dispatch(args)
    except KeyboardInterrupt as error:
        stopped = IngestlayerError("interrupted: what was accepted is safe", "; ".join(getattr(error, "__notes__", ())))
        stopped.kind = "interrupted"
        if as_json:
            console.say_error(stopped, True)
        else:
            console.note("; ".join(filter(None, (stopped.message, stopped.hint))), "yellow")
        return Exit.INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else Exit.OK if left.code is None else Exit.FOUND
    except Exception as error:
        known = _placed(_hushed(in_words(error)), args)
        if settings.debug:
            console.note_traceback(error)
        console.say_error(known, as_json)
        return known.exit_code


def _hushed(error: IngestlayerError) -> IngestlayerError:
    """Take secrets out of what is said: of an argument, a file or a library, whoever says it."""
    from .model.redaction import without_secrets
    from .system.errors import Problem

    words = without_secrets(error.message)
    if words != error.message and isinstance(error, UsageError):
        error.hint = "a secret is no argument, which others can see: it is asked for, or read from stdin"
    error.args, error.message, error.hint = (words,), words, without_secrets(error.hint)
    error.details = [Problem(without_secrets(path), without_secrets(problem)) for path, problem in error.details]
    return error


def _placed(error: IngestlayerError, args: list[str]) -> IngestlayerError:
    """Say where an option belongs that stands behind the command, and before it alone has a meaning."""
    named = [option for option in ("-C", "--debug", "--version") if f" {option}" in f"{error.message} "]
    if not named or not isinstance(error, UsageError):
        return error
    at = next((at for at, word in enumerate(args) if at and word.startswith(named[0])), 0)
    if at:
        takes = 1 + (args[at] == "-C" and at + 1 < len(args))
        moved = " ".join(
            [*map(console.safe, args[at : at + takes] + args[:at]), *(["…"] if args[at + takes :] else [])]
        )
        error.hint = f"{named[0]} stands before the command: ingestlayer {moved}"
    return error


def _dispatch(args: list[str]) -> int:
    rest = _own_options(args)
    if rest and rest[0] in ("--install-completion", "--show-completion"):
        from .commands.completion import run as completion

        return completion(rest[0], rest[1:])
    if rest and rest[0] in DIRECT and not HELP.intersection(rest):
        if rest[0] == "emit":
            from .commands.emit import run as command
        elif rest[0] == "check":
            from .commands.check import run as command
        else:
            from .commands.preview import run as command
        return command(settings, rest[1:])
    if rest and rest[0] == "deliver":
        from .commands.deliver import run as deliver

        if (code := deliver(rest[1:])) is not None:
            return code
    if not rest:
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

    from .app import command

    if sys.stdout.isatty() and not console.coloured(sys.stdout):
        from typer import rich_utils

        rich_utils.COLOR_SYSTEM = None  # of its help: NO_COLOR is for Rich but a matter of colours
    try:
        answer = command()(args, prog_name="ingestlayer", standalone_mode=False)
    except TyperException as error:
        if not error.format_message():  # no command was given, and the help is printed
            return Exit.USAGE
        raise UsageError(
            error.format_message(), "see `ingestlayer --help`; a command's options come after it"
        ) from None
    except Abort:
        return Exit.INTERRUPTED
    return answer if isinstance(answer, int) else Exit.OK
