"""`[checks.NAME]`: usage that is compared with its limit. Loaded only when a file has changed."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, model_validator

from ..language.parser import parse
from .check_table import problem_of
from .entity_table import FormatTable
from .models import Strict
from .values import Duration, EventType, SecretName, Zone, described, language_of, problem


def _columns_value(value: object) -> Any:
    return language_of(lambda text: parse(text, columns=True), value, "an expression")


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
