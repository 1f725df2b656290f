"""filter: keep an event or drop it."""

from __future__ import annotations

from ..language.conditions import Condition
from ..language.expressions import ROOTS, Node
from ..model.families import Section, WrongKeyError, own_roots
from ..system.errors import as_written
from ..system.typed import Annotated, Any, Literal, TomlTable, Values
from .base import Context, Drop, Step


class Comparison(Section):
    """One comparison of a filter's `conditions`.

    What is to be compared with a ref of another field is an expression: `when`.

        conditions = [{ field = "$event.used", op = ">=", value = 100 }]
    """

    field: Annotated[str, "The ref that is compared."]
    op: Annotated[Literal["==", "!=", ">", "<", ">=", "<=", "contains", "in"], "How."]
    value: Annotated[Any, "With what."]


class Filter(Step):
    """Keeps the events for which the condition holds; a condition that ends null does not hold.

    Either an expression:

        [[steps]]
        use = "filter"
        when = "$event.metric == 'seats' or $event.used / $event.limit >= 0.8"

    or a list of comparisons, joined by `combinator` ("and" unless it says "or"); `field` is a ref:

        [[steps]]
        use = "filter"
        combinator = "and"
        conditions = [{ field = "$event.used", op = ">=", value = 100 }]
    """

    when: Annotated[Condition | None, "What keeps an event."] = None
    combinator: Annotated[Literal["and", "or"], "Whether all `conditions` must hold, or one."] = "and"
    conditions: Annotated[list[Comparison], "Comparisons, in place of `when`."] = []

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        if ("when" in values) == bool(values.get("conditions")):
            at = ("conditions",) if "conditions" in values else ()
            raise WrongKeyError("needs either `when` or `conditions`", *at)
        if "when" in values:
            if "combinator" in values:
                raise WrongKeyError("`combinator` joins `conditions`; write and / or inside `when`", "combinator")
            return values
        nodes = [_compared(index, row) for index, row in enumerate(values["conditions"])]
        node = nodes[0]
        for right in nodes[1:]:
            node = [values.get("combinator", "and"), node, right]
        return {"when": {"$condition": node}}

    @classmethod
    def keeps(cls, data: TomlTable) -> tuple[str, Node]:
        return "when", data["when"]["$condition"]

    def __call__(self, context: Context) -> Drop | None:
        if self.when is None:
            raise TypeError("a filter that was not checked")
        holds, context.note = context.judge(self.when)
        return None if holds else Drop(context.note)


def _compared(index: int, row: Values) -> list[Any]:
    key = "field"
    try:
        left, key = _ref(row["field"]), "value"
        return [row["op"], left, _operand(row["value"])]
    except ValueError as error:
        raise WrongKeyError(str(error), "conditions", index, key) from None


def _ref(field: str) -> Any:
    """Read `$event.used`, `event.used` or, for a field of the event, `used`."""
    from ..language.parser import parse

    name = field.removeprefix("$")
    is_ref = name.split(".")[0] in (*ROOTS, *own_roots())
    node = parse(f"${name}" if is_ref else f"$event.{name}", own=own_roots)
    if node[0] != "ref":
        raise ValueError(f'"{field}" is not a ref')
    return node


def _operand(value: object) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        return _ref(value)
    if isinstance(value, list):
        return ["list", [_operand(item) for item in value]]
    if isinstance(value, str | int | float | bool):
        return ["lit", value]
    raise ValueError(f"cannot compare with {as_written(value)}")
