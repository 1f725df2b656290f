"""Shell completion, asked as Typer's bash script asks it."""

from pathlib import Path

from tests.support.program import ingestlayer


def completed(words: str, cwd: Path) -> list[str]:
    """Return what is offered for the last word of a command line; a space at its end starts a new one."""
    env = {
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - (not words.endswith(" "))),
        "_INGESTLAYER_COMPLETE": "complete_bash",
    }
    result = ingestlayer(cwd=cwd, env=env)
    assert (result.code, result.err) == (0, "")
    return result.out.split()
