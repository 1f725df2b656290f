"""`[store]`: where everything is kept. Loaded only when a file has changed."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from ..system.clock import DAY
from .find import SCHEMA, STORE
from .models import Strict
from .values import Duration, Matching, problem


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

    path: str = Field(default=STORE, min_length=1, description="The file of SQLite.")
    url: StoreUrl | None = Field(default=None, description="The PostgreSQL database, in place of `path`.")
    schema_: Annotated[SchemaName, Field(alias="schema", description="The schema of its tables in the database.")] = (
        SCHEMA
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
