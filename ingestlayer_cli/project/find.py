"""Finding the project: `-C`, `INGESTLAYER_PROJECT`, or the nearest `ingestlayer.toml` upward."""

import os

from ..system.errors import ProjectError

FILE = "ingestlayer.toml"


def find(path: str | None = None) -> str:
    """Return the project's folder, absolute; ProjectError when there is none."""
    wanted = path or os.environ.get("INGESTLAYER_PROJECT")
    return _named(wanted) if wanted else _upward(os.getcwd())


def _named(path: str) -> str:
    folder = os.path.abspath(os.path.dirname(path) if os.path.basename(path) == FILE else path)
    if os.path.isfile(os.path.join(folder, FILE)):
        return folder
    raise ProjectError(f"there is no {FILE} in {folder}", f"make a project there: ingestlayer init {path}")


def _upward(start: str) -> str:
    folder = start
    while not os.path.isfile(os.path.join(folder, FILE)):
        parent = os.path.dirname(folder)
        if parent == folder:
            raise ProjectError(
                f"no {FILE} in {start} or in any folder above it",
                "make a project with `ingestlayer init`, or name one: ingestlayer -C PATH …",
            )
        folder = parent
    return folder
