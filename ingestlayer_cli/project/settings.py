"""What may stand in `ingestlayer.toml`, as pydantic models. Loaded only when a file has changed."""

from functools import cache
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, create_model

from ..model import families
from ..model.forms import NAME
from ..system.rates import parse_rate
from .alerts_table import AlertsTable
from .entity_table import EntityTable
from .hours import HoursTable
from .models import Strict, section_model
from .source_table import SourceTable
from .store_table import StoreTable
from .usage_table import CheckTable
from .values import Matching, SecretName, Zone, problem

CheckName = Annotated[str, Matching(r"[A-Za-z][\w-]{0,99}", "a name of letters, digits, _ and -, at most 100")]
HoursName = Annotated[str, Matching(NAME.pattern, NAME.words)]
SourceName = Annotated[str, Matching(r"[A-Za-z0-9][\w-]{0,99}", "a name of letters, digits, _ and -, at most 100")]


class EventsTable(Strict):
    """What is taken that no file declares.

    An undeclared event has no key of its own, and its fields no types.

        [events]
        undeclared = "reject"
    """

    undeclared: Literal["reject", "accept"] = Field(
        default="reject", description="Whether an event of a type without a declaration is accepted, unchecked."
    )


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


class _Beginning(Strict):
    timezone: Zone = Field(
        default="", description="What hour, day, week and month mean, wherever nothing else is said; without it UTC."
    )
    store: StoreTable = Field(default=StoreTable(), description="Where everything is kept.")


class ProjectFile(_Beginning):
    """The settings of a project: the file by which it is found.

    Every table may be missing: an empty file will do.

        timezone = "Europe/Berlin"

        [slack]
        connection = "terminal"

        [entities.customer]
        file = "customers.csv"
        key = "customer_id"
    """

    events: EventsTable = Field(default=EventsTable(), description="What is taken that no file declares.")
    entities: dict[str, EntityTable] = Field(default={}, description="Files of what is known of customers, by kind.")
    checks: dict[CheckName, CheckTable] = Field(
        default={}, description="Usage that is compared with its limits, by the check's name."
    )
    hours: dict[HoursName, HoursTable] = Field(default={}, description="When messages may go, by name.")
    deliver: DeliverTable = Field(default=DeliverTable(), description="What `ingestlayer deliver` tells a monitor.")
    alerts: AlertsTable | None = Field(default=None, description="Where this tool's own troubles are told.")
    serve: ServeTable = Field(default=ServeTable(), description="The HTTP door.")
    sources: dict[SourceName, SourceTable] = Field(
        default={}, description="What other services send over HTTP, by the NAME of POST /in/NAME."
    )


def project_file() -> type[ProjectFile]:
    """Return the model of ingestlayer.toml, with a table for each kind of destination that has one."""
    kinds = families.kinds("destinations")
    tables = ((kind, families.member("destinations", kind).settings()) for kind in kinds)
    return _with_tables(tuple((kind, table) for kind, table in tables if table is not None))


@cache
def _with_tables(tables: tuple[tuple[str, type[families.Section]], ...]) -> type[ProjectFile]:
    fields: dict[str, Any] = {}
    for kind, cls in tables:
        model = section_model(cls)
        meaning = (cls.__doc__ or "").partition("\n\n")[0]
        fields[kind] = (model, Field(default=model(), description=meaning))
    theirs = cast("type[ProjectFile]", create_model("Destinations", __base__=_Beginning, **fields))
    return create_model("ProjectFile", __base__=(ProjectFile, theirs), __doc__=ProjectFile.__doc__)
