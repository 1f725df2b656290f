"""What a monitor, a load balancer or a developer asks: /healthz, /readyz, /metrics, /openapi.json."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from ..engine.renewing import Renewing
from ..operations.metrics import CONTENT_TYPE, exposition, measured
from ..project import openapi as described
from ..system.addresses import is_loopback
from ..system.errors import IngestlayerError, Problem, StoreError
from .answers import LATER, answer, told
from .door import Door
from .origins import host_of

_OF_PROXIES = ("forwarded", "x-forwarded-for")  # who asks is elsewhere, though a proxy here brings it


async def healthz(door: Door, request: Request) -> Response:
    """Say that the process is alive."""
    return answer(200, {"status": "ok"})


async def readyz(door: Door, request: Request) -> Response:
    """Say whether the store is reachable and the project valid; while it is not, the last good one is in force."""

    def look(renewing: Renewing) -> tuple[IngestlayerError | None, list[Problem]]:
        renewing.look()
        renewing.runtime.store.has_unfinished()
        return renewing.trouble, renewing.runtime.project.problems

    door.check_life()
    try:
        trouble, problems = await door.ask(look)
    except StoreError:
        return answer(503, {"error": told("store", "the store is out of reach for now")}, {"Retry-After": str(LATER)})
    if trouble is not None:
        words = f"{trouble.message}; the last good one is in force"
        return answer(503, {"error": told("project", words, trouble.details)})
    if problems:
        return answer(503, {"error": told("project", "a pipeline is broken: its runs wait", problems)})
    return answer(200, {"status": "ready"})


async def metrics(door: Door, request: Request) -> Response:
    """Return the numbers of `ingestlayer metrics`."""
    await _check_reader(door, request)
    found, _ = await asyncio.to_thread(measured, await door.current())
    return Response(exposition(found), 200, {"Content-Type": CONTENT_TYPE})


async def openapi(door: Door, request: Request) -> Response:
    """Describe what is taken, by the declarations as they are now."""
    await _check_reader(door, request)
    return answer(200, described.document(await door.current()))


async def _check_reader(door: Door, request: Request) -> None:
    """Let nobody but this machine, and who has a key, read what a project is like."""
    client = request.client.host if request.client else ""
    is_here = is_loopback(f"[{client}]" if ":" in client else client) and is_loopback(host_of(request))
    if not is_here or any(name in request.headers for name in _OF_PROXIES):
        await door.key(request)
