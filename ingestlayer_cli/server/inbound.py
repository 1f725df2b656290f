"""POST /in/NAME: what another service sends, by `[sources.NAME]`."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ..engine.group import Became
from ..language.conditions import Condition
from ..language.expressions import Scope
from ..language.templates import Template, substitute
from ..model.gate import Line, Raw, read_json
from ..secrets.named import resolve
from ..system.clock import SECOND, format_time
from ..system.errors import ProjectError, RejectedError
from ..system.typed import TomlTable
from .answers import HttpError, answer, refusal, status_of
from .door import Door, count
from .reading import aside, body_of
from .signatures import SecretError, SignatureError, verify

MILLISECONDS = 100_000_000_000  # a time that is a number and larger than this is in them, else in seconds
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


async def inbound(door: Door, request: Request) -> Response:
    """Accept what a source sends, once it is verified; answer once it is durable."""
    door.check_life()
    project = await door.current()
    name = request.scope["path"].removeprefix("/in/")
    table = project.sources.get(name)
    if table is None:
        raise HttpError(404, "not_found", "there is no such source")
    request.scope["facts"]["source"] = name
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
        raise HttpError(
            415, "media_type", "the body must be JSON: set the content type of the hook to application/json"
        )
    body = await body_of(door, request)
    now = door.now()
    await _verify(table, request, body, now)
    door.take(f"source {name}")  # what others send in its name is not counted
    line = await aside(body, _line, name, table, request, body, now)
    if isinstance(line, Response):
        return line
    (became,) = await door.accept([line])
    count(request, [became])
    return _answer(table, became)


async def _verify(table: TomlTable, request: Request, body: bytes, now: int) -> None:
    secrets = await _secrets(table["secret"])
    try:
        verify(table, secrets, request.headers, body, now)
    except SignatureError as error:
        raise HttpError(401, "signature", str(error)) from None
    except SecretError as error:
        raise ProjectError(str(error)) from None


async def _secrets(names: list[str]) -> list[str]:
    """Return those of a source's secrets that are set; ProjectError when none is."""
    found, failure = [], None
    for name in names:
        try:
            found.append(await asyncio.to_thread(resolve, name) if name.startswith("keyring:") else resolve(name))
        except ProjectError as error:
            failure = error
    if failure is not None and not found:
        raise failure
    return found


def _line(name: str, table: TomlTable, request: Request, body: bytes, now: int) -> Line | Response:
    """Return what came as a line for the writer; or the answer to what is no event."""
    try:
        data = read_json(body, "the body")
    except RejectedError as error:
        return Line(0, Raw("", None, source=name), error, body)
    if request.headers.get("x-github-event") == "ping":
        return _ignored()
    if isinstance(data, dict) and data.get("type") == "url_verification" and isinstance(data.get("challenge"), str):
        return answer(200, {"challenge": data["challenge"]})
    scope = {"body": data, "header": dict(request.headers), "event": {}, "entity": {}, "item": None}
    if table["when"] is not None and not Condition(table["when"]["$condition"]).holds(scope):
        return _ignored()
    payload = substitute(_templates(table["payload"]), scope)
    raw = Raw(_text(table["type"], scope), payload, None, _time(table["timestamp"], scope, now), name)
    try:
        return Line(0, raw._replace(key=_key(table["key"], scope)), None, b"", lasting=True)
    except RejectedError as error:
        return Line(0, raw, error, b"", lasting=True)


def _ignored() -> Response:
    """Answer what asks whether anybody is there, and what the source's `when` leaves out."""
    return answer(200, {"data": {"id": None, "status": "ignored"}})


def _answer(table: TomlTable, became: Became) -> Response:
    if became.error is None or table["on_reject"] == "keep":
        return answer(202, {"data": {"id": became.id, "status": became.status}})
    told = refusal(became.error)
    otherwise = 400 if became.error.kind == "json" else 422
    return answer(status_of([became.error.kind], otherwise), {"error": told})


# The texts of a table ----------------------------------------------------------------------------------------


def _templates(data: object) -> Any:
    """Return compiled data with its templates ready."""
    if isinstance(data, dict):
        if "$template" in data:
            return Template(data["$template"])
        return {name: _templates(value) for name, value in data.items()}
    return [_templates(value) for value in data] if isinstance(data, list) else data


def _text(text: TomlTable, scope: Scope) -> str:
    return Template(text["$template"]).render(scope)


def _key(text: TomlTable | None, scope: Scope) -> str | None:
    if text is None:
        return None
    key = Template(text["$template"]).key(scope)
    if key is None:
        raise RejectedError("key", "the `key` of its source has a null in it: half a key would merge strangers")
    return key


def _time(text: TomlTable | None, scope: Scope, now: int) -> Any:
    """Return when it happened: as the source says it, in RFC 3339 or in seconds, else now."""
    value = None if text is None else Template(text["$template"]).value(scope)
    if value is None:
        return format_time(now)
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return format_time(int(value if abs(value) > MILLISECONDS else value * SECOND))
        except (OverflowError, ValueError):
            return str(value)
    return value
