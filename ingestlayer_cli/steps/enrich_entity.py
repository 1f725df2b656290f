"""enrich.entity: what is known about a customer, from a file."""

from ..templates import Template
from .base import Context, Drop, Step


class EnrichEntity(Step):
    """Puts the row of an entity file onto `$entity.KIND`. A missing row is no error: its refs read null.

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

    kind: str
    key: Template

    def __call__(self, context: Context) -> Drop | None:
        key = self.key.key(context.scope)
        row = None if key is None else context.entities.get(self.kind, key)
        context.scope["entity"][self.kind] = row.values if row else {}
        if row is not None:
            context.set = {f"entity.{self.kind}": row.values}
            context.note = f"{self.kind} {key}: {context.entities.name(self.kind)} line {row.line}"
            if row.duplicates:
                others = ", ".join(map(str, row.duplicates))
                context.note += f"; the key stands again on line {others}: the first counts"
        elif key is None:
            context.note = f"the key is null: $entity.{self.kind} is null"
        else:
            where = context.entities.name(self.kind)
            context.note = f"{self.kind} {key} is not in {where}: $entity.{self.kind} is null"
        return None
