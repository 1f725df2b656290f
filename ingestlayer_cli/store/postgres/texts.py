"""Texts as PostgreSQL keeps them, which has none with NUL, and numbers as Python has them."""

import re
from functools import cache

from ...system.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

_MASK = "\x01"
_MASKED = re.compile("\x01[01]")


def understand(connection: "psycopg.Connection[Any]") -> None:
    dumper, texts, sums = _adapters()
    connection.adapters.register_dumper(str, dumper)
    connection.adapters.register_loader("text", texts)
    connection.adapters.register_loader("numeric", sums)


def _masked(text: str) -> str:
    """Return a text without NUL, from which it can be told."""
    return text.replace(_MASK, f"{_MASK}1").replace("\0", f"{_MASK}0")


@cache
def _adapters() -> tuple[type, type, type]:
    """Return what writes and reads texts: PostgreSQL's hold no NUL, and Python's may; and what reads sums."""
    from psycopg.types.numeric import IntLoader
    from psycopg.types.string import StrDumperUnknown, TextLoader

    class Dumper(StrDumperUnknown):
        def dump(self, obj: str) -> Any:
            return super().dump(_masked(obj) if "\0" in obj or _MASK in obj else obj)

    class Loader(TextLoader):
        def load(self, data: Any) -> Any:
            found = str(super().load(data))
            return _MASKED.sub(lambda it: _MASK if it[0][1] == "1" else "\0", found) if _MASK in found else found

    return Dumper, Loader, IntLoader
