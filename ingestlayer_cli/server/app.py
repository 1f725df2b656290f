"""The application: which path is whose, errors of one shape, and one line for the log for each request."""

from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..system.addresses import is_loopback
from ..system.errors import in_words
from ..system.typed import TomlTable, Values
from . import asked
from .answers import HttpError, of_error
from .door import Door
from .inbound import inbound
from .ingest import ingest
from .origins import allow, host_of, preflight

Route = Callable[[Door, Request], Awaitable[Response]]
Logged = Callable[[Values], None]
LONGEST = 200  # characters of a path that are logged


ROUTES: dict[str, dict[str, Route]] = {
    "/v1/ingest": {"POST": ingest},
    "/healthz": {"GET": asked.healthz},
    "/readyz": {"GET": asked.readyz},
    "/metrics": {"GET": asked.metrics},
    "/openapi.json": {"GET": asked.openapi},
}


SOURCES: dict[str, Route] = {"POST": inbound}  # below /in/


class Application:
    """An ASGI application over one door; `logged` gets a line after each request, `troubled` what went wrong."""

    def __init__(self, door: Door, logged: Logged, troubled: Callable[[Exception], None]) -> None:
        self._door = door
        self._logged = logged
        self._troubled = troubled

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        facts = scope["facts"] = dict[str, Any]()
        request = Request(scope, receive)
        self._door.in_hand += 1
        try:
            response = await self._response(request)
            await response(scope, receive, send)
        finally:
            self._door.in_hand -= 1
            self._door.let_go(request)
        line = {"method": scope["method"], "path": scope["path"][:LONGEST], "status": response.status_code}
        client = scope["client"][0] if scope.get("client") else None
        took = round((perf_counter() - started) * 1000, 1)
        self._logged({**line, "ms": took, "client": client, **facts})

    async def _response(self, request: Request) -> Response:
        facts = request.scope["facts"]
        try:
            response = await self._routed(request)
        except HttpError as error:
            facts["error"] = error.kind
            response = error.response()
        except Exception as error:
            known = in_words(error)
            facts["error"], facts["why"] = known.kind, known.message
            self._troubled(error)
            response = of_error(error).response()
        allow(self._door.project.serve["origins"], request, response)
        return response

    async def _routed(self, request: Request) -> Response:
        if not self._is_called(request, self._door.project.serve) and not self._is_called(
            request, await self._door.settings()
        ):
            raise HttpError(400, "host", "the Host is not one of this server's: [serve] hosts names them")
        path, method = request.scope["path"], request.method
        methods = ROUTES.get(path) or (SOURCES if path.startswith("/in/") and path != "/in/" else None)
        if methods is None:
            raise HttpError(404, "not_found", "there is nothing here")
        if method == "OPTIONS" and (found := preflight((await self._door.settings())["origins"], request, methods)):
            return found
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(methods)
            words = f"{method[:20]} is not for this path: {allowed} is"
            raise HttpError(405, "method", words, headers={"Allow": allowed})
        return await route(self._door, request)

    def _is_called(self, request: Request, serve: TomlTable) -> bool:
        """Say whether a request names this machine by a name of its own: a page in a browser may have led it here."""
        host, hosts = host_of(request), serve["hosts"]
        return host in hosts or (is_loopback(host) if self._door.is_open else not hosts or is_loopback(host))
