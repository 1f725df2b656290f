"""Documents of a store that is copied, and compared."""

from typing_extensions import TypedDict


class TableDocument(TypedDict):
    """How many rows a table has in each store, and whether what is in them is the same."""

    here: int
    there: int
    same: bool


class ComparedDocument(TypedDict):
    """`store info --with`."""

    same: bool
    tables: dict[str, TableDocument]


CopyDocument = TypedDict("CopyDocument", {"from": str, "to": str, "same": bool, "tables": dict[str, TableDocument]})


class ScriptDocument(TypedDict):
    """`store info --schema`."""

    sql: str
