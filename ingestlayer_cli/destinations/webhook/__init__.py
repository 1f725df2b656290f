"""webhook: an HTTP request with a JSON body."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...language.expressions import Scope
from ...language.templates import Template, url_text
from ...model.families import Duration, Secret, Section, WrongKeyError
from ...secrets.named import is_name
from ...system.addresses import is_open, problem_of, quote, shown
from ...system.typed import TYPE_CHECKING, Annotated, Any, ClassVar, Directions, Literal, TomlTable
from ..base import Composing, Connection, Destination, Draw, Remark, Target, body

if TYPE_CHECKING:
    from ...model.sending import Sender

MAX_TIMEOUT = 45_000  # milliseconds: the outbox's lease is 60 s
_VALUE = "\0"  # stands for a value of an event in what is checked

# What a header or a parameter is called whose value is a secret.
_TELLING = r"authorization|auth|token|secret|password|passwd|pwd|cookie|credentials?|(api|access|auth)[-_]?key"
_SECRET_HEADER = re.compile(rf"(.*[-_])?({_TELLING})", re.IGNORECASE)
_SECRET_PARAMETER = re.compile(rf"[?&](?:[^=&#]*[-_.])?(?:{_TELLING}|sig|signature|code)=[^&#\0]", re.IGNORECASE)
_CREDENTIAL = re.compile(r"(bearer|basic)\s+\S|(sk|rk)_(live|test)_|xox[abp]-|whsec_|gh[pousr]_", re.IGNORECASE)

_HEADER = re.compile(r"[0-9A-Za-z_.-]+")  # RFC 9110, 5.6.2 has more, which nobody uses
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "te", "upgrade")
_OUR_STARTS = ("webhook-", "x-ingestlayer-")


class Auth(Section):
    """How the receiver knows that a request is ours.

    `bearer` sends the secret; `hmac` and `standard` send a signature that is made with it.

        auth = { type = "hmac", secret = "env:CRM_SECRET" }
    """

    type: Annotated[Literal["none", "bearer", "hmac", "standard"], "The scheme."]
    secret: Annotated[Secret | None, "The secret of the scheme."] = None

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if values["type"] != "none" and "secret" not in values:
            words = f'auth: type = "{values["type"]}" needs a secret, like secret = "env:CRM_SECRET"'
            raise WrongKeyError(words, "type")
        if values["type"] == "none" and "secret" in values:
            raise WrongKeyError('auth: type = "none" has no secret', "secret")
        return values


class Webhook(Destination):
    """Posts JSON to an address: what a `transform` made, else `{id, type, received_at, payload}`.

    Values in the address are percent-encoded. An address that is a secret as a whole is named: `url = "env:CRM_HOOK"`;
    so is a header: `headers = { X-Api-Key = "keyring:crm" }`. Secrets are never written here.

        [[destinations]]
        use = "webhook"
        url = "https://crm.example/hooks/$event.customer_id"
        headers = { X-Team = "$event.plan" }
        auth = { type = "hmac", secret = "env:CRM_SECRET" }
        timeout = "10s"

    `auth` is `none`, `bearer`, `hmac` (`X-Ingestlayer-Signature: t=<unix time>,v1=<hex HMAC-SHA256 of "t.body">`) or
    `standard` (the headers of standardwebhooks.com; a secret in base64, with `whsec_` before it or without).
    Every request has the delivery's id in `webhook-id` and `X-Ingestlayer-Delivery`: one that comes twice is known by
    it. Any 2xx is success, 410 is final, all else is tried again; redirects are not followed.
    """

    apart: ClassVar[bool] = True

    url: Annotated[Template, "Where it is posted."]
    headers: Annotated[dict[str, Template], "Further headers of the request."] = {}
    auth: Annotated[Auth | None, "How the receiver knows that a request is from here."] = None
    timeout: Annotated[Duration, "How long an answer may take, 45s at most."] = Duration(10_000)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        # A text in place of a template is the name of a secret.
        self._url: Template | str = values["url"]
        headers: dict[str, Template | str] = values.get("headers", {})
        self._headers = {name: value for name, value in headers.items() if isinstance(value, Template)}
        self._secrets = {name: value for name, value in headers.items() if isinstance(value, str)}
        self._auth: dict[str, str] = values.get("auth") or {"type": "none"}

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        auth = values.get("auth", {"type": "none"})
        if not 0 < values.get("timeout", 1) <= MAX_TIMEOUT:
            raise WrongKeyError(f"timeout is at most {MAX_TIMEOUT // 1000}s, and more than nothing", "timeout")
        headers = {name: _checked_header(name, value["$template"]) for name, value in values.get("headers", {}).items()}
        names = [name.lower() for name in headers]
        if twice := next((name for name in headers if names.count(name.lower()) > 1), None):
            raise WrongKeyError(f"headers: {twice} stands there twice", "headers", twice)
        if "authorization" in names and auth["type"] == "bearer":
            raise WrongKeyError("headers: Authorization is what `auth` sets: leave out one of them", "headers")
        checked = {**values, "url": _checked_url(values["url"]["$template"])}
        return {**checked, "headers": headers} if headers else checked

    @classmethod
    def warnings(cls, data: TomlTable, connection: Connection) -> Iterator[Remark]:
        parts = data["url"]["$template"] if isinstance(data["url"], dict) else []
        if parts and isinstance(parts[0], str) and is_open(parts[0]):
            yield Remark("url", "http:// lets everybody on the way read what is sent, and change it: use https://")

    def target(self, scope: Scope) -> Target:
        return Target(self._url if isinstance(self._url, str) else shown(url_text(self._url, scope)))

    def compose(self, composing: Composing) -> str:
        return body(composing)

    def directions(self, composing: Composing) -> Directions:
        told: Directions = {"timeout": self.timeout, "auth": self._auth}
        if isinstance(self._url, str):
            told["named"] = self._url
        else:
            url = url_text(self._url, composing.scope)
            problem = problem_of(url)
            # One that holds a password must not be kept.
            told |= {"problem": problem} if problem else {"url": url}
        if self._headers:
            scope = composing.scope
            told["headers"] = {name: value.render(scope, _in_header).strip() for name, value in self._headers.items()}
        if self._secrets:
            told["secrets"] = self._secrets
        return told

    @classmethod
    def sender(cls, connection: Connection, draw: Draw, root: str) -> Sender:
        """Return what sends the requests."""
        from .sender import Requests

        return Requests()


def _in_header(value: str) -> str:
    """Make a value fit for a header: printable ASCII, the rest percent-encoded; a line's end is a blank."""
    return "".join([char if " " <= char <= "~" else " " if char < " " else quote(char) for char in value])


