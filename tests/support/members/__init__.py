"""Members of the families that no release has: each one file or folder, found as if it lay in the package."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingestlayer_cli import destinations, steps
from ingestlayer_cli.project import jsonschema

HERE = Path(__file__).parent


@contextmanager
def found() -> Iterator[None]:
    """Let the families find them, for a while."""
    families = [(family, HERE / family.__name__.rpartition(".")[2]) for family in (steps, destinations)]
    for family, folder in families:
        family.__path__.append(str(folder))
    jsonschema.schema_of.cache_clear()
    try:
        yield
    finally:
        jsonschema.schema_of.cache_clear()
        for family, folder in families:
            family.__path__.remove(str(folder))
            for path in folder.iterdir():
                name = f"{family.__name__}.{path.stem}"
                for module in [it for it in sys.modules if it == name or it.startswith(f"{name}.")]:
                    del sys.modules[module]
                vars(family).pop(path.stem, None)
