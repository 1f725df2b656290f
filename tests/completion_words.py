"""What a shell is told of the commands. `python -m tests.completion_words` writes it anew, when they have changed."""

import json
from pathlib import Path
from typing import Any

from ingestlayer_cli import completion
from ingestlayer_cli.app import command
from ingestlayer_cli.completion.making import words
from ingestlayer_cli.reference import every
from ingestlayer_cli.store.contract.reading import EVENT_STATUSES
from ingestlayer_cli.store.contract.sending import STATUSES

FILE = Path(completion.__file__).with_name("words.json")


def made() -> str:
    """Return what `words.json` is to hold."""
    topics = [(topic.name, topic.summary) for topic in every()]
    unused = command.__wrapped__()  # to one that has run, Typer has added options
    found = words(unused, topics, {"": EVENT_STATUSES, "deliveries": STATUSES})
    return _lines(found) + "\n"


def _lines(found: Any, indent: str = "") -> str:
    """Return JSON with a line for each option and topic, so that git merges what two people change."""
    if not isinstance(found, dict):
        return json.dumps(found, ensure_ascii=False)
    rows = ",".join(f"\n{indent} {json.dumps(name)}: {_lines(row, indent + ' ')}" for name, row in found.items())
    return f"{{{rows}\n{indent}}}" if rows else "{}"


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
