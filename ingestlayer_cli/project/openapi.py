"""The OpenAPI document (3.1) of what `serve` takes, made from the declarations: for clients in any language."""

from typing import TYPE_CHECKING

from .. import __version__
from ..model.gate import MAX_KEY, MAX_TYPE
from ..model.payload_schema import payload_schema
from ..system.typed import Schema
from . import Project

if TYPE_CHECKING:
    from ..model.declarations import Declaration
    from ..model.documents.projects import OpenApiDocument

MADE_BY = f"Made by ingestlayer {__version__} from the declarations of this project."
MOST_EVENTS = 500  # of a request
_KEY = (
    "The event happens once under it: the same key again is a duplicate. Without one the key of the declaration counts."
    " To be safe when a request is sent again, give one that is made once a call: once_ and a random UUID, which stands"
    " only where the declaration has no key."
)
_ERRORS = {
    400: "Nothing was accepted: the body is unreadable, or each of its events is refused.",
    401: "The key is missing, unknown, expired or revoked.",
    403: "The key is not for these events.",
    409: "The idempotency keys are taken by events that differ.",
    413: "The body is larger than 5 MB, or has more than 500 events.",
    415: "The body is not JSON.",
    429: "Too many requests: send it again after the seconds of Retry-After.",
    503: "Nothing was accepted, for now: send it again after the seconds of Retry-After.",
}
_OF_A_SOURCE = {
    400: "The body is unreadable.",
    401: "The signature, or its time, is wrong: nothing changed.",
    404: "There is no such source.",
    413: "The body is larger than 5 MB.",
    415: "The body is not JSON.",
    422: "The event is refused: it is kept as a dead letter.",
    429: _ERRORS[429],
    503: _ERRORS[503],
}
_RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
_DETAIL = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "problem": {"type": "string"}},
    "required": ["path", "problem"],
}
_ERROR = {
    "type": "object",
    "properties": {
        "kind": {"type": "string"},
        "message": {"type": "string"},
        "details": {"type": "array", "items": _DETAIL},
    },
    "required": ["kind", "message"],
}


def document(project: Project) -> "OpenApiDocument":
    """Return the document of a project."""
    declarations = [found for type_ in sorted(project.types) if (found := project.declaration(type_))]
    types = [declaration.type for declaration in declarations]
    names = {name: _free(name, types) for name in ("Event", "Result", "Error")}
    schemas = {declaration.type: _event(declaration) for declaration in declarations}
    schemas[names["Event"]] = _any_event(project, types)
    schemas[names["Result"]] = _result()
    schemas[names["Error"]] = {"type": "object", "properties": {"error": _ERROR}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "ingestlayer", "version": __version__, "description": MADE_BY},
        "servers": [{"url": "/"}],
        "paths": {
            "/v1/ingest": {"post": _ingest(names)},
            **({"/in/{name}": {"post": _receive(names, sorted(project.sources))}} if project.sources else {}),
            "/healthz": {"get": _asked("live", "Whether the process is alive.", "application/json")},
            "/readyz": {"get": _asked("ready", "Whether events can be accepted.", "application/json", 503)},
            "/metrics": {"get": _asked("metrics", "Prometheus text.", "text/plain")},
            "/openapi.json": {"get": _asked("openapi", "This document.", "application/json")},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "What `ingestlayer keys create` printed."}
            },
        },
    }


def _free(name: str, types: list[str]) -> str:
    """Return a name of ours for a schema, which no event type has."""
    while name in types:
        name += "_"
    return name


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


# Events ---------------------------------------------------------------------------------------------------


def _event(declaration: "Declaration") -> Schema:
    found = _envelope({"type": "string", "enum": [declaration.type]}, payload_schema(declaration))
    return {"description": declaration.description, **found} if declaration.description else found


def _any_event(project: Project, types: list[str]) -> Schema:
    declared = [_ref(type_) for type_ in types]
    if project.accepts_undeclared or not types:
        other = {"type": "string", "maxLength": MAX_TYPE, **({"not": {"enum": types}} if types else {})}
        return {"anyOf": [*declared, _envelope(other, {"type": "object"})]}
    mapping = {type_: ref["$ref"] for type_, ref in zip(types, declared, strict=True)}
    return {"oneOf": declared, "discriminator": {"propertyName": "type", "mapping": mapping}}


def _envelope(type_: Schema, payload: Schema) -> Schema:
    key = {"type": ["string", "null"], "minLength": 1, "maxLength": MAX_KEY, "description": _KEY}
    when = {"type": ["string", "null"], "description": "When it happened: RFC 3339; else when it arrives."}
    return {
        "type": "object",
        "properties": {"type": type_, "payload": payload, "idempotencyKey": key, "timestamp": when},
        "required": ["type", "payload"],
        "additionalProperties": False,
    }


def _result() -> Schema:
    return {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["accepted", "duplicate", "rejected"]},
            "id": {"type": ["string", "null"], "description": "The event's; of a duplicate the first one's."},
            "error": _ERROR,
        },
        "required": ["status"],
    }


# Operations -----------------------------------------------------------------------------------------------


def _ingest(names: dict[str, str]) -> Schema:
    events = {"type": "array", "items": _ref(names["Event"]), "minItems": 1, "maxItems": MOST_EVENTS}
    results = {"type": "array", "items": _ref(names["Result"])}
    return {
        "operationId": "ingest",
        "summary": "Send events; they are durable once it is answered.",
        "security": [{"key": []}],
        "requestBody": {"required": True, "content": _json(_object(events=events))},
        "responses": _responses("What came of each event, in their order.", _object(results=results), _ERRORS, names),
    }


def _receive(names: dict[str, str], sources: list[str]) -> Schema:
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string", "enum": sources}}
    said = _object(id={"type": ["string", "null"]}, status={"type": "string"})
    return {
        "operationId": "receive",
        "summary": "A webhook of [sources.NAME], signed as that says.",
        "parameters": [name],
        "requestBody": {"required": True, "content": _json({})},
        "responses": _responses("What came of it.", said, _OF_A_SOURCE, names),
    }


def _responses(words: str, data: Schema, errors: dict[int, str], names: dict[str, str]) -> Schema:
    found: Schema = {"202": {"description": words, "content": _json(_object(data=data))}}
    for status, about in errors.items():
        found[str(status)] = {"description": about, "content": _json(_ref(names["Error"]))}
        if status in (429, 503):
            found[str(status)]["headers"] = _RETRY_AFTER
    return found


def _asked(operation: str, words: str, media: str, otherwise: int | None = None) -> Schema:
    responses = {"200": {"description": words, "content": {media: {"schema": {}}}}}
    if otherwise is not None:
        responses[str(otherwise)] = {"description": "It is not.", "content": {media: {"schema": {}}}}
    return {"operationId": operation, "summary": words, "responses": responses}


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}


def _object(**properties: Schema) -> Schema:
    """Return the schema of an object that has these, all of them."""
    return {"type": "object", "properties": properties, "required": [*properties]}
