"""The documents of `entities`."""

from typing import Any

from typing_extensions import TypedDict


class Origin(TypedDict):
    value: Any
    origin: str


Change = TypedDict("Change", {"name": str, "from": Any, "to": Any})  # `from` is a word of Python


class TraitDocument(TypedDict):
    """A trait with where it is from; `over` is what the file says where the store overrides it."""

    name: str
    value: Any
    origin: str
    at: str | None
    over: Origin | None


class EntityPlaceDocument(TypedDict):
    """Where an entity stands in the file of its kind; what stands in `duplicates` does not count."""

    name: str
    line: int
    duplicates: list[int]


class EntityDocument(TypedDict):
    """`entities get`."""

    kind: str
    id: str
    values: dict[str, Any]
    traits: list[TraitDocument]
    first_seen: str | None
    last_seen: str | None
    file: EntityPlaceDocument | None


class KindDocument(TypedDict):
    """A kind of entity, with its file and how many the store has of it."""

    kind: str
    file: str | None
    modified_at: str | None
    rows: int
    stored: int
    problem: str | None


class KindsDocument(TypedDict):
    """`entities list`."""

    kinds: list[KindDocument]


# A line of `entities list KIND`.
ListedDocument = TypedDict("ListedDocument", {"id": str, "values": dict[str, Any], "from": list[str]})


class KeptTraitDocument(TypedDict):
    """A trait that stays, as a later event has said it."""

    name: str
    origin: str
    at: str


class SetDocument(TypedDict):
    """`entities set`."""

    kind: str
    id: str
    new: bool
    changed: list[Change]
    unchanged: list[str]
    kept: list[KeptTraitDocument]


class RefusedImportDocument(TypedDict):
    """A row that is not imported."""

    line: int
    message: str


class ChangedEntityDocument(TypedDict):
    """An entity that an import changed."""

    id: str
    line: int
    changed: list[Change]


class ImportDocument(TypedDict):
    """`entities import`; the first of `rejects` and `changes`."""

    kind: str
    file: str
    dry_run: bool
    rows: int
    new: int
    changed: int
    unchanged: int
    rejected: int
    rejects: list[RefusedImportDocument]
    changes: list[ChangedEntityDocument]
