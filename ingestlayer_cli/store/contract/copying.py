"""Copying a store to another: the values of what is compared."""

from ...system.typed import NamedTuple


class Copied(NamedTuple):
    """How many rows a table has, and the checksum of what is in them."""

    rows: int
    checksum: str
