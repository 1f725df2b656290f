"""Keys of the HTTP door, as a store has them. Times in milliseconds."""

from ...system.typed import NamedTuple


class ApiKey(NamedTuple):
    """Who may send over HTTP. `types` are patterns of event types; `expires_at` None: never."""

    name: str
    hash: str  # SHA-256 of the key, in hexadecimal
    types: list[str]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
