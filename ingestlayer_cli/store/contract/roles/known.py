"""What is known beside events: of entities, and of those who may send."""

from collections.abc import Iterable, Iterator

from ....model.memory import Traits
from ....system.typed import Protocol
from ..keys import ApiKey


class StoredEntities(Protocol):
    """What the store knows of entities, many at a time."""

    def of_keys(self, kind: str, keys: Iterable[str]) -> dict[str, Traits]:
        """Return what is stored of those entities that the store has."""

    def every(self, kind: str) -> Iterator[tuple[str, Traits]]:
        """Yield the stored entities of a kind in the order of their keys, in memory that does not grow."""

    def starting(self, kind: str, start: str, most: int) -> list[str]:
        """Return the first keys that start so."""

    def kinds(self) -> list[str]:
        """Return the kinds that there are."""

    def count(self, kind: str) -> int:
        """Return how many entities of a kind are stored."""


class ApiKeys(Protocol):
    """Who may send over HTTP. A key itself is nowhere: it is known by its SHA-256, in hexadecimal."""

    def create(self, key: ApiKey) -> bool:
        """Add a key; False when there is one of its name, be it revoked."""

    def with_hash(self, hash_: str) -> ApiKey | None:
        """Return the key of this SHA-256, be it expired or revoked."""

    def every(self) -> list[ApiKey]:
        """Return all keys, by name."""

    def revoke(self, name: str, at: int) -> bool:
        """Let a key be worth nothing from now on; False when there is none of this name that is worth anything."""

    def used(self, at: dict[str, int]) -> None:
        """Note when keys were last used, by name: the latest time that was told stays."""
