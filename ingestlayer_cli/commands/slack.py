"""`slack`: connect a workspace, and look at the connection."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.slack import ConnectDocument, DisconnectDocument, SlackStatusDocument
    from ..operations.slack.connecting import Connected
    from ..project import Project


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
    from ..operations.slack import connecting, scopes, workspaces
    from ..operations.slack import oauth as consent
    from ..system.errors import UsageError
    from .asking import ask
    from .slack_consent import by_hand, by_oauth

    if oauth + token_stdin + webhook_stdin > 1:
        raise UsageError("--oauth, --token-stdin and --webhook-stdin exclude each other", "give one of them")
    redirect = consent.check_redirect(redirect_url) if redirect_url else scopes.REDIRECT
    project = _project(workspace, may_be_new=True)
    extra = scopes.Extra(reconcile, scopes.asks_reactions(project))
    api_url = workspaces.api_url(project, workspace)
    if webhook_stdin:
        insecure = workspaces.is_insecure(project, workspace)
        done = connecting.with_webhook(project.root, ask("address of the webhook (not shown)"), workspace, insecure)
    else:
        if token_stdin:
            token = ask("bot token, xoxb-… (not shown)")
        elif oauth:
            token = by_oauth(api_url, extra, redirect, browser)
        else:
            token = by_hand(extra, redirect, browser)
        done = connecting.with_token(project.root, token, api_url, workspace, extra)
    _say_connected(project, done, json, quiet)
    return 0


def _project(workspace: str = "", may_be_new: bool = False) -> Any:
    from ..operations.pausing import as_it_runs
    from ..operations.slack.workspaces import check_known
    from ..project import load
    from . import settings

    project = as_it_runs(load(settings.project, keep=False))
    check_known(project, workspace, may_be_new)
    return project


def _say_connected(project: "Project", done: "Connected", json: bool, quiet: bool) -> None:
    import os

    from ..destinations.slack.credentials import KEYRING, variable
    from ..destinations.slack.workspaces import table_of
    from ..operations.slack.connecting import shown_of
    from ..secrets.keyring import has_keyring_extra
    from ..system.console import note, say, say_json
    from ..system.extras import to_install

    shown = shown_of(project, done.workspace)
    if json:
        document: ConnectDocument = done.document()
        if shown:
            document["shown"] = shown
        say_json(document)
    elif not quiet:
        who = done.identity
        say(f"connected to {who.team} as @{who.user}" if who else "connected by an incoming webhook", "green")
        say(f"  the secret is in {done.where}")
        if done.switched:
            say(f'  ingestlayer.toml: [{table_of(done.workspace)}] connection = "{done.connection}"')
    for scope, use in done.missing.items():
        note(f"warning: without {scope} it cannot {use}", "yellow")
    name = variable(done.connection, done.workspace)
    if os.environ.get(name, "").strip():
        note(f"warning: {name} is set in this environment, and wins", "yellow")
    if shown and not (json or quiet):
        words = "1 message was" if shown == 1 else f"{shown:,} messages were"
        note(f"{words} only shown on a terminal; to send what of them is of use still:", "yellow")
        note("  ingestlayer replay --status shown", "yellow")
    if json or quiet:
        return
    if done.where != KEYRING and not has_keyring_extra():
        note("to keep it in the OS keyring, connect once more after", "dim")
        note(f"  {to_install('keyring')}", "dim")
    note("")
    note(f"next: ingestlayer slack test{_try(project, done.workspace)}")


def _try(project: "Project", workspace: str) -> str:
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
    from ..operations.slack import connecting, workspaces
    from ..system.console import note, say, say_json
    from ..system.errors import Exit

    project = _project(workspace)
    done = connecting.disconnect(project.root, workspaces.api_url(project, workspace), workspace)
    if json:
        document: DisconnectDocument = {"removed": done.removed, "revoked": done.revoked, "error": done.why or None}
        say_json(document)
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
    from ..operations.slack import workspaces
    from ..operations.slack.status import status as look
    from ..render.slack_status import draw
    from ..system.console import say_json
    from ..system.errors import Exit

    project = _project(workspace)
    names = [workspace] if workspace else ["", *workspaces.named(project)]
    found = [look(project, name) for name in names]
    if json:
        document: SlackStatusDocument = {"workspaces": found}
        say_json(document)
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
    from ..system.console import note, say, say_json_line, while_read

    client = _client(_project(workspace), workspace)
    count = 0
    for channel in while_read(listed(client, search)):
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


def _client(project: "Project", workspace: str) -> Any:
    from ..operations.slack import workspaces
    from ..operations.slack.client import Client
    from ..operations.slack.secret import secret_of

    return Client(secret_of(project, "bot", workspace).value, workspaces.api_url(project, workspace))


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
    from contextlib import suppress

    from ..operations.slack.oauth import check_redirect
    from ..operations.slack.scopes import REDIRECT, Extra, asks_reactions
    from ..operations.slack.scopes import manifest as made
    from ..project import load
    from ..system.console import say_json
    from ..system.errors import ProjectError
    from . import settings

    reactions = False
    with suppress(ProjectError):  # it needs no project
        reactions = asks_reactions(load(settings.project, keep=False))
    say_json(made(Extra(reconcile, reactions), check_redirect(redirect_url) if redirect_url else REDIRECT))
    return 0
