"""What may stand in a project's files, as pydantic models. Loaded only when a file has changed."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo
from pydantic_core import core_schema

from ..model import families
from ..model.forms import Form, Rule
from ..system.clock import format_duration
from ..system.typed import TomlTable
from .values import ANNOTATIONS, DURATION, Matching, problem, ruled


def _forms(field: FieldInfo) -> Iterator[str]:
    """Yield what the type of a key says of itself."""
    is_optional = type(None) in get_args(field.annotation)
    options = [get_args(option)[1:] for option in get_args(field.annotation) if get_origin(option) is Annotated]
    for about in (*field.metadata, *(one for option in options for one in option if is_optional)):
        if isinstance(about, WithJsonSchema):
            yield (about.json_schema or {}).get("description", "")
        elif isinstance(about, Matching):
            yield about.words[0].upper() + about.words[1:]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    def given(self) -> TomlTable:
        """Return the keys that the file has, with their checked values."""
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> TomlTable:
        """Return the schema: of each key what it means, then what its type is like, and a default as files have it."""
        made = handler(core)
        keys = handler.resolve_ref_schema(made)["properties"]
        for name, field in cls.model_fields.items():
            key = keys[field.alias or name]
            if words := "\n\n".join(filter(None, (field.description, *_forms(field)))):
                key["description"] = words
            if isinstance(key.get("default"), dict):  # of a table, key by key
                del key["default"]
            elif DURATION in str(key) and isinstance(key.get("default"), int):
                key["default"] = format_duration(key["default"])
        return made


# What annotations say in the words of typing, which sections do not load: `system.typed`.
_TYPING = {"Annotated": Annotated, "Any": Any, "ClassVar": ClassVar, "Literal": Literal}


def section_model(cls: type[families.Section], **more: object) -> type[Strict]:
    """Return the pydantic model of a section: its annotations, ours replaced by what files hold."""
    keys: dict[str, Any] = dict(more)
    for name, annotation in get_type_hints(cls, localns=_TYPING, include_extras=True).items():
        if get_origin(annotation) is not ClassVar:
            inner, *about = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
            checks = [_checked_by(it) for it in about if isinstance(it, Form | Rule)]
            meaning, *examples = [it for it in about if not isinstance(it, Form | Rule)] or [None]
            told = Field(description=meaning, examples=examples or None)
            keys[name] = (Annotated[_in_files(inner), *checks, told], getattr(cls, name, ...))
    return create_model(cls.__name__, __base__=Strict, __doc__=cls.__doc__, **keys)


@cache
def member_model(cls: type[families.Section]) -> type[Strict]:
    """Return the model of a step or a destination in a file, once for all files that use it: it takes long to make."""
    return section_model(cls, use=(str, ...))


def _in_files(annotation: object) -> Any:
    if annotation in ANNOTATIONS:
        return ANNOTATIONS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, families.Section):
        return Annotated[section_model(annotation), AfterValidator(_compiled_by(annotation))]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner, *about = arguments
        return Annotated[_in_files(inner), *map(_checked_by, about)]
    if origin is None or origin is Literal:
        return annotation
    if origin in (list, dict):
        return origin[tuple(_in_files(argument) for argument in arguments)]
    # `X | None`: in a file the key is there or it is not; TOML has no null.
    return next(_in_files(argument) for argument in arguments if argument is not type(None))


def _checked_by(about: Form | Rule) -> Any:
    return Matching(about.pattern, about.words) if isinstance(about, Form) else ruled(about)


def _compiled_by(cls: type[families.Section]) -> Callable[[Strict], TomlTable]:
    def check(value: Strict) -> TomlTable:
        try:
            return cls.compiled(value.given())
        except ValueError as error:
            raise problem(str(error), path=getattr(error, "path", ())) from None

    return check
