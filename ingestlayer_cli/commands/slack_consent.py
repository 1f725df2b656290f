"""How a person gets a bot token: by hand, from an app of their own, or by consent to a team's shared one."""

import sys
from typing import TYPE_CHECKING

from .asking import ask

if TYPE_CHECKING:
    from ..operations.slack.scopes import Extra


def _say_scopes(extra: "Extra") -> None:
    from ..operations.slack.scopes import wanted
    from ..system.console import note

    note("the app will be allowed to")
    for scope, use in wanted(extra).items():
        note(f"  {scope:17} {use}")
    note("")


def by_hand(extra: "Extra", redirect: str, browser: bool) -> str:
    from ..operations.slack.scopes import creation_link
    from ..system.console import is_attended, note
    from ..system.errors import UsageError

    if not is_attended():
        hint = "ingestlayer slack connect --token-stdin < FILE; the app's manifest: ingestlayer slack manifest"
        raise UsageError("there is no terminal to ask for the bot token on", hint)
    _say_scopes(extra)
    note("1. Create the app: choose the workspace, then Create. All is filled in.")
    _open(creation_link(extra, redirect), browser)
    note("2. Install it: Install to Workspace, then Allow. That is Slack's consent.")
    note("   Then copy the Bot User OAuth Token, under OAuth & Permissions.")
    note("   Who has the app already needs its token alone: it may serve many projects.")
    note("")
    return ask("bot token, xoxb-… (not shown)")


def by_oauth(api_url: str, extra: "Extra", redirect: str, browser: bool) -> str:
    import os

    from ..operations.slack import oauth
    from ..operations.slack.scopes import wanted
    from ..system.console import note

    client_id = os.environ.get("SLACK_CLIENT_ID", "").strip() or ask("client id of the app", hidden=False)
    secret = os.environ.get("SLACK_CLIENT_SECRET", "").strip() or ask("client secret (not shown)")
    request = oauth.new_request(client_id, list(wanted(extra)), redirect)
    _say_scopes(extra)
    note("1. Choose the workspace, then Allow.")
    _open(request.url(api_url), browser)
    note("2. The browser is sent to a page that does not load: copy its address,")
    note(f"   {redirect}?code=…")
    note("")
    return oauth.exchange(request, secret, request.code(ask("that address (not shown)")), api_url)


def _open(url: str, browser: bool) -> None:
    """Print an address; open it where there is a desktop: a browser in this terminal, or far away, is of no use."""
    import os

    from ..system.console import is_attended, note

    note(f"   {url}")
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    is_here = os.environ.get("BROWSER") or (screen and not os.environ.get("SSH_CONNECTION"))
    if not (browser and is_here and is_attended() and sys.stderr.isatty()):
        note("   (open it in any browser, on any machine)", "dim")
        return
    import webbrowser

    if not webbrowser.open(url):
        note("   (no browser opened: copy it into one, on any machine)", "dim")
