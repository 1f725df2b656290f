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
    """One file of SQLite at `path`, or where several machines share it, a database at `url`."""

    path: str = Field(default=".ingestlayer/store.db", min_length=1)
    url: StoreUrl | None = None
    schema_: Annotated[SchemaName, Field(alias="schema")] = "ingestlayer"
    spool: bool = True  # whether what is accepted while the database is away is kept on this machine
    retention: Duration = 90 * DAY

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


class WorkspaceTable(Strict):
    """A further workspace; what it does not say is as in [slack]."""

    connection: Literal["terminal", "bot", "webhook"] | None = None
    insecure: bool | None = None
    api_url: Annotated[Url | None, AfterValidator(_is_private)] = None
    on_unknown: Literal["hold", "resend"] | None = None
    pace: Duration | None = None


class SlackTable(Strict):
    connection: Literal["terminal", "bot", "webhook"] = "terminal"
    insecure: bool = False  # whether a secret may go over http:// to another machine
    api_url: Annotated[Url, AfterValidator(_is_private)] = API_URL
    # What becomes of a message that may or may not have arrived, when Slack's history cannot be read.
    on_unknown: Literal["hold", "resend"] = "hold"
    pace: Duration = 1_000  # Slack: about one message per second per channel
    workspaces: dict[WorkspaceName, WorkspaceTable] = {}


class EventsTable(Strict):
    undeclared: Literal["reject", "accept"] = "reject"


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
    """How a file is written, where its looks do not say it."""

    delimiter: Letter | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    quote: Letter | None = None
    decimal: Literal[".", ","] | None = None
    thousands: Literal[",", ".", " ", "'"] | None = None
    currency: bool = False
    percent: bool = False
    dates: Annotated[str, AfterValidator(_date_form)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> "FormatTable":
        """Check what one key alone cannot tell."""
        if self.thousands == (self.decimal or "."):
            raise problem(f'`decimal` and `thousands` are both "{self.thousands}"', path=("thousands",))
        if (self.quote or '"') == (self.delimiter or ","):
            raise problem("`delimiter` and `quote` are the same")
        return self


class EntityTable(Strict):
    file: EntityFile
    key: str = Field(min_length=1)
    types: dict[str, Literal["string", "number", "integer", "boolean", "date", "datetime"]] = {}
    columns: dict[str, str] = {}  # our names of the file's columns
    format: FormatTable = FormatTable()

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
    """Usage that is compared with its limit: `ingestlayer check`."""

    source: str | None = Field(default=None, min_length=1)
    command: list[str] = []
    query: str | None = None
    headers: dict[str, str] = {}
    rows: str | None = None  # of JSON over HTTPS: the field that has the rows
    next: str | None = None  # and the one with the address of the next page
    timeout: Duration = 30_000
    columns: dict[str, str] = {}
    format: FormatTable = FormatTable()
    value: ColumnExpression
    levels: Annotated[list[float], Field(min_length=1)]
    key: Annotated[list[str], Field(min_length=1)]
    period: Literal["hour", "day", "week", "month", "quarter", "year"] | None = None
    rearm: Annotated[float, Field(ge=0)] = 0.05
    where: ColumnExpression | None = None
    emit: EventType
    every: Duration | None = None  # how often it is started: a run that does not come is noticed
    heartbeat: SecretName | None = None  # the address of a monitor that is told of each run
    cleared: EventType | None = None  # what is emitted of who holds a level no more
    vanished: Literal["keep", "clear"] = "keep"  # whether who has no row any more holds none
    stale_after: Duration | None = None
    may_be_empty: bool = False
    min_judged: Annotated[float, Field(ge=0, le=1)] = 0.5  # the share of the rows that must be fit to be judged
    timezone: Zone = ""

    @model_validator(mode="after")
    def _whole(self) -> "CheckTable":
        """Check what one key alone cannot tell."""
        if wrong := problem_of(self):
            raise problem(wrong[1], path=(wrong[0],))
        if self.vanished == "clear" and self.cleared is None:
            raise problem("`vanished` needs `cleared`: the event of who is over no level any more", path=("vanished",))
        return self


class DeliverTable(Strict):
    """`ingestlayer deliver`."""

    heartbeat: SecretName | None = None


def _rate(value: str) -> str:
    try:
        parse_rate(value)
    except ValueError as error:
        raise problem(f'"{value}" is {error}', 0) from None
    return value


Origin = Annotated[str, Matching(r"https?://[^/\s*]+", "where a page is from: https://app.example, without a path")]
Host = Annotated[str, Matching(r"[a-z0-9.-]+", "the name of a host in small letters, without a port")]


class ServeTable(Strict):
    """The HTTP door: `ingestlayer serve`."""

    rate: Annotated[str, AfterValidator(_rate)] | None = None  # of the requests of each key, and of each source
    origins: list[Origin] = []  # of the pages in browsers that may send
    hosts: list[Host] = []  # by which it may be called; none: by any


class ProjectFile(Strict):
    """ingestlayer.toml"""

    timezone: Zone = ""  # what day and month mean; empty: in UTC
    store: StoreTable = StoreTable()
    slack: SlackTable = SlackTable()
    events: EventsTable = EventsTable()
    entities: dict[str, EntityTable] = {}
    checks: dict[CheckName, CheckTable] = {}
    hours: dict[WorkspaceName, HoursTable] = {}
    deliver: DeliverTable = DeliverTable()
    alerts: AlertsTable | None = None
    serve: ServeTable = ServeTable()
    sources: dict[SourceName, SourceTable] = {}
