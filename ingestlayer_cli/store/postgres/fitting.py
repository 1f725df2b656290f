"""Keys that are longer than an index of PostgreSQL takes."""

from hashlib import blake2b

LONGEST = 500  # characters of a key that is kept as it is: two thousand bytes at most
HEAD = 200


def fit(key: str) -> str:
    """Return a key of steps, or a long one's start and a number that no other has."""
    if len(key) <= LONGEST:
        return key
    return f"{key[:HEAD]}…{blake2b(key.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
