"""The variables of the environment that are read."""

from collections.abc import Iterator

from .topics import Topic

OURS = {
    "INGESTLAYER_PROJECT": "The project: its folder or its ingestlayer.toml, in place of `-C PATH`.",
    "SLACK_BOT_TOKEN": "The bot token of [slack]; it wins over what `slack connect` stored. Of"
    " [slack.workspaces.NAME] it is SLACK_BOT_TOKEN_NAME.",
    "SLACK_WEBHOOK_URL": "The address of the incoming webhook of [slack]; of [slack.workspaces.NAME]"
    " SLACK_WEBHOOK_URL_NAME.",
    "SLACK_CLIENT_ID": "The client id of a shared app, for `slack connect --oauth`.",
    "SLACK_CLIENT_SECRET": "The client secret of a shared app, for `slack connect --oauth`.",
    "INGESTLAYER_URL": "Where `serve` is, for the clients that `sdk` makes.",
    "INGESTLAYER_KEY": "The key of `keys create`, for the clients that `sdk` makes.",
}
OTHERS = {
    "NO_COLOR": "Nothing is coloured, wherever it is set.",
    "FORCE_COLOR": "What is printed is coloured, also into a pipe.",
    "TERM": "`dumb` is a terminal without colours.",
    "COLUMNS": "How wide what is drawn may be.",
    "XDG_STATE_HOME": "Below it, in `ingestlayer/`, the secrets lie that `slack connect` keeps; without it"
    " ~/.local/state.",
    "HTTPS_PROXY": "The proxy by which Slack and webhooks are reached; HTTP_PROXY and NO_PROXY likewise.",
    "SSL_CERT_FILE": "The certificates that are trusted, in place of the usual ones.",
    "GITHUB_WORKSPACE": "The top of the repository, for `validate --output-format github`.",
    "BROWSER": "The browser that `slack connect` opens.",
}


def topics() -> Iterator[Topic]:
    """Yield the variables, our own first."""
    for name, words in {**OURS, **OTHERS}.items():
        yield Topic(name, "variable", f"the environment variable {name}", words)
