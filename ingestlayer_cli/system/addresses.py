"""http(s) addresses: what may be shown of one, and whether it is fit to be sent to."""

import re

from .patterns import lazy

LONGEST = 500  # characters of an address that are shown

_URL_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")  # RFC 3986, unreserved

_ADDRESS = lazy(
    r"(https?)://(\[[0-9a-f:.]+\]|[^\s\0-\x1f\x7f/?#@:\[\]%\\]+)(:\d{1,5})?([/?#][^\s\0-\x1f\x7f]*)?", re.IGNORECASE
)
_LOOPBACK = lazy(r"localhost|.*\.localhost|127(\.\d+){1,3}|\[::1\]", re.IGNORECASE)
_DOTS = lazy(r"(\.|%2e){1,2}", re.IGNORECASE)


def shown(url: str) -> str:
    """Return scheme, host and path: a query or a password is nobody's business."""
    text = re.sub(r"//[^/?#]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])
    text = "".join(char if char.isprintable() else "" for char in text).strip()
    return (text if len(text) <= LONGEST else text[: LONGEST - 1] + "…") or "no address"


def problem_of(url: str) -> str | None:
    """Say why nothing can be sent to an address, without showing it, or None."""
    found = _ADDRESS.fullmatch(url)
    if found is None:
        if not url:
            return "the address is empty"
        if re.match(r"https?://[^/?#]*@", url, re.IGNORECASE):
            return "the address holds a user name or password"
        return "it is no http(s) address"
    if found[3] and int(found[3][1:]) > 65535:
        return "the address has no such port"
    # It would be taken for another path than the one that is written.
    path = re.split(r"[?#]", found[4] or "", maxsplit=1)[0]
    if any(_DOTS.fullmatch(segment) for segment in path.split("/")):
        return "the address has a path segment of dots alone"
    return None


def is_open(start: str) -> bool:
    """Say whether what an address starts with leads over a network without encryption."""
    found = re.match(r"http://([^/?#]*)", start, re.IGNORECASE)
    if found is None:
        return False
    host = re.match(r"\[[^\]]*\]?|[^:\[]*", found[1])
    return "@" in found[1] or host is None or not is_loopback(host[0])


def is_loopback(host: str) -> bool:
    """Say whether the name of a host, as it stands in an address, is this machine's own for itself."""
    return _LOOPBACK.fullmatch(host) is not None


def quote(value: str) -> str:
    """Percent-encode a value for one place inside a URL (RFC 3986, unreserved characters stay)."""
    if value.isascii() and value.isalnum():
        return value
    octets = value.encode("utf-8", "replace")
    return "".join([chr(octet) if octet in _URL_SAFE else f"%{octet:02X}" for octet in octets])


def without_password(text: str, address: str) -> str:
    """Take the address of a database, and its password, out of what a driver says.

    It is a URL, or the words and values of libpq: https://www.postgresql.org/docs/current/libpq-connect.html
    """
    if not address:
        return text
    from urllib.parse import unquote

    text = text.replace(address, "[address]")
    found = re.search(r"://[^:/@]*:([^@]+)@|password\s*=\s*('(?:[^'\\]|\\.)*'|\S+)|[?&]password=([^&\s]+)", address)
    secret = next(filter(None, found.groups()), "").strip("'") if found else ""
    for word in {secret, unquote(secret)} - {""}:
        text = text.replace(word, "[secret]")
    return text
