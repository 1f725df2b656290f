"""What one of a pipeline's `[[tests]]` may hold, as pydantic models."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ..model import families
from ..system.clock import parse_rfc3339
from ..system.errors import as_written, near_miss


def _problem(words: str, offset: int | None = None) -> PydanticCustomError:
    return PydanticCustomError("ingestlayer", "{words}", {"words": words, "offset": offset})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _rows(value: object) -> Any:
    rows = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    if wrong := [row for row in rows if not isinstance(row, dict)]:
        raise _problem(f"rows are tables, by their keys or in a list, not {as_written(wrong[0])}", 0)
    return value


def _time(value: str) -> str:
    try:
        parse_rfc3339(value)
    except ValueError as error:
        raise _problem(f"{as_written(value)} is {error}", 0) from None
    return value


def _time_or_now(value: str) -> str:
    return value if value == "now" else _time(value)


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
    """An event of a test.

    It has a `type` and a `payload`, or is the example of a declaration, `with` fields of its own.

        type = "usage.limit_reached"
        payload = { customer_id = "acme", metric = "seats", limit = 50, used = 46 }
        idempotency_key = "acme:seats"
        timestamp = "2026-11-03T09:30:00Z"

        from_example = "usage.limit_reached"
        with = { used = 46 }
    """

    type: str | None = Field(default=None, description="The type of the event.")
    payload: dict[str, Any] = Field(default={}, description="Its payload.")
    idempotency_key: str | None = Field(default=None, description="Its key; without it that of the declaration.")
    timestamp: str | None = Field(default=None, description="When it happened, RFC 3339; without it the test's `now`.")
    from_example: str | None = Field(default=None, description="The declaration whose example it is.")
    with_: Annotated[dict[str, Any], Field(alias="with", description="Fields in place of the example's.")] = {}

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
    """What must come of the event.

    It says one thing at least.

        [tests.expect]
        channels = ["#alerts"]
        contains = ["Acme Inc"]
        not_contains = ["globex"]
        fields = { Plan = "pro" }
        messages = 1
        body = "golden/alert.json"

        [tests.expect]
        dropped_by = "throttle"

        [tests.expect]
        waits_until = "2026-11-09T09:00:00+01:00"
        in_one = 3
    """

    channels: list[str] | None = Field(default=None, description="Where the messages go, all of them, in any order.")
    contains: list[str] | None = Field(default=None, description="What people read in the messages.")
    not_contains: list[str] | None = Field(default=None, description="What they do not read.")
    fields: dict[str, str] | None = Field(default=None, description="Fields of a message, with their values.")
    dropped_by: Annotated[str, AfterValidator(_dropper)] | None = Field(
        default=None, description="The step that drops the event; or `match`, or `duplicate`."
    )
    messages: Annotated[int, Field(ge=0)] | None = Field(default=None, description="How many messages there are.")
    waits_until: Annotated[str, AfterValidator(_time_or_now)] | None = Field(
        default=None,
        description="When the messages go, RFC 3339: with their digest, in their hours, after a delay; or `now`.",
    )
    in_one: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="How many messages the digest says that has one of these, with those of `before`."
    )
    body: Annotated[str, AfterValidator(_golden)] | None = Field(
        default=None, description="A file that has the whole body; `test --update` writes it."
    )

    @model_validator(mode="after")
    def _something(self) -> "Expect":
        if not self.model_fields_set:
            raise _problem(f"expects nothing: there are {', '.join(type(self).model_fields)}")
        return self


class Test(_Strict):
    """One test of a pipeline: an event, what is there before it, and what must come of it.

    It runs through the real code, without the store, the network and files of entities that it does not name.

        [[tests]]
        name = "a second one within the hour is dropped"
        event = { type = "usage.limit_reached", payload = { customer_id = "acme", limit = 100, used = 120 } }
        before = [{ from_example = "usage.limit_reached", with = { used = 100 } }]
        entities = { customer = { acme = { name = "Acme Inc" } } }
        now = "2026-11-03T09:30:00Z"
        expect = { dropped_by = "throttle" }

        [[tests]]
        name = "a blocking limit goes to #alerts"
        from_example = "usage.limit_reached"
        with = { used = 120 }
        expect = { channels = ["#alerts"] }
    """

    name: Annotated[str, Field(min_length=1)] = Field(description="What it claims.")
    event: Given | None = Field(default=None, description="The event.")
    from_example: str | None = Field(default=None, description="The declaration whose example is the event.")
    with_: Annotated[dict[str, Any], Field(alias="with", description="Fields in place of the example's.")] = {}
    entities: dict[str, Annotated[dict[str, dict[str, Any]] | list[dict[str, Any]], BeforeValidator(_rows)]] = Field(
        default={},
        description="Rows of entities by kind, in place of those of the files: by their keys, or as a list.",
    )
    before: list[Given] = Field(default=[], description="Events that came earlier.")
    now: Annotated[str, AfterValidator(_time)] | None = Field(
        default=None, description="The time of the test, RFC 3339."
    )
    expect: Expect = Field(description="What must come of it.")

    @model_validator(mode="after")
    def _one_event(self) -> "Test":
        if (self.event is None) == (self.from_example is None):
            raise _problem('needs either `event = { type = "…", payload = {…} }` or `from_example = "TYPE"`')
        if self.event is not None and "with_" in self.model_fields_set:
            raise _problem("`with` changes an example: write the fields into the event's `payload`")
        return self
