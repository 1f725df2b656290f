"""`[slack]` and `[slack.workspaces.NAME]`: how messages go to Slack. Loaded only when a file has changed."""

from collections.abc import Iterator
from typing import Annotated, Literal

from ...model.families import Duration, Section
from ...model.forms import NAME, Form, Rule
from ...system.addresses import is_open
from ...system.errors import near_miss
from ...system.rates import parse_rate
from ...system.typed import TomlTable
from .workspaces import API_URL


def _check_private(url: str, others: TomlTable) -> None:
    """Refuse an address to which a token would go in the clear; `insecure` stands before it in its table."""
    if is_open(url) and not others.get("insecure"):
        raise ValueError("http:// lets everybody on the way read the token: use https://, or say insecure = true")


def _check_budget(value: str, others: TomlTable) -> None:
    """Check `20/h`."""
    try:
        is_whole = parse_rate(value) is not None and float(value.partition("/")[0]).is_integer()
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError(f'"{value}" is no budget: write how many messages in an hour or a minute, 20/h or 5/m')


Url = Annotated[str, Form(r"https?://.+", "an http or https address"), Rule(_check_private)]
Budget = Annotated[str, Rule(_check_budget)]
Channel = Annotated[str, Form(r"[#@]?[^\s#@]\S{0,200}", "a channel or a person: #alerts, @maya@acme.com")]

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


class WorkspaceTable(Section):
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

    connection: Annotated[Literal["terminal", "bot", "webhook"] | None, _CONNECTION] = None
    insecure: Annotated[bool | None, _INSECURE] = None
    api_url: Annotated[Url | None, _API_URL] = None
    on_unknown: Annotated[Literal["hold", "resend"] | None, _ON_UNKNOWN] = None
    pace: Annotated[Duration | None, _PACE] = None
    budget: Annotated[dict[Channel, Budget] | None, _BUDGET] = None


class SlackTable(Section):
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

    connection: Annotated[Literal["terminal", "bot", "webhook"], _CONNECTION] = "terminal"
    insecure: Annotated[bool, _INSECURE] = False
    api_url: Annotated[Url, _API_URL] = API_URL
    on_unknown: Annotated[Literal["hold", "resend"], _ON_UNKNOWN] = "hold"
    pace: Annotated[Duration, _PACE] = Duration(1_000)
    budget: Annotated[dict[Channel, Budget], _BUDGET] = {}
    workspaces: Annotated[dict[Annotated[str, NAME], WorkspaceTable], "Further workspaces, by name."] = {}


def idle_budgets(table: TomlTable, used: list[TomlTable]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each budget of a channel that no destination names, unless one takes its channel from the event."""
    named: set[str] = set()
    is_open = False
    for data in used:
        parts = data["channel"]["$template"]
        is_whole = all(isinstance(part, str) for part in parts)
        is_open = is_open or not is_whole
        more = [data.get("channel_default") or "", data.get("outside") or ""]
        named |= {name.strip().removeprefix("#") for name in ("".join(parts) if is_whole else "", *more)}
    tables = [((), table), *((("workspaces", name), inner) for name, inner in table["workspaces"].items())]
    for path, budgets in ((path, inner.get("budget") or {}) for path, inner in tables):
        for channel in budgets:
            sign = "#" if channel.startswith("#") else ""
            near = near_miss(channel, [sign + name for name in named - {""}])
            if channel.removeprefix("#") not in named and (near or not is_open):
                yield (*path, "budget", channel), f'no destination posts to "{channel}"{near}'
