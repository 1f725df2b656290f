"""`[slack]` and `[slack.workspaces.NAME]`: how messages go to Slack. Loaded only when a file has changed."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from ..destinations.slack.workspaces import API_URL
from ..system.addresses import is_open
from ..system.rates import parse_rate
from .models import Strict
from .values import Duration, Matching, problem

Url = Annotated[str, Matching(r"https?://.+", "an http or https address")]
WorkspaceName = Annotated[str, Matching(r"[A-Za-z][\w-]*", "a name of letters, digits, _ and -")]


def _is_private(url: str | None, info: ValidationInfo) -> str | None:
    """Refuse an address to which a token would go in the clear; `insecure` stands before it in its table."""
    if url is not None and is_open(url) and not info.data.get("insecure"):
        raise problem("http:// lets everybody on the way read the token: use https://, or say insecure = true", 0)
    return url


def _budget(value: str) -> str:
    """Check `20/h`."""
    try:
        rate = parse_rate(value)
    except ValueError:
        rate = None
    if rate is None or not float(value.partition("/")[0]).is_integer():
        raise problem(f'"{value}" is no budget: write how many messages in an hour or a minute, 20/h or 5/m', 0)
    return value


Budget = Annotated[str, AfterValidator(_budget)]
Channel = Annotated[str, Matching(r"[#@]?[^\s#@]\S{0,200}", "a channel or a person: #alerts, @maya@acme.com")]

_CONNECTION = "By what messages go: drawn on the terminal, by an app with a bot token, by an incoming webhook."
_INSECURE = "Whether a secret may go over http:// to another machine, where everybody on the way can read it."
_API_URL = "Where Slack's API is: another address is a stand-in or a proxy."
_ON_UNKNOWN = (
    "What becomes of a message that may have arrived when the channel's history cannot tell: it waits, or is sent."
)
_PACE = "The time between two messages to one channel, for all processes together."
_BUDGET = (
    "How many messages a channel gets in any hour or minute: the last one says all that is due and until when no more"
    " come, and once one may go again, it says all that waited."
)


class WorkspaceTable(Strict):
    """A further workspace of Slack; what it does not say is as in [slack].

    A destination names it, `workspace = "sales"`, and it has a secret of its own: `SLACK_BOT_TOKEN_SALES`.

        [slack.workspaces.sales]
        connection = "bot"
        api_url = "https://slack.com/api/"
        insecure = false
        on_unknown = "hold"
        pace = "1s"
        budget = { "#sales" = "20/h" }
    """

    connection: Literal["terminal", "bot", "webhook"] | None = Field(default=None, description=_CONNECTION)
    insecure: bool | None = Field(default=None, description=_INSECURE)
    api_url: Annotated[Url | None, AfterValidator(_is_private)] = Field(default=None, description=_API_URL)
    on_unknown: Literal["hold", "resend"] | None = Field(default=None, description=_ON_UNKNOWN)
    pace: Duration | None = Field(default=None, description=_PACE)
    budget: dict[Channel, Budget] | None = Field(default=None, description=_BUDGET)


class SlackTable(Strict):
    """How messages go to Slack.

    The token never stands here: `ingestlayer slack connect` keeps it, and `SLACK_BOT_TOKEN` wins over what is kept.

        [slack]
        connection = "bot"
        pace = "1s"
        budget = { "#alerts" = "20/h" }
        on_unknown = "hold"
        api_url = "https://slack.com/api/"
        insecure = false
    """

    connection: Literal["terminal", "bot", "webhook"] = Field(default="terminal", description=_CONNECTION)
    insecure: bool = Field(default=False, description=_INSECURE)
    api_url: Annotated[Url, AfterValidator(_is_private)] = Field(default=API_URL, description=_API_URL)
    on_unknown: Literal["hold", "resend"] = Field(default="hold", description=_ON_UNKNOWN)
    pace: Duration = Field(default=1_000, description=_PACE)
    budget: dict[Channel, Budget] = Field(default={}, description=_BUDGET)
    workspaces: dict[WorkspaceName, WorkspaceTable] = Field(default={}, description="Further workspaces, by name.")
