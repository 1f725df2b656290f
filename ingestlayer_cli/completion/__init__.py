"""What a shell offers when somebody presses Tab. It asks the program itself, by the way that it is called.

A shell is no place for errors, and its user waits: nothing is written, nothing heavy is loaded, and whatever goes wrong
offers nothing.
"""

import os
import sys
from contextlib import suppress

PATIENCE = 2  # seconds: a database may be far, or away


def answer(shell: str, words: list[str]) -> None:
    """Print what may stand where the cursor is, as the script of a shell takes it.

    zsh and fish give the words before the cursor and the start of the one at it; bash gives its line.
    """
    with suppress(Exception):
        _end_in_time()
        from ..system.console import safe
        from .offers import offered

        if shell == "bash":
            from .line import inserted, words_of

            before, start, typed = words_of(os.environ.get("_INGESTLAYER_LINE", ""), os.environ["_INGESTLAYER_WORD"])
            offer = offered(before, start)
            found = [inserted(item.value, typed) for item in offer.items if item.value.startswith(start)]
            _write("\n".join([offer.how, *found]) + "\n")
        elif shell in ("zsh", "fish"):
            offer = offered(words[:-1], words[-1])
            items = [item for item in offer.items if shell == "zsh" or "\t" not in item.value]  # fish: a tab ends it
            pairs = (part for item in items for part in (item.value, safe(item.words)))
            _write("".join(f"{part}\0" for part in (offer.how, *pairs)))


def _write(text: str) -> None:
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        out.write(text.encode(errors="surrogateescape"))


def _end_in_time() -> None:
    """Offer nothing rather than let somebody wait."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)
