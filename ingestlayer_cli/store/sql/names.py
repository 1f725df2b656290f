"""Names and numbers by which rows are found."""

from binascii import crc32

from ...system.typed import TYPE_CHECKING
from ..contract.sending import OPEN, WAITING

if TYPE_CHECKING:
    from collections.abc import Iterable


def among(names: "Iterable[str]") -> str:
    """Return as SQL that a column is one of these words of ours."""
    return "IN (" + ", ".join(f"'{name}'" for name in names) + ")"


WAITS, IS_OPEN = among(WAITING), among(OPEN)  # what is said of a delivery's status, and by its partial indexes


def lane_name(destination: str, target: str) -> str:
    """Return the name of the lane that the messages to a target wait in."""
    return f"{destination} {target}"


def key_hash(key: str) -> int:
    """Return the number that an idempotency key is looked up by; two keys may share one, though hardly ever do."""
    return crc32(key.encode("utf-8", "surrogatepass")) - (1 << 31)  # signed: a database needs four bytes for it
