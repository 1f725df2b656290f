"""POST /v1/ingest: events of our own senders."""

from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from ..engine.group import Became
from ..model.gate import Line, Raw
from ..project.openapi import MOST_EVENTS
from ..store.contract.keys import ApiKey
from ..system.errors import Problem, RejectedError, near_miss
from .access import may_send
from .answers import HttpError, answer, refusal, status_of
from .door import Door, count
from .reading import body_of, check_json, json_of

if TYPE_CHECKING:
    from ..model.documents.answers import AnsweredEventDocument


SOURCE = "http"  # of events that come without a key; else the key's name
_NAMES = ("type", "payload", "idempotencyKey", "timestamp")


async def ingest(door: Door, request: Request) -> Response:
    """Accept the events of a request, each by itself; answer once all of it is durable."""
    key = await door.key(request)
    door.take(f"key {key.name if key else ''}")
    check_json(request)
    judged = [
        _judged(number, event, key) for number, event in enumerate(_events(await json_of(await body_of(door, request))))
    ]
    answers = iter(await door.accept([it.line for it in judged if it.refused is None]))
    results = [Became("rejected", None, it.refused) if it.refused is not None else next(answers) for it in judged]
    count(request, results)
    errors = [result.error for result in results if result.error is not None]
    if len(errors) == len(results):
        raise _all_refused(errors)
    return answer(202, {"data": {"results": [_told(result) for result in results]}})


class _Judged(NamedTuple):
    """An event of a request: a line for the writer, or why the key is not for it."""

    line: Line
    refused: RejectedError | None


def _events(data: object) -> list[Any]:
    shape = '{"events": [{"type": …, "payload": {…}}]}'
    if not isinstance(data, dict) or not isinstance(data.get("events"), list):
        raise HttpError(400, "schema", f"the body is not {shape}")
    if others := data.keys() - {"events"}:
        name = sorted(others)[0]
        raise HttpError(400, "schema", f'the body has an unknown name "{name[:60]}": it is {shape}')
    events = data["events"]
    if not events:
        raise HttpError(400, "schema", "there are no events")
    if len(events) > MOST_EVENTS:
        raise HttpError(413, "size", f"there are {len(events):,} events, {MOST_EVENTS} at most")
    return list(events)


def _judged(number: int, event: object, key: ApiKey | None) -> _Judged:
    source = key.name if key is not None else SOURCE
    try:
        raw = _raw(event, source)
    except RejectedError as error:
        type_ = event["type"] if isinstance(event, dict) and isinstance(event.get("type"), str) else ""
        return _Judged(Line(number + 1, Raw(type_, event, source=source), error, b""), None)
    refused = None
    if key is not None and not may_send(key, raw.type):
        refused = RejectedError("scope", f"the key {key.name} is not for {raw.type}: it is for {', '.join(key.types)}")
    return _Judged(Line(number + 1, raw, None, b""), refused)


def _raw(event: object, source: str) -> Raw:
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise RejectedError("schema", 'an event is {"type": …, "payload": {…}}')
    for name in event.keys() - {*_NAMES}:
        raise RejectedError("schema", f'the event has an unknown name "{name[:60]}"{near_miss(name[:60], _NAMES)}')
    return Raw(event["type"], event.get("payload", {}), event.get("idempotencyKey"), event.get("timestamp"), source)


def _told(result: Became) -> "AnsweredEventDocument":
    told: AnsweredEventDocument = {"status": result.status, "id": result.id}
    if result.error is not None:
        told["error"] = refusal(result.error)
    return told


def _all_refused(errors: list[RejectedError]) -> HttpError:
    """Return the error of a request of which nothing is accepted."""
    kinds = {error.kind for error in errors}
    kind = kinds.pop() if len(kinds) == 1 else "rejected"
    many = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    details = [
        Problem(f"events[{number}]" + (f".{path}" if path else ""), problem)
        for number, error in enumerate(errors)
        for path, problem in error.details or [Problem("", error.message)]
    ]
    return HttpError(status_of(error.kind for error in errors), kind, errors[0].message + many, details)
