"""What may stand in `ingestlayer.toml`, as pydantic models. Loaded only when a file has changed."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator

from ..destinations.slack.workspaces import API_URL
from ..language import expressions
from ..system.addresses import is_open
from ..system.clock import DAY
from ..system.errors import as_written, near_miss
from ..system.rates import parse_rate
from .alerts_table import AlertsTable
from .check_table import problem_of
from .hours import HoursTable
from .models import Duration, EventType, Matching, SecretName, Strict, Zone, described, language_of, problem
from .source_table import SourceTable

EntityFile = Annotated[str, Matching(r".+\.(csv|json|ndjson|jsonl)(\.gz)?", "a .csv, .json or .ndjson file")]
Url = Annotated[str, Matching(r"https?://.+", "an http or https address")]
CheckName = Annotated[str, Matching(r"[A-Za-z][\w-]{0,99}", "a name of letters, digits, _ and -, at most 100")]
SourceName = Annotated[str, Matching(r"[A-Za-z0-9][\w-]{0,99}", "a name of letters, digits, _ and -, at most 100")]
WorkspaceName = Annotated[str, Matching(r"[A-Za-z][\w-]*", "a name of letters, digits, _ and -")]


def _without_password(url: str) -> str:
    """Refuse an address that holds a password, whose words are not repeated."""
    if re.search(r"//[^/@]*:[^/@]*@|password", url):
        raise problem('a password does not stand here: "env:DATABASE_URL" names the variable that has the address', 0)
    return url


StoreUrl = Annotated[
    str,
    AfterValidator(_without_password),
    Matching(
        r"(env|keyring):[\w./-]+|postgres(ql)?://.*|service=[\w.-]+.*",
        'where a PostgreSQL database is: "env:DATABASE_URL", "keyring:NAME", "service=NAME" or "postgresql://HOST/NAME"',
    ),
]
SchemaName = Annotated[str, Matching(r"[A-Za-z_][\w$]{0,62}", "a name of letters, digits and _, at most 63")]


class StoreTable(Strict):
    """Where everything is kept: in a file of SQLite, or where several machines share it, in a PostgreSQL database.

    A store has either a `path` or a `url`; without both it is a file in the project's folder.

        [store]
        path = ".ingestlayer/store.db"
        retention = "90d"

        [store]
        url = "env:DATABASE_URL"
        schema = "ingestlayer"
        spool = true
    """

    path: str = Field(default=".ingestlayer/store.db", min_length=1, description="The file of SQLite.")
    url: StoreUrl | None = Field(default=None, description="The PostgreSQL database, in place of `path`.")
    schema_: Annotated[SchemaName, Field(alias="schema", description="The schema of its tables in the database.")] = (
        "ingestlayer"
    )
    spool: bool = Field(
        default=True, description="Whether what is accepted while the database is away is kept on this machine."
    )
    retention: Duration = Field(
        default=90 * DAY, description="How old what is settled may get before `store prune` removes it."
    )

    @model_validator(mode="after")
    def _whole(self) -> "StoreTable":
        """Refuse two stores, and what is said of another kind of store."""
        given = self.model_fields_set
        if self.url is not None and "path" in given:
            raise problem("`path` and `url` are two stores: which is meant?", path=("path",))
        if self.url is None and (other := next(iter(given & {"schema_", "spool"}), None)):
            name = other.rstrip("_")
            raise problem(f"`{name}` is of a store at a `url`", path=(name,))
        return self


def _is_private(url: str | None, info: ValidationInfo) -> str | None:
    """Refuse an address to which a token would go in the clear; `insecure` stands before it in its table."""
    if url is not None and is_open(url) and not info.data.get("insecure"):
        raise problem("http:// lets everybody on the way read the token: use https://, or say insecure = true", 0)
    return url


_CONNECTION = "By what messages go: drawn on the terminal, by an app with a bot token, by an incoming webhook."
_INSECURE = "Whether a secret may go over http:// to another machine, where everybody on the way can read it."
_API_URL = "Where Slack's API is: another address is a stand-in or a proxy."
_ON_UNKNOWN = (
    "What becomes of a message that may have arrived when the channel's history cannot tell: it waits, or is sent."
)
_PACE = "The time between two messages to one channel, for all processes together."


class WorkspaceTable(Strict):
    """A further workspace of Slack; what it does not say is as in [slack].

    A destination names it, `workspace = "sales"`, and it has a secret of its own: `SLACK_BOT_TOKEN_SALES`.

        [slack.workspaces.sales]
        connection = "bot"
        api_url = "https://slack.com/api/"
        insecure = false
        on_unknown = "hold"
        pace = "1s"
    """

    connection: Literal["terminal", "bot", "webhook"] | None = Field(default=None, description=_CONNECTION)
    insecure: bool | None = Field(default=None, description=_INSECURE)
    api_url: Annotated[Url | None, AfterValidator(_is_private)] = Field(default=None, description=_API_URL)
    on_unknown: Literal["hold", "resend"] | None = Field(default=None, description=_ON_UNKNOWN)
    pace: Duration | None = Field(default=None, description=_PACE)


class SlackTable(Strict):
    """How messages go to Slack.

    The token never stands here: `ingestlayer slack connect` keeps it, and `SLACK_BOT_TOKEN` wins over what is kept.

        [slack]
        connection = "bot"
        pace = "1s"
        on_unknown = "hold"
        api_url = "https://slack.com/api/"
        insecure = false
    """

    connection: Literal["terminal", "bot", "webhook"] = Field(default="terminal", description=_CONNECTION)
    insecure: bool = Field(default=False, description=_INSECURE)
    api_url: Annotated[Url, AfterValidator(_is_private)] = Field(default=API_URL, description=_API_URL)
    on_unknown: Literal["hold", "resend"] = Field(default="hold", description=_ON_UNKNOWN)
    pace: Duration = Field(default=1_000, description=_PACE)
    workspaces: dict[WorkspaceName, WorkspaceTable] = Field(default={}, description="Further workspaces, by name.")


class EventsTable(Strict):
    """What is taken that no file declares.

    An undeclared event has no key of its own, and its fields no types.

        [events]
        undeclared = "reject"
    """

    undeclared: Literal["reject", "accept"] = Field(
        default="reject", description="Whether an event of a type without a declaration is accepted, unchecked."
    )


def _encoding(value: str) -> str:
    import codecs

    try:
        is_text = codecs.lookup(value)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        near = near_miss(value, ("utf-8", "utf-16", "utf-16-le", "cp1252", "iso-8859-1", "iso-8859-15", "mac-roman"))
        raise problem(f'"{value}" is no encoding{near or ": utf-8, utf-16, cp1252 and iso-8859-1 are some"}', 0)
    return value


def _letter(value: str) -> str:
    if len(value) != 1 or value in "\r\n":
        raise problem(f"must be one character, not {as_written(value)}", 0)
    return value


def _date_form(value: str) -> str:
    from datetime import datetime

    try:
        whole = datetime.strptime(datetime(2027, 1, 31).strftime(value), value).date().isoformat()
    except ValueError:
        whole = ""
    if whole != "2027-01-31":
        raise problem(f'"{value}" is no form of dates: day, month and year are %d, %m and %Y, as in "%d.%m.%Y"', 0)
    return value


Letter = Annotated[str, AfterValidator(_letter)]


class FormatTable(Strict):
    """How a file is written, where its looks do not say it.

    Numbers and dates are never guessed: `validate` and `check` propose what would read the most cells.

        format = { delimiter = ";", encoding = "cp1252", quote = "'", decimal = ",", thousands = "." }

        format = { currency = true, percent = true, dates = "%d.%m.%Y" }
    """

    delimiter: Letter | None = Field(
        default=None, description="What divides the cells of a CSV; without it the comma, or what the header shows."
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        default=None, description="The encoding of the file; without it UTF-8, or what a byte order mark says."
    )
    quote: Letter | None = Field(default=None, description='What a cell of a CSV is quoted by; without it ".')
    decimal: Literal[".", ","] | None = Field(default=None, description="What stands before the decimals of a number.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        default=None, description="What groups the digits of a number; without it such a number is refused."
    )
    currency: bool = Field(default=False, description="Whether numbers may have a sign or code of a currency: $1,900.")
    percent: bool = Field(default=False, description="Whether 85% is read, as 0.85.")
    dates: Annotated[str, AfterValidator(_date_form)] | None = Field(
        default=None, description="How dates are written, of %d, %m and %Y; without it 2027-01-31."
    )

    @model_validator(mode="after")
    def _whole(self) -> "FormatTable":
        """Check what one key alone cannot tell."""
        if self.thousands == (self.decimal or "."):
            raise problem(f'`decimal` and `thousands` are both "{self.thousands}"', path=("thousands",))
        if (self.quote or '"') == (self.delimiter or ","):
            raise problem("`delimiter` and `quote` are the same")
        return self


class EntityTable(Strict):
    """A file of what is known of customers, or of another kind of entity.

    KIND is its name in `$entity.KIND`; the step `enrich.entity` looks a row up by its key.

        [entities.customer]
        file = "customers.csv"
        key = "customer_id"
        types = { mrr = "number", renewal = "date" }
        columns = { customer_id = "Account ID" }
        format = { delimiter = ";", decimal = ",", thousands = "." }
    """

    file: EntityFile = Field(description="The file, in the project's folder or anywhere.")
    key: str = Field(min_length=1, description="The column that tells one row from the others.")
    types: dict[str, Literal["string", "number", "integer", "boolean", "date", "datetime"]] = Field(
        default={}, description="What columns hold; without it a cell is a text."
    )
    columns: dict[str, str] = Field(default={}, description="Our names of the file's columns: our name = theirs.")
    format: FormatTable = Field(default=FormatTable(), description="How the file is written.")

    @model_validator(mode="after")
    def _whole(self) -> "EntityTable":
        """Refuse one column of the file under two names of ours."""
        names: dict[str, str] = {}
        for ours, theirs in self.columns.items():
            if theirs in names:
                raise problem(f'`columns` has "{theirs}" twice, as {names[theirs]} and {ours}')
            names[theirs] = ours
        return self


def _columns_value(value: Any) -> Any:
    return language_of(lambda text: expressions.parse(text, columns=True), value, "an expression")


ColumnExpression = Annotated[
    list[Any], PlainValidator(_columns_value), described("An expression of columns: used / limit")
]


class CheckTable(Strict):
    """Usage that is compared with its limit: `ingestlayer check`.

    It reads every row of its source, and emits one event for each that newly reached a level in its period.

        [checks.quota]
        source = "usage.csv"
        columns = { customer_id = "Customer ID", used = "Used this month", limit = "Plan limit" }
        format = { delimiter = ";", thousands = "," }
        value = "used / limit"
        where = "limit > 0"
        levels = [0.8, 1.0]
        key = ["customer_id", "metric"]
        period = "month"
        rearm = 0.05
        emit = "usage.limit_reached"
        cleared = "usage.limit_cleared"
        vanished = "keep"
        every = "1h"
        stale_after = "26h"
        heartbeat = "env:PING_URL"
        min_judged = 0.5
        may_be_empty = false
        timezone = "Europe/Berlin"

        [checks.of_an_address]
        source = "https://api.example/usage"
        headers = { Authorization = "Bearer env:API_TOKEN" }
        rows = "data"
        next = "links.next"
        timeout = "30s"
        value = "used / limit"
        levels = [1.0]
        key = ["customer_id"]
        emit = "usage.limit_reached"

        [checks.of_a_database]
        source = "env:PG_URL"
        query = "select customer_id, used, plan_limit from usage"
        value = "used / plan_limit"
        levels = [1.0]
        key = ["customer_id"]
        emit = "usage.limit_reached"

        [checks.of_a_program]
        command = ["./usage.sh", "--month"]
        value = "used / limit"
        levels = [1.0]
        key = ["customer_id"]
        emit = "usage.limit_reached"
    """

    source: str | None = Field(
        default=None,
        min_length=1,
        description="Where the rows are: a .csv, .json or .ndjson file, sqlite:///FILE, env:PG_URL, an address, or -.",
    )
    command: list[str] = Field(default=[], description="A program whose output is the rows, in place of `source`.")
    query: str | None = Field(default=None, description="Of a database: what to ask it. It is read alone.")
    headers: dict[str, str] = Field(default={}, description="Of an address: its request's headers, with secrets named.")
    rows: str | None = Field(default=None, description="Of JSON at an address: the path to the list of rows.")
    next: str | None = Field(default=None, description="Of JSON at an address: the path to the next page's address.")
    timeout: Duration = Field(default=30_000, description="How long the source may take.")
    columns: dict[str, str] = Field(default={}, description="Our names of the source's columns: our name = theirs.")
    format: FormatTable = Field(default=FormatTable(), description="How the source is written.")
    value: ColumnExpression = Field(description="What of a row is compared with the levels.")
    levels: Annotated[list[float], Field(min_length=1)] = Field(
        description="What is told when it is reached, from the lowest to the highest."
    )
    key: Annotated[list[str], Field(min_length=1)] = Field(
        description="The columns that tell one row from the others: each holds its own level."
    )
    period: Literal["hour", "day", "week", "month", "quarter", "year"] | None = Field(
        default=None, description="When all levels can be reached anew; without it there is one period for ever."
    )
    rearm: Annotated[float, Field(ge=0)] = Field(
        default=0.05, description="How far below a level the value must fall before the level can be reached again."
    )
    where: ColumnExpression | None = Field(default=None, description="Which rows are looked at; without it all.")
    emit: EventType = Field(description="The event that is emitted of a row that reached a level.")
    every: Duration | None = Field(
        default=None, description="How often cron runs it: a run that does not come is noticed."
    )
    heartbeat: SecretName | None = Field(
        default=None, description="The secret that is the address of a monitor; it is told of each run."
    )
    cleared: EventType | None = Field(
        default=None, description="The event that is emitted of a row that holds a level no more."
    )
    vanished: Literal["keep", "clear"] = Field(
        default="keep", description="Whether what has no row any more goes on holding its level."
    )
    stale_after: Duration | None = Field(
        default=None, description="How long the source may be silent before an event check.stale tells of it."
    )
    may_be_empty: bool = Field(default=False, description="Whether a source without a row is as it should be.")
    min_judged: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.5,
        description="The share of the rows that must be fit to be judged; with fewer the source has failed.",
    )
    timezone: Zone = Field(default="", description="What its period means; without it the project's.")

    @model_validator(mode="after")
    def _whole(self) -> "CheckTable":
        """Check what one key alone cannot tell."""
        if wrong := problem_of(self):
            raise problem(wrong[1], path=(wrong[0],))
        if self.vanished == "clear" and self.cleared is None:
            raise problem("`vanished` needs `cleared`: the event of who is over no level any more", path=("vanished",))
        return self


class DeliverTable(Strict):
    """What `ingestlayer deliver` tells a monitor.

    Of each run the beginning and the end, by the convention of healthchecks.io.

        [deliver]
        heartbeat = "env:DELIVER_PING_URL"
    """

    heartbeat: SecretName | None = Field(
        default=None, description="The secret that is the address of a monitor; it is told of each run."
    )


def _rate(value: str) -> str:
    try:
        parse_rate(value)
    except ValueError as error:
        raise problem(f'"{value}" is {error}', 0) from None
    return value


Origin = Annotated[str, Matching(r"https?://[^/\s*]+", "where a page is from: https://app.example, without a path")]
Host = Annotated[str, Matching(r"[a-z0-9.-]+", "the name of a host in small letters, without a port")]


class ServeTable(Strict):
    """The HTTP door: `ingestlayer serve`.

    Who may send has a key of `ingestlayer keys create`, or is one of `[sources.NAME]`.

        [serve]
        rate = "100/s"
        origins = ["https://app.example"]
        hosts = ["ingest.example"]
    """

    rate: Annotated[str, AfterValidator(_rate)] | None = Field(
        default=None, description="How many requests each key, and each source, may make; without it any number."
    )
    origins: list[Origin] = Field(default=[], description="The pages in browsers that may send.")
    hosts: list[Host] = Field(default=[], description="The names by which it may be called; without them any.")


class ProjectFile(Strict):
    """The settings of a project: the file by which it is found.

    Every table may be missing: an empty file will do.

        timezone = "Europe/Berlin"

        [slack]
        connection = "terminal"

        [entities.customer]
        file = "customers.csv"
        key = "customer_id"
    """

    timezone: Zone = Field(
        default="", description="What hour, day, week and month mean, wherever nothing else is said; without it UTC."
    )
    store: StoreTable = Field(default=StoreTable(), description="Where everything is kept.")
    slack: SlackTable = Field(default=SlackTable(), description="How messages go to Slack.")
    events: EventsTable = Field(default=EventsTable(), description="What is taken that no file declares.")
    entities: dict[str, EntityTable] = Field(default={}, description="Files of what is known of customers, by kind.")
    checks: dict[CheckName, CheckTable] = Field(
        default={}, description="Usage that is compared with its limits, by the check's name."
    )
    hours: dict[WorkspaceName, HoursTable] = Field(default={}, description="When messages may go, by name.")
    deliver: DeliverTable = Field(default=DeliverTable(), description="What `ingestlayer deliver` tells a monitor.")
    alerts: AlertsTable | None = Field(default=None, description="Where this tool's own troubles are told.")
    serve: ServeTable = Field(default=ServeTable(), description="The HTTP door.")
    sources: dict[SourceName, SourceTable] = Field(
        default={}, description="What other services send over HTTP, by the NAME of POST /in/NAME."
    )
