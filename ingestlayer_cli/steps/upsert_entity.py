"""upsert.entity: what an event tells of a customer, kept for the next one."""

from __future__ import annotations

from ..entities.reading.cells import key_text
from ..language.expressions import Scope
from ..language.templates import Template, substitute
from ..model.events import Event
from ..model.families import Structure, WrongKeyError
from ..model.memory import Foreseen, Upsert, laid_over
from ..system.typed import Annotated, ClassVar, TomlTable
from .base import Context, Drop, Step, know


class UpsertEntity(Step):
    """Writes traits from the event onto an entity of the store, name by name: the others stay as they are.

        [[steps]]
        use = "upsert.entity"
        kind = "customer"
        external_id = "$event.customer_id"
        traits = { plan = "$event.plan", used = "$event.used" }

    They lie over what the file of `[entities.KIND]` says, for this event's later steps and messages and for all
    events after it; a kind needs no file. A trait that is null is not written, and one that a later event has
    written (by `received_at`) stays. `first_seen` and `last_seen` are the times of the first and the last event.
    Traits are kept also when a later step drops the event, but not when the run fails.
    """

    saves: ClassVar[bool] = True

    kind: Annotated[str, "The KIND of $entity.KIND."]
    external_id: Annotated[Template, "Which entity."]
    traits: Annotated[dict[str, Structure], "What is written onto it, by name."]

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if not values["kind"]:
            raise WrongKeyError("`kind` is empty", "kind")
        return values

    @classmethod
    def writes(cls, data: TomlTable) -> dict[str, TomlTable]:
        kind = data.get("kind")
        return {kind: data.get("traits") or {}} if isinstance(kind, str) else {}

    def __call__(self, context: Context) -> Drop | None:
        key = key_text(self.external_id.key(context.scope))
        if not key:
            context.note = "the external id is null or empty: nothing is written"
            return None
        found = {name: substitute(value, context.scope) for name, value in self.traits.items()}
        written = {name: value for name, value in found.items() if value is not None}
        event = context.event
        context.upserts.append(Upsert(self.kind, key, written, event.id, event.received_at))
        row, traits = context.known(self.kind, key)
        values = laid_over(row.values if row else {}, traits)
        context.put(lambda scope: know(scope, self.kind, values, traits))
        context.changed.append(f"entity.{self.kind}")
        context.note = f"{self.kind} {context.says(self.external_id, key)}: {', '.join(written) or 'no traits'} written"
        return None

    def foresee(self, place: str, event: Event, scope: Scope, foreseen: Foreseen) -> None:
        if key := key_text(self.external_id.key(scope)):
            foreseen.rows[self.kind].add(key)
