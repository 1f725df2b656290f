"""Names and numbers by which rows are found."""

from binascii import crc32


def lane_name(destination: str, target: str) -> str:
    """Return the name of the lane that the messages to a target wait in."""
    return f"{destination} {target}"


def key_hash(key: str) -> int:
    """Return the number that an idempotency key is looked up by; two keys may share one, though hardly ever do."""
    return crc32(key.encode("utf-8", "surrogatepass")) - (1 << 31)  # signed: a database needs four bytes for it
