"""Rich's console on stdout. Without colours it has no attributes either: no bold, no links, nothing after an Escape."""

import sys

from rich.console import Console

from ..system.console import coloured


def screen() -> Console:
    """Return what draws on stdout, by the environment: see `coloured`."""
    return Console(color_system="auto" if coloured(sys.stdout) else None)
