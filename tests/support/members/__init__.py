"""Members of the families that no release has: each one file, found as if it lay in the package."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestlayer_cli import steps

FOLDER = Path(__file__).parent / "steps"


@contextmanager
def found() -> Iterator[None]:
    """Let the family of steps find them, for a while."""
    steps.__path__.append(str(FOLDER))
    try:
        yield
    finally:
        steps.__path__.remove(str(FOLDER))
        for path in FOLDER.glob("*.py"):
            sys.modules.pop(f"{steps.__name__}.{path.stem}", None)
            vars(steps).pop(path.stem, None)