def _written(parts: list[Any]) -> str:
    """Return a template as its author wrote it, with a mark for each value."""
    return "".join(part if isinstance(part, str) else _VALUE for part in parts)


def _checked_url(parts: list[Any]) -> Any:
    """Return the name of a secret or a template; what is written is never shown, it may be a secret."""
    text = _written(parts).strip()
    if is_name(text):
        return text
    name_it = 'name the whole address: url = "env:NAME"'
    if re.search(r"//[^/?#]*@", text):
        raise WrongKeyError(f"url: a user name or password stands in the address: {name_it}", "url")
    if _SECRET_PARAMETER.search(text):
        raise WrongKeyError(f"url: a secret stands in the address's query: {name_it}", "url")
    if not text.startswith(_VALUE) and not re.match(r"https?://.", text, re.IGNORECASE):
        raise WrongKeyError(
            'url: must be an http(s) address, or name one that is a secret, "env:NAME" or "keyring:NAME"', "url"
        )
    if _VALUE not in text and (problem := problem_of(text)):
        raise WrongKeyError(f"url: {problem}", "url")
    return {"$template": parts}


def _checked_header(name: str, parts: list[Any]) -> Any:
    text = _written(parts)
    if not _HEADER.fullmatch(name):
        raise WrongKeyError("headers: a name has letters, digits and - alone", "headers", name)
    if name.lower() in _OURS or name.lower().startswith(_OUR_STARTS):
        raise WrongKeyError(f"headers: {name} is set by this program", "headers", name)
    if is_name(text.strip()):
        return text.strip()
    if _SECRET_HEADER.fullmatch(name):
        bearer = ', or use auth = { type = "bearer", secret = "env:NAME" }' if name.lower() == "authorization" else ""
        raise WrongKeyError(
            f'headers: {name} must name a secret, "env:NAME" or "keyring:NAME", and never be one{bearer}',
            "headers",
            name,
        )
    if _CREDENTIAL.search(text):
        raise WrongKeyError(
            f'headers: {name} looks like a secret: name it, "env:NAME" or "keyring:NAME"', "headers", name
        )
    if not all(char == _VALUE or " " <= char <= "~" for char in text):
        raise WrongKeyError(f"headers: {name} has other characters than printable ASCII", "headers", name)
    return {"$template": parts}
