"""OAuth v2 for a team's shared app (https://docs.slack.dev/authentication/installing-with-oauth).

Consent is given in the browser; Slack then sends the browser to the app's redirect address, at which nobody
listens: Slack wants HTTPS there, and gives no bot token to an app that redirects to this machine by PKCE
(https://docs.slack.dev/authentication/using-pkce). The address that the browser shows is pasted back, and holds
the code.
"""

import hmac
import secrets
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from ...system.errors import UsageError
from .client import Client
from .secret import SlackError

_AGAIN = "start again with `ingestlayer slack connect --oauth`"


class Request(NamedTuple):
    """One request for consent."""

    client_id: str
    scopes: list[str]
    redirect: str
    state: str

    def url(self, api_url: str) -> str:
        """Return the address to open: it stands beside the Web API."""
        query = {
            "client_id": self.client_id,
            "scope": ",".join(self.scopes),
            "redirect_uri": self.redirect,
            "state": self.state,
        }
        return f"{api_url.rstrip('/').removesuffix('/api')}/oauth/v2/authorize?{urlencode(query)}"

    def code(self, pasted: str) -> str:
        """Return the code in the address that the browser was sent to; SlackError when it is not the one asked for."""
        address = _split("".join(pasted.split()))  # a terminal may break a long line
        if address is None or _place(address) != _place(urlsplit(self.redirect)):
            hint = f"copy the whole address from the browser after Allow; it starts with {self.redirect}?"
            raise SlackError("this is not the address that Slack sends the browser to", hint)
        query = {name: values[-1] for name, values in parse_qs(address.query).items()}
        if not hmac.compare_digest(query.get("state", "").encode(), self.state.encode()):
            hint = f"{_AGAIN}, and paste the address of that very page"
            raise SlackError("the state in the address is not the one of this request", hint)
        if "error" in query:
            denied = query["error"] == "access_denied"
            words = "consent was denied" if denied else "Slack gave no consent"
            raise SlackError(words, f"{_AGAIN}, and choose Allow", "access_denied" if denied else "")
        if not query.get("code"):
            raise SlackError("there is no code in the address", "copy the whole address, to its end")
        return query["code"]


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _place(address: SplitResult) -> tuple[str, str, str]:
    """Return what of an address says where it leads; browsers write scheme and host in small letters."""
    return address.scheme, address.netloc.lower().removesuffix(":443"), address.path or "/"


def check_redirect(url: str) -> str:
    """Return a redirect address as Slack takes it; UsageError otherwise."""
    found = _split(url)
    if found is None or found.scheme != "https" or not found.netloc or found.fragment:
        raise UsageError("--redirect-url is no address that Slack redirects to", "it starts with https://")
    return url


def new_request(client_id: str, scopes: list[str], redirect: str) -> Request:
    """Return a request with a state that nobody can guess."""
    return Request(client_id, scopes, redirect, secrets.token_urlsafe(24))


def exchange(request: Request, client_secret: str, code: str, api_url: str) -> str:
    """Exchange a code for the bot token (https://docs.slack.dev/reference/methods/oauth.v2.access)."""
    arguments = {"code": code, "redirect_uri": request.redirect}
    try:
        answer = Client("", api_url).call("oauth.v2.access", arguments, (request.client_id, client_secret))
    except SlackError as error:
        error.hint = _REMEDIES.get(error.code, error.hint)
        raise
    token = answer.get("access_token")
    if not isinstance(token, str):
        token = ""
    if answer.get("token_type") != "bot" or not token:
        raise SlackError("Slack gave no bot token", "the app needs bot scopes: see `ingestlayer slack manifest`")
    if answer.get("expires_in") or token.startswith("xoxe"):
        hint = "make an app without it, it cannot be turned off again: see `ingestlayer slack manifest`"
        raise SlackError("the app's tokens expire: token rotation is on", hint)
    return token


_REMEDIES = {
    "invalid_code": f"a code is good for ten minutes, and once: {_AGAIN}",
    "code_already_used": f"a code is good once: {_AGAIN}",
    "bad_client_secret": "copy the Client Secret from Basic Information of the app",
    "invalid_client_id": "copy the Client ID from Basic Information of the app",
    "bad_redirect_uri": "add the redirect address under OAuth & Permissions of the app, or name it: --redirect-url",
}
