"""Asking on the terminal, or on stdin where there is none."""

import sys

from ..system.console import is_attended, stdin


def ask(prompt: str, hidden: bool = True, otherwise: str = "") -> str:
    """Ask on the terminal, hidden where it is a secret; without one the next line of stdin is the answer.

    A secret is never an argument, which every process of the machine can see. Who answers nothing means `otherwise`.
    """
    from ..system.console import note
    from ..system.errors import Exit, IngestlayerError, UsageError

    try:
        line = _answer(prompt, hidden)
    except KeyboardInterrupt:
        note("")
        stopped = IngestlayerError("interrupted: nothing was changed")
        stopped.kind, stopped.exit_code = "interrupted", Exit.INTERRUPTED
        raise stopped from None
    if line and not line.strip() and otherwise:
        return otherwise
    if not line.strip():
        raise UsageError(f"nothing was given for: {prompt}", "paste it at the prompt, or give it on stdin")
    return line.strip()


def _answer(prompt: str, hidden: bool) -> str:
    """Return a line, an empty one at the end of the input."""
    from ..system.console import note

    if not is_attended():
        # Bytes: whatever comes, it is told to be no token, not to be no UTF-8.
        return stdin().readline(1 << 16).decode("utf-8-sig", "replace")
    if hidden:
        return _hidden(prompt)
    sys.stderr.write(f"{prompt}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        note("")
    return line


def _hidden(prompt: str) -> str:
    """Read a line of the terminal without showing it; refuse to read one that would be seen."""
    import warnings
    from getpass import GetPassWarning, getpass

    from ..system.console import note
    from ..system.errors import UsageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(f"{prompt}: ", sys.stderr)
    except EOFError:
        note("")
        return ""
    except GetPassWarning:
        raise UsageError("this terminal shows what is typed", "give it by stdin: … --token-stdin < FILE") from None
