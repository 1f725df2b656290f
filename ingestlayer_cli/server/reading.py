"""Reading a request: its limits are held before anything is read."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect, Request

from ..model.gate import read_json
from ..system.errors import RejectedError
from .answers import SOON, HttpError, unavailable
from .door import Door

MOST_BYTES = 5_000_000
SECONDS = 30  # in which a body must be there
Found = TypeVar("Found")
LARGE = 100_000  # bytes of a body that other requests need not wait for while it is parsed


async def body_of(door: Door, request: Request) -> bytes:
    """Return the body; HttpError when it is too large, in a coding that we do not read, too slow, or one too many."""
    said = request.headers.get("content-length")
    if said is not None and int(said) > MOST_BYTES:  # h11 lets nothing but a number through
        raise _too_large()
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HttpError(415, "media_type", "the body is compressed: send it as it is")
    parts, size = [], 0
    try:
        async with asyncio.timeout(SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > MOST_BYTES:
                    raise _too_large()
                if not door.holds(request, len(part)):
                    raise unavailable("too many large requests are being read", SOON, "busy")
                parts.append(part)
    except TimeoutError:
        headers = {"Connection": "close"}
        raise HttpError(408, "timeout", f"the body was not there in {SECONDS} s", headers=headers) from None
    except ClientDisconnect:
        raise HttpError(400, "incomplete", "the body is not whole") from None
    return b"".join(parts)


def _too_large() -> HttpError:
    return HttpError(413, "size", f"the body is larger than {MOST_BYTES:,} bytes")


def check_json(request: Request) -> None:
    """Refuse a body that does not say that it is JSON."""
    name = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if name != "application/json" and not (name.startswith("application/") and name.endswith("+json")):
        raise HttpError(415, "media_type", "the body must be JSON: send Content-Type: application/json")


async def json_of(body: bytes) -> Any:
    """Return the JSON of a request's body; HttpError when it is none."""
    try:
        return await aside(body, read_json, body, "the body")
    except RejectedError as error:
        raise HttpError(400, error.kind, error.message) from None


async def aside(body: bytes, work: Callable[..., Found], *arguments: object) -> Found:
    """Do what takes as long as a body is large; beside other requests where it is."""
    return await asyncio.to_thread(work, *arguments) if len(body) > LARGE else work(*arguments)
