"""`slack`: connect a workspace, and look at the connection."""

import sys
from typing import Annotated, Any

import typer

from .options import Json, Quiet

app = typer.Typer(help="Connect a Slack workspace, and look at the connection.", no_args_is_help=True)

Workspace = Annotated[
    str, typer.Option("--workspace", metavar="NAME", help="A workspace of [slack.workspaces]; else the default one.")
]
Reconcile = Annotated[
    bool, typer.Option("--reconcile", help="Also ask for channels:history: to see whether a message arrived.")
]
Redirect = Annotated[
    str | None, typer.Option("--redirect-url", metavar="URL", help="The app's redirect address, for --oauth.")
]


@app.command("connect")
def connect(
    oauth: Annotated[bool, typer.Option("--oauth", help="For a team's shared app: consent in the browser.")] = False,
    token_stdin: Annotated[bool, typer.Option("--token-stdin", help="Read the bot token from stdin.")] = False,
    webhook_stdin: Annotated[
        bool, typer.Option("--webhook-stdin", help="Read the address of an incoming webhook from stdin.")
    ] = False,
    workspace: Workspace = "",
    reconcile: Reconcile = False,
    redirect_url: Redirect = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser, on a desktop.")] = True,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Connect a workspace: create the app with two clicks, give its bot token, and messages go to Slack.

    The secret goes to the OS keyring, or to a file that only you can read; SLACK_BOT_TOKEN always wins.
    A team's shared app (--oauth) is told by SLACK_CLIENT_ID and SLACK_CLIENT_SECRET, or asked for.
    """
    from ..operations.slack import connecting, scopes
    from ..operations.slack import oauth as consent
    from ..system.errors import UsageError

    if oauth + token_stdin + webhook_stdin > 1:
        raise UsageError("--oauth, --token-stdin and --webhook-stdin exclude each other", "give one of them")
    redirect = consent.check_redirect(redirect_url) if redirect_url else scopes.REDIRECT
    project = _project(workspace, may_be_new=True)
    api_url = _api_url(project, workspace)
    if webhook_stdin:
        done = connecting.with_webhook(project.root, _ask("address of the webhook (not shown)"), workspace)
    else:
        if token_stdin:
            token = _ask("bot token, xoxb-… (not shown)")
        elif oauth:
            token = _by_oauth(api_url, reconcile, redirect, browser)
        else:
            token = _by_hand(reconcile, redirect, browser)
        done = connecting.with_token(project.root, token, api_url, workspace, reconcile)
    _say_connected(project, done, json, quiet)
    return 0


def _project(workspace: str = "", may_be_new: bool = False) -> Any:
    """Return the project, whose workspace must be there; a new one must not look like a misspelt one."""
    import re

    from ..project import load
    from ..system.errors import UsageError, near_miss
    from . import settings

    project = load(settings.project, keep=False)
    if workspace and workspace not in project.workspaces:
        near = near_miss(workspace, project.workspaces)
        if near or not may_be_new:
            hint = f"connect it: ingestlayer slack connect --workspace {workspace}"
            raise UsageError(f"there is no workspace {workspace}{near}", "correct it" if near else hint)
        if not re.fullmatch(r"[A-Za-z][\w-]*", workspace, re.ASCII):
            raise UsageError(f"{workspace!r} is no name for a workspace", "it has letters, digits, _ and -")
    return project


def _api_url(project: Any, workspace: str) -> str:
    return str(project.slack_of(workspace if workspace in project.workspaces else "")["api_url"])


def _ask(prompt: str, hidden: bool = True) -> str:
    """Ask on the terminal, hidden where it is a secret; without one the next line of stdin is the answer.

    It is never an argument, which every process of the machine can see.
    """
    from ..system.console import note
    from ..system.errors import Exit, IngestlayerError, UsageError

    try:
        line = _answer(prompt, hidden)
    except KeyboardInterrupt:
        note("")
        stopped = IngestlayerError("interrupted: nothing was changed")
        stopped.kind, stopped.exit_code = "interrupted", Exit.INTERRUPTED
        raise stopped from None
    if not line.strip():
        raise UsageError(f"nothing was given for: {prompt}", "paste it at the prompt, or give it on stdin")
    return line.strip()


def _answer(prompt: str, hidden: bool) -> str:
    """Return a line, an empty one at the end of the input."""
    from ..system.console import note

    if not sys.stdin.isatty():
        # Bytes: whatever comes, it is told to be no token, not to be no UTF-8.
        return sys.stdin.buffer.readline(1 << 16).decode("utf-8-sig", "replace")
    if hidden:
        return _hidden(prompt)
    sys.stderr.write(f"{prompt}: ")
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        note("")
    return line


def _hidden(prompt: str) -> str:
    """Read a line of the terminal without showing it; refuse to read one that would be seen."""
    import warnings
    from getpass import GetPassWarning, getpass

    from ..system.console import note
    from ..system.errors import UsageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", GetPassWarning)
            return getpass(f"{prompt}: ", sys.stderr)
    except EOFError:
        note("")
        return ""
    except GetPassWarning:
        raise UsageError("this terminal shows what is typed", "give it by stdin: … --token-stdin < FILE") from None


def _open(url: str, browser: bool) -> None:
    """Print an address; open it where there is a desktop: a browser in this terminal, or far away, is of no use."""
    import os

    from ..system.console import note

    note(f"   {url}")
    screen = sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    is_here = os.environ.get("BROWSER") or (screen and not os.environ.get("SSH_CONNECTION"))
    if not (browser and is_here and sys.stdin.isatty() and sys.stderr.isatty()):
        note("   (open it in any browser, on any machine)", "dim")
        return
    import webbrowser

    if not webbrowser.open(url):
        note("   (no browser opened: copy it into one, on any machine)", "dim")


def _say_scopes(reconcile: bool) -> None:
    from ..operations.slack.scopes import wanted
    from ..system.console import note

    note("the app will be allowed to")
    for scope, use in wanted(reconcile).items():
        note(f"  {scope:17} {use}")
    note("")


def _by_hand(reconcile: bool, redirect: str, browser: bool) -> str:
    from ..operations.slack.scopes import creation_link
    from ..system.console import note
    from ..system.errors import UsageError

    if not sys.stdin.isatty():
        hint = "ingestlayer slack connect --token-stdin < FILE; the app's manifest: ingestlayer slack manifest"
        raise UsageError("there is no terminal to ask for the bot token on", hint)
    _say_scopes(reconcile)
    note("1. Create the app: choose the workspace, then Create. All is filled in.")
    _open(creation_link(reconcile, redirect), browser)
    note("2. Install it: Install to Workspace, then Allow. That is Slack's consent.")
    note("   Then copy the Bot User OAuth Token, under OAuth & Permissions.")
    note("")
    return _ask("bot token, xoxb-… (not shown)")


def _by_oauth(api_url: str, reconcile: bool, redirect: str, browser: bool) -> str:
    import os

    from ..operations.slack import oauth
    from ..operations.slack.scopes import wanted
    from ..system.console import note

    client_id = os.environ.get("SLACK_CLIENT_ID", "").strip() or _ask("client id of the app", hidden=False)
    secret = os.environ.get("SLACK_CLIENT_SECRET", "").strip() or _ask("client secret (not shown)")
    request = oauth.new_request(client_id, list(wanted(reconcile)), redirect)
    _say_scopes(reconcile)
    note("1. Choose the workspace, then Allow.")
    _open(request.url(api_url), browser)
    note("2. The browser is sent to a page that does not load: copy its address,")
    note(f"   {redirect}?code=…")
    note("")
    return oauth.exchange(request, secret, request.code(_ask("that address (not shown)")), api_url)


def _say_connected(project: Any, done: Any, json: bool, quiet: bool) -> None:
    import os

    from ..destinations.slack.credentials import KEYRING, variable
    from ..secrets.keyring import has_keyring_extra
    from ..system.console import note, say, say_json

    if json:
        say_json(done.document())
    elif not quiet:
        who = done.identity
        say(f"connected to {who.team} as @{who.user}" if who else "connected by an incoming webhook", "green")
        say(f"  the secret is in {done.where}")
        if done.switched:
            table = f"slack.workspaces.{done.workspace}" if done.workspace else "slack"
            say(f'  ingestlayer.toml: [{table}] connection = "{done.connection}"')
    for scope, use in done.missing.items():
        note(f"warning: without {scope} it cannot {use}", "yellow")
    name = variable(done.connection, done.workspace)
    if os.environ.get(name, "").strip():
        note(f"warning: {name} is set in this environment, and wins", "yellow")
    if json or quiet:
        return
    if done.where != KEYRING and not has_keyring_extra():
        note("to keep it in the OS keyring: pip install 'ingestlayer-cli[keyring]',", "dim")
        note("then connect again", "dim")
    note("")
    note(f"next: ingestlayer slack test{_try(project, done.workspace)}")


def _try(project: Any, workspace: str) -> str:
    """Return the arguments of a first `slack test`."""
    from ..operations.slack.status import posted_to

    names = (name for name in posted_to(project, workspace) if "$" not in name and not name.startswith("@"))
    return f" '{next(names, '#general')}'" + (f" --workspace {workspace}" if workspace else "")


@app.command("disconnect")
def disconnect(workspace: Workspace = "", json: Json = False, quiet: Quiet = False) -> int:
    """Revoke the bot token and forget it. `connection` in ingestlayer.toml stays: messages wait until you connect.

    A token by which another project is connected is forgotten here, and not revoked.
    """
    import os

    from ..destinations.slack.credentials import variable
    from ..operations.slack import connecting
    from ..system.console import note, say, say_json
    from ..system.errors import Exit

    project = _project(workspace)
    done = connecting.disconnect(project.root, _api_url(project, workspace), workspace)
    if json:
        say_json({"removed": done.removed, "revoked": done.revoked, "error": done.why or None})
    elif not quiet and not done.removed:
        say("there was no secret to forget")
    elif not quiet:
        say("disconnected: the secret is forgotten" + (", the token revoked" if done.revoked else ""), "green")
    if done.why:
        note(f"warning: the token was not revoked: {done.why}", "yellow")
        note("  to revoke it: OAuth & Permissions of the app, Revoke Tokens")
    for name in (variable("bot", workspace), variable("webhook", workspace)):
        if os.environ.get(name, "").strip():
            note(f"warning: {name} is set in this environment, and goes on working", "yellow")
    return Exit.WAITING if done.is_waiting else Exit.OK


@app.command("status")
def status(workspace: Workspace = "", json: Json = False, quiet: Quiet = False) -> int:
    """Show who the bot is, what it may do, where its secret lies, and how each pipeline's channels stand.

    Exits with 1 when something is wrong.
    """
    from ..operations.slack.status import status as look
    from ..render.slack_status import draw
    from ..system.console import say_json
    from ..system.errors import Exit

    project = _project(workspace)
    names = [workspace] if workspace else ["", *project.workspaces]
    found = [look(project, name) for name in names]
    if json:
        say_json({"workspaces": found})
    else:
        draw(found, quiet)
    bad = any(row["problems"] or any(it["mark"] == "problem" for it in row["channels"]) for row in found)
    return Exit.FOUND if bad else Exit.OK


@app.command("channels")
def channels(
    search: Annotated[str | None, typer.Option("--search", metavar="TEXT", help="Whose name has this in it.")] = None,
    workspace: Workspace = "",
    json: Json = False,
) -> int:
    """List the workspace's channels; with --json one a line."""
    from ..operations.slack.channels import channels as listed
    from ..system.console import note, say, say_json_line

    client = _client(_project(workspace), workspace)
    count = 0
    for channel in listed(client, search):
        count += 1
        if json:
            say_json_line(channel.document())
            continue
        marks = [
            word
            for word, holds in (
                ("private", channel.is_private),
                ("archived", channel.is_archived),
                ("with the bot", channel.is_member),
            )
            if holds
        ]
        say(f"#{channel.name}  {channel.id}" + (f"  {', '.join(marks)}" if marks else ""))
    if not json and not count:
        note("no channel" + (f" has {search} in its name" if search else " is to be seen"))
    return 0


def _client(project: Any, workspace: str) -> Any:
    from ..operations.slack.client import Client, secret_of

    return Client(secret_of(project, "bot", workspace).value, _api_url(project, workspace))


@app.command("test")
def trial(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="Where: '#alerts', or a channel's id.")],
    pipeline: Annotated[
        str | None, typer.Option("--pipeline", metavar="NAME", help="Whose message; else the first with an example.")
    ] = None,
    workspace: Workspace = "",
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Post the example message of a pipeline, marked as a test, and print its permalink."""
    from ..engine.runtime import Runtime
    from ..operations.slack.trial import post
    from ..system.console import say, say_json
    from ..system.errors import Exit

    project = _project(workspace)
    with Runtime(project, keep=False) as runtime:
        posted = post(runtime, channel, pipeline, workspace)
    if json:
        say_json(posted)
    elif not quiet:
        place = channel if posted["connection"] == "bot" else "the webhook's own channel"
        say(f"posted the example of {posted['pipeline']} to {place}", "green")
        if posted["permalink"]:
            say(f"  {posted['permalink']}")
    return Exit.OK


@app.command("manifest")
def manifest(reconcile: Reconcile = False, redirect_url: Redirect = None, json: Json = False) -> int:
    """Print the app manifest, JSON, to create the Slack app from."""
    from ..operations.slack.oauth import check_redirect
    from ..operations.slack.scopes import REDIRECT
    from ..operations.slack.scopes import manifest as made
    from ..system.console import say_json

    say_json(made(reconcile, check_redirect(redirect_url) if redirect_url else REDIRECT))
    return 0
