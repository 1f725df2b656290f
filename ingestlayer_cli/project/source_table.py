"""`[sources.NAME]`: what another service sends over HTTP, how it is known to be from there, and what event it is."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from ..language.expressions import dotted, refs
from ..language.parser import ExpressionError, parse, parse_template
from ..language.templates import template_refs
from ..system.clock import MINUTE
from ..system.errors import as_written
from .models import Strict
from .values import Duration, described, language_of, problem, secret_name

ROOTS = ("body", "header")  # what a source's texts may refer to
Verify = Literal["standard", "stripe", "github", "shopify", "slack", "hmac", "bearer", "none"]
_TIMED = ("standard", "stripe", "slack")  # whose signature has a time
_OF_HMAC = ("header", "algorithm", "encoding", "prefix")


def _known(text: str, paths: list[list[str]]) -> None:
    """Refuse refs to anything but what came; a header is known by its name in small letters."""
    for path in paths:
        if path[0] not in ROOTS:
            words = f"${dotted(path)}: a source has $body and $header alone"
            raise ExpressionError(words, max(text.find(path[0]) - 1, 0))
        if path[0] == "header" and path[1:]:
            path[1] = path[1].lower()


def _parsed(text: str) -> list[Any]:
    parts = parse_template(text, own=lambda: ROOTS[1:])
    _known(text, template_refs(parts))
    return parts


def _expression(text: str) -> Any:
    node = parse(text, own=lambda: ROOTS[1:])
    _known(text, refs(node))
    return node


def _text(value: object) -> dict[str, Any]:
    return {"$template": language_of(_parsed, value, "a text")}


def _condition(value: object) -> dict[str, Any]:
    return {"$condition": language_of(_expression, value, "an expression")}


def _structure(value: object, path: tuple[str | int, ...] = ()) -> Any:
    """Read a text, or a table of such, at a path below its key; what is no text stays what it is."""
    if isinstance(value, dict):
        return {name: _structure(inner, (*path, name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_structure(inner, (*path, index)) for index, inner in enumerate(value)]
    if not isinstance(value, str):
        return value.isoformat() if hasattr(value, "isoformat") else value
    try:
        return {"$template": _parsed(value)}
    except ExpressionError as error:
        raise problem(error.message, error.offset, path) from None


def _payload(value: object) -> Any:
    if not isinstance(value, str | dict):
        raise problem(f'must be a text in quotes, like "$body.data", or a table of such, not {as_written(value)}', 0)
    return _structure(value)


def _secrets(value: object) -> list[str]:
    secrets = value if isinstance(value, list) else [value]
    if not 1 <= len(secrets) <= 2:
        raise problem("is one secret, or two while one is rotated: the new one and the old one", 0)
    return [secret_name(secret) for secret in secrets]


_OF = "$body.… of the JSON that came, and $header['x-event']"
SourceSecrets = Annotated[
    list[str],
    PlainValidator(_secrets),
    WithJsonSchema({"type": ["string", "array"], "description": "env:NAME or keyring:NAME; two while one is rotated"}),
]
SourceText = Annotated[dict[str, Any], PlainValidator(_text), described(f"A text with {_OF}")]
SourceCondition = Annotated[dict[str, Any], PlainValidator(_condition), described(f"A condition on {_OF}")]
SourcePayload = Annotated[
    Any, PlainValidator(_payload), WithJsonSchema({"type": ["string", "object"], "description": f"A text with {_OF}"})
]


class SourceTable(Strict):
    """What another service sends to POST /in/NAME of `serve`: how it is known to be from there, and what event it is.

    Texts and conditions have `$body`, the JSON that came, and `$header`, by names in small letters.

        [sources.orders]
        verify = "standard"
        secret = ["env:ORDERS_SECRET", "env:ORDERS_SECRET_BEFORE"]
        tolerance = "5m"
        when = "$body.type == 'order.paid'"
        type = "usage.limit_reached"
        key = "$header['webhook-id']"
        timestamp = "$body.created"
        payload = { customer_id = "$body.data.customer", used = "${body.data.cents / 100}" }
        on_reject = "keep"

        [sources.signed_by_hand]
        verify = "hmac"
        secret = "env:SHOP_SECRET"
        header = "X-Shop-Signature"
        algorithm = "sha256"
        encoding = "hex"
        prefix = "sha256="
    """

    verify: Verify = Field(description="How a request is known to be from there: the scheme of its signature.")
    secret: SourceSecrets = Field(default_factory=list, description="The secret of the signature.")
    tolerance: Duration = Field(
        default=5 * MINUTE,
        description="How old a signature may be, where the scheme has a time: standard, stripe, slack.",
    )
    header: str | None = Field(default=None, min_length=1, description='Of "hmac": the header that has the signature.')
    algorithm: Literal["sha256", "sha1", "sha512"] = Field(default="sha256", description='Of "hmac": its hash.')
    encoding: Literal["hex", "base64"] = Field(default="hex", description='Of "hmac": how the signature is written.')
    prefix: str = Field(default="", description='Of "hmac": what stands before the signature in its header.')
    when: SourceCondition | None = Field(
        default=None, description="Which requests are events; the others are answered, and nothing comes of them."
    )
    type: SourceText = Field(
        default_factory=lambda: _text("$body.type"), description='The type of the event; without it "$body.type".'
    )
    key: SourceText | None = Field(default=None, description="The idempotency key; without it that of the declaration.")
    timestamp: SourceText | None = Field(
        default=None, description="When it happened: RFC 3339, or seconds since 1970; without it when it came."
    )
    payload: SourcePayload = Field(
        default_factory=lambda: _text("$body"), description='The payload of the event; without it "$body".'
    )
    on_reject: Literal["refuse", "keep"] = Field(
        default="refuse", description="What is answered where the event is refused: 422, or 202 with the event kept."
    )

    @model_validator(mode="after")
    def _whole(self) -> "SourceTable":
        """Check what one key alone cannot tell."""
        given = self.model_fields_set
        if self.verify != "none" and not self.secret:
            raise problem(f'verify = "{self.verify}" needs `secret`: the name of one, "env:NAME"', path=("verify",))
        if self.verify == "none" and self.secret:
            raise problem('verify = "none" asks for no `secret`', path=("secret",))
        if self.verify == "hmac" and not self.header:
            raise problem('verify = "hmac" needs `header`: that of the signature', path=("verify",))
        for key in _OF_HMAC if self.verify != "hmac" else ():
            if key in given:
                raise problem(f'`{key}` is of verify = "hmac"', path=(key,))
        if "tolerance" in given and self.verify not in _TIMED:
            raise problem(f"`tolerance` is of signatures with a time: {', '.join(_TIMED)}", path=("tolerance",))
        return self
