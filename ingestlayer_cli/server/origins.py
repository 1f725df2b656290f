"""Pages in a browser: they may send where `[serve] origins` says so, and nowhere else; by a Host they may be misled."""

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

AGE = 600  # seconds for which a browser need not ask again


def preflight(origins: list[str], request: Request, methods: Iterable[str]) -> Response | None:
    """Return the answer to a browser that asks what it may send; None to any other request."""
    if request.method != "OPTIONS" or "access-control-request-method" not in request.headers:
        return None
    if request.headers.get("origin") not in origins:
        return None
    headers = {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": "authorization, content-type",
        "Access-Control-Max-Age": str(AGE),
    }
    return Response(None, 204, headers)


def allow(origins: list[str], request: Request, response: Response) -> None:
    """Let a page of one of these origins read a response."""
    if not origins:
        return
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("origin")
    if origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"


def host_of(request: Request) -> str:
    """Return the Host that a request names, without its port, in small letters."""
    header = request.headers.get("host", "")
    name, _, port = header.rpartition(":")
    return (name if name and port.isdigit() else header).lower()
