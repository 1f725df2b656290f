"""Options in groups: a parameter of a command may be a NamedTuple of options, so that few are passed around."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Return a command as Typer takes it: with the fields of its groups, in their order, as its own options."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if hasattr(hint := hints[name], "_fields"):
            groups[name] = hint
            for field, of_field in get_type_hints(hint, include_extras=True).items():
                parameters.append(_option(field, hint._field_defaults[field], of_field))
        else:
            parameters.append(_option(name, parameter.default, hint))

    @wraps(command)
    def called(**given: object) -> int:
        made = {name: group(**{field: given.pop(field) for field in group._fields}) for name, group in groups.items()}
        return command(**made, **given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return called


def _option(name: str, default: object, annotation: object) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
