"""Pipelines that post to a receiver, and what is checked of everything that a project has written."""

import hashlib
import hmac
from pathlib import Path

from tests.support.receiver import Request

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # the example of the Standard Webhooks specification


def webhook(url: str, more: str = "") -> str:
    """Return a destination."""
    return f'[[destinations]]\nuse = "webhook"\nurl = "{url}"\n{more}\n'


def proof(request: Request, secret: str) -> bool:
    """Say whether `X-Ingestlayer-Signature` is right: as a receiver would check it who has only read the README."""
    parts = dict(part.split("=", 1) for part in request.headers["x-ingestlayer-signature"].split(","))
    assert set(parts) == {"t", "v1"}
    signed = hmac.new(secret.encode(), parts["t"].encode() + b"." + request.content, hashlib.sha256)
    return hmac.compare_digest(parts["v1"], signed.hexdigest())


def written(root: Path) -> bytes:
    """Return all that is in a project's files."""
    return b"\n".join(path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file())
