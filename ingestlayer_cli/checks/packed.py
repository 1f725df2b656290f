"""Many small values, kept in little memory until they are told."""

import json
from collections.abc import Iterator
from zlib import compressobj, decompressobj

from ..system.typed import Any

_FAST = 1  # the level of compression


class Packed:
    """JSON values in the order in which they came: of hundreds of thousands some megabytes."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._packing = compressobj(_FAST)

    def add(self, value: object) -> None:
        if piece := self._packing.compress(json.dumps(value).encode() + b"\n"):
            self._pieces.append(piece)

    def __iter__(self) -> Iterator[Any]:
        unpacking, rest = decompressobj(), b""
        for piece in (*self._pieces, self._packing.copy().flush()):
            *lines, rest = (rest + unpacking.decompress(piece)).split(b"\n")
            yield from map(json.loads, lines)
