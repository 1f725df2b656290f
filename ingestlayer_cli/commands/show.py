"""Drawing messages on the terminal. Rich is loaded when the first one is drawn."""

from collections.abc import Callable
from typing import Any


def drawing(silent: bool) -> Callable[[str, dict[str, Any]], None]:
    """Return what draws the messages of the terminal connection."""
    return _nothing if silent else draw


def _nothing(target: str, body: dict[str, Any]) -> None:
    pass


def draw(target: str, body: dict[str, Any]) -> None:
    """Draw one message on stdout as it would look in Slack."""
    from rich.console import Console

    from ..render.slack import message

    Console().print(message(body, target))
