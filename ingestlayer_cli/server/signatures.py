"""How a source's requests are known to be from it: the raw body is verified before anybody reads it.

Every comparison takes the same time, however much of a signature is right. A signature that has a time is good for a
source's `tolerance`, before and after.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Iterable, Mapping

from ..system.typed import TomlTable

Headers = Mapping[str, str]
Check = Callable[[TomlTable, list[str], Headers, bytes, int], bool]


class SignatureError(Exception):
    """A request that is not shown to be from its source."""


class SecretError(Exception):
    """A secret that is none of its scheme."""


def verify(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> None:
    """Check a request by its source's table, by any of its secrets; SignatureError says what is wrong, no more."""
    if not _SCHEMES[table["verify"]](table, secrets, headers, body, now):
        raise SignatureError("the signature is not that of this body and secret")


def _standard(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> bool:
    """https://www.standardwebhooks.com; Svix, which it is from, has names of its own."""
    family = "svix" if "svix-id" in headers and "webhook-id" not in headers else "webhook"
    id_, at, given = (_needed(headers, f"{family}-{name}") for name in ("id", "timestamp", "signature"))
    _check_time(at, table, now)
    signed = f"{id_}.{at}.".encode("latin-1", "replace") + body
    wanted = [base64.b64encode(_mac(_decoded(secret), signed)).decode() for secret in secrets]
    found = [text.partition(",")[2] for text in given.split(" ") if text.startswith("v1,")]
    return _any_same(wanted, found)


def _stripe(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> bool:
    """https://docs.stripe.com/webhooks/signature"""
    parts = [part.strip().partition("=") for part in _needed(headers, "stripe-signature").split(",")]
    at = next((value for name, _, value in parts if name == "t"), "")
    _check_time(at, table, now)
    wanted = [_mac(secret.encode(), f"{at}.".encode() + body).hex() for secret in secrets]
    return _any_same(wanted, [value for name, _, value in parts if name == "v1"])


def _slack(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> bool:
    """https://docs.slack.dev/authentication/verifying-requests-from-slack"""
    at = _needed(headers, "x-slack-request-timestamp")
    _check_time(at, table, now)
    wanted = ["v0=" + _mac(secret.encode(), f"v0:{at}:".encode() + body).hex() for secret in secrets]
    return _any_same(wanted, [_needed(headers, "x-slack-signature")])


def _hmac(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> bool:
    given = _needed(headers, table["header"].lower())
    if not given.startswith(table["prefix"]):
        return False
    given = given[len(table["prefix"]) :]
    if table["encoding"] == "hex":
        given = given.lower()
        wanted = [_mac(secret.encode(), body, table["algorithm"]).hex() for secret in secrets]
    else:
        wanted = [base64.b64encode(_mac(secret.encode(), body, table["algorithm"])).decode() for secret in secrets]
    return _any_same(wanted, [given])


def _preset(header: str, encoding: str, prefix: str) -> Check:
    preset = {"header": header, "encoding": encoding, "prefix": prefix, "algorithm": "sha256"}
    return lambda _, secrets, headers, body, now: _hmac(preset, secrets, headers, body, now)


def _bearer(table: TomlTable, secrets: list[str], headers: Headers, body: bytes, now: int) -> bool:
    scheme, _, token = _needed(headers, "authorization").partition(" ")
    return scheme.lower() == "bearer" and _any_same(secrets, [token.strip()])


_SCHEMES: dict[str, Check] = {
    "standard": _standard,
    "stripe": _stripe,
    "slack": _slack,
    # https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    "github": _preset("x-hub-signature-256", "hex", "sha256="),
    # https://shopify.dev/docs/apps/build/webhooks/subscribe/https
    "shopify": _preset("x-shopify-hmac-sha256", "base64", ""),
    "hmac": _hmac,
    "bearer": _bearer,
    "none": lambda *_: True,
}


def _needed(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SignatureError(f"the header {name} is missing")
    return value


def _check_time(text: str, table: TomlTable, now: int) -> None:
    """Refuse a time that is too far from now: somebody may have kept the request."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise SignatureError("the signature has no time")
    if abs(now - int(text) * 1000) > table["tolerance"]:
        raise SignatureError("the signature is not of this time: is a clock wrong, or the request an old one?")


def _mac(secret: bytes, data: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(secret, data, algorithm)


def _decoded(secret: str) -> bytes:
    """Return the bytes of a Standard Webhooks secret: base64, after `whsec_`."""
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise SecretError("a secret of Standard Webhooks is whsec_ and base64") from None


def _any_same(wanted: Iterable[str], found: Iterable[str]) -> bool:
    """Compare all with all, whatever is found first."""
    given = [text.encode("utf-8", "surrogateescape") for text in found]
    return any([hmac.compare_digest(one.encode(), other) for one in wanted for other in given])  # noqa: C419
