"""`--install-completion` and `--show-completion`: what a shell needs to complete."""

import shlex

INSTALL, SHOW = "--install-completion", "--show-completion"


def run(flag: str, args: list[str]) -> int:
    """Write, or print, the script of the shell that is named, else of the one that calls."""
    from ..completion.installing import install, named, script_of
    from ..system.console import note, say, speak_utf8
    from ..system.errors import UsageError

    if len(args) > 1:
        raise UsageError(f"{flag} takes the name of one shell", f"ingestlayer {flag} bash")
    shell = named(args[0] if args else None)
    if flag == SHOW:
        speak_utf8()
        for line in script_of(shell).splitlines():
            say(line)
        return 0
    done = install(shell)
    say(f"wrote {done.script}")
    if done.file:
        say(f"added a line to {done.file}" if done.is_new else f"its line is in {done.file} already")
    note(f"new shells complete it, by whatever path it is called; this one after: source {shlex.quote(done.script)}")
    line = f", and its line from {done.file}" if done.file else ""
    note(f"to undo it: remove {done.script}{line}")
    return 0
