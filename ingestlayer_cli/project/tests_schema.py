"""What one of a pipeline's `[[tests]]` may hold, as pydantic models."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..model import families
from ..system.clock import parse_rfc3339
from ..system.errors import as_written, near_miss


def _problem(words: str, offset: int | None = None) -> PydanticCustomError:
    return PydanticCustomError("ingestlayer", "{words}", {"words": words, "offset": offset})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _time(value: str) -> str:
    try:
        parse_rfc3339(value)
    except ValueError as error:
        raise _problem(f"{as_written(value)} is {error}", 0) from None
    return value


def _golden(value: str) -> str:
    if not re.fullmatch(r"[^/\\:][^\\:]*\.json", value) or ".." in value.split("/"):
        raise _problem(f"{as_written(value)} is not the name of a .json file inside the project", 0)
    return value


def _dropper(value: str) -> str:
    known = [*families.kinds("steps"), "match", "duplicate"]
    if value not in known:
        listed = near_miss(value, known) or f": there are {', '.join(known)}"
        raise _problem(f'nothing called "{value}" can drop an event{listed}', 0)
    return value


class Given(_Strict):
    """An event: its own `type` and `payload`, or the example of a declaration, `with` fields of its own."""

    type: str | None = None
    payload: dict[str, Any] = {}
    idempotency_key: str | None = None
    timestamp: str | None = None
    from_example: str | None = None
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}

    @model_validator(mode="after")
    def _one_way(self) -> "Given":
        if (self.type is None) == (self.from_example is None):
            raise _problem('needs either `type = "…"` with a `payload`, or `from_example = "…"`')
        if self.from_example is not None and "payload" in self.model_fields_set:
            raise _problem("`from_example` brings the payload: change fields of it by `with`")
        if self.type is not None and "with_" in self.model_fields_set:
            raise _problem("`with` changes an example: write the fields into `payload`")
        return self


class Expect(_Strict):
    """What must come of the event; one thing at least."""

    channels: list[str] | None = None
    contains: list[str] | None = None
    not_contains: list[str] | None = None
    fields: dict[str, str] | None = None
    dropped_by: Annotated[str, AfterValidator(_dropper)] | None = None
    messages: Annotated[int, Field(ge=0)] | None = None
    body: Annotated[str, AfterValidator(_golden)] | None = None

    @model_validator(mode="after")
    def _something(self) -> "Expect":
        if not self.model_fields_set:
            raise _problem(f"expects nothing: there are {', '.join(type(self).model_fields)}")
        return self


class Test(_Strict):
    """One test of a pipeline: an event, what is there before it, and what must come of it."""

    name: Annotated[str, Field(min_length=1)]
    event: Given | None = None
    from_example: str | None = None
    with_: Annotated[dict[str, Any], Field(alias="with")] = {}
    entities: dict[str, list[dict[str, Any]]] = {}
    before: list[Given] = []
    now: Annotated[str, AfterValidator(_time)] | None = None
    expect: Expect

    @model_validator(mode="after")
    def _one_event(self) -> "Test":
        if (self.event is None) == (self.from_example is None):
            raise _problem('needs either `event = { type = "…", payload = {…} }` or `from_example = "TYPE"`')
        if self.event is not None and "with_" in self.model_fields_set:
            raise _problem("`with` changes an example: write the fields into the event's `payload`")
        return self
