"""The kinds of entities that there are, and the rows of their files."""

from collections.abc import Iterator

from ...entities.file import EntityFile
from ...entities.reading.cells import key_text
from ...model import families
from ...project import Project
from ...store.contract.protocols import Store
from ...system.console import safe
from ...system.errors import UsageError, near_miss
from ...system.typed import Values


def kinds(project: Project, store: Store | None) -> list[str]:
    """Return the kinds that there are: with a file, written by a pipeline, or in the store."""
    steps = (step for pipeline in project.pipelines for step in pipeline["steps"])
    others = {kind for step in steps for kind in families.writes(step)}
    others |= set(store.entities.kinds() if store else ())
    return [*project.entities, *sorted(others - project.entities.keys())]


def check_kind(project: Project, store: Store | None, kind: str) -> None:
    """Refuse a kind that there is not."""
    known = kinds(project, store)
    if kind not in known:
        listed = near_miss(kind, known) or (f": there are {', '.join(known)}" if known else "")
        raise UsageError(
            f'there is no kind of entity "{kind}"{listed}',
            f"its table is [entities.{safe(kind)}] in ingestlayer.toml, or a pipeline's step upsert.entity writes it",
        )


def file_rows(file: EntityFile | None) -> Iterator[tuple[str, str, Values]]:
    """Yield place, key and values of the rows of a file that have a key."""
    for place, values in file.rows() if file else ():
        key = key_text(values.get(file.key)) if file else None
        if key is not None:
            yield place, key, values
