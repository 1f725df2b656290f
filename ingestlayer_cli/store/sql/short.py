"""Ids as short as they are unique."""

from collections.abc import Callable

from ...system.typed import Any

SHORTEST = 14  # characters of a shortened id


def shortest(rows: Callable[..., list[Any]], table: str, ids: list[str]) -> list[str]:
    """Return of each id the shortest start that no other one of its table has."""
    found = []
    for id_ in ids:
        beside = rows(f"SELECT max(id) FROM {table} WHERE id < ?", id_)
        beside += rows(f"SELECT min(id) FROM {table} WHERE id > ?", id_)
        same = max(_shared(id_, other or "") for (other,) in beside)
        found.append(id_[: max(same + 1, SHORTEST)])
    return found


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts share at their start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
