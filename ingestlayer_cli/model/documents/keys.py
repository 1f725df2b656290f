"""What `keys` and `serve` print with `--json`."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict


class KeyDocument(TypedDict):
    """A key of the HTTP door."""

    name: str
    types: list[str]
    status: Literal["active", "expired", "revoked"]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None


class KeysDocument(TypedDict):
    """`keys list`."""

    keys: list[KeyDocument]


class NewKeyDocument(KeyDocument):
    """A key that was made; the key itself is shown this once."""

    key: str


class ServedDocument(TypedDict):
    """A line of the log of `serve`, for each request: nothing of its payload."""

    at: str
    method: str
    path: str
    status: int
    ms: float
    client: str | None
    key: NotRequired[str]
    source: NotRequired[str]
    events: NotRequired[int]
    accepted: NotRequired[int]
    duplicate: NotRequired[int]
    rejected: NotRequired[int]
    error: NotRequired[str]
    why: NotRequired[str]
