"""enrich.entity: what is known about a customer, from a file."""

from __future__ import annotations

from ..entities.reading.cells import key_text
from ..entities.reading.faults import visible
from ..language.expressions import Scope
from ..language.templates import Template
from ..model.events import Event
from ..model.memory import Foreseen, Traits, laid_over
from ..system.typed import Annotated, Any, ClassVar, TomlTable
from .base import Context, Drop, Step, know


class EnrichEntity(Step):
    """Puts what is known of an entity onto `$entity.KIND`. A missing one is no error: its refs read null.

    That is the row of its file, and over it, name by name, the traits that the store has: written by
    `upsert.entity`, `entities set` or `entities import`; and `first_seen` and `last_seen` with these.

        [[steps]]
        use = "enrich.entity"
        kind = "customer"
        key = "$event.customer_id"

    The file, its key column and the types of its columns stand in `ingestlayer.toml`:

        [entities.customer]
        file = "customers.csv"
        key = "customer_id"
        types = { mrr = "number", renewal = "date" }
    """

    looks_up: ClassVar[bool] = True

    kind: Annotated[str, "The KIND of [entities.KIND], and of $entity.KIND."]
    key: Annotated[Template, "Which entity."]

    @classmethod
    def reads(cls, data: TomlTable) -> str | None:
        return data.get("kind")

    def __call__(self, context: Context) -> Drop | None:
        key = key_text(self.key.key(context.scope))
        if key is None:
            context.put(lambda scope: know(scope, self.kind, {}))
            context.note = f"the key is null: $entity.{self.kind} is null"
            return None
        row, traits = context.known(self.kind, key)
        values = laid_over(row.values if row else {}, traits)
        context.put(lambda scope: know(scope, self.kind, values, traits))
        said = context.says(self.key, key)
        if row and not (traits or row.duplicates):  # the usual case
            context.note = f"{self.kind} {said}: {_place(context.outside.file_name(self.kind), row)}"
        else:
            context.note = self._found(context, key, said, row, traits)
        if row or traits:
            context.changed.append(f"entity.{self.kind}")
        return None

    def about(self, scope: Scope) -> str | None:
        return key_text(self.key.key(scope))

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if key := key_text(self.key.key(scope)):
            foreseen.rows[self.kind].add(key)

    def _found(self, context: Context, wanted: str, key: str, row: Any, traits: Traits | None) -> str:
        where = context.outside.file_name(self.kind)
        if not (row or traits):
            words = f"{self.kind} {key} is not in {where or 'the store'}: $entity.{self.kind} is null"
            near = context.outside.near_key(self.kind, wanted)
            if near and key == wanted:  # what is redacted is not told by what is like it
                words += f'; "{visible(wanted)}" ≠ "{visible(near)}", which is there'
            return words
        found = []
        if row:
            found.append(_place(where, row))
        if traits:
            found.append(f"{', '.join(traits.values) or 'no traits'} from the store")
        note = f"{self.kind} {key}: {'; '.join(found)}"
        if row and row.duplicates:
            others = ", ".join(map(str, row.duplicates))
            note += f"; the key stands again on line {others}: the first counts"
        return note


def _place(where: str, row: Any) -> str:
    return f"{where} line {row.line}" if row.line else where
