"""What a start that cron repeats all day takes from `typing`, which costs it more than storing an event does.

Type checkers see typing itself. At run time these names mean as much as the program asks of them; what reads
annotations (the models of project files) adds typing's own.
"""

import sys

TYPE_CHECKING = False

if TYPE_CHECKING or sys.version_info >= (3, 14):  # which keeps the annotations of a class in another way
    from typing import Annotated as Annotated
    from typing import Any as Any
    from typing import BinaryIO as BinaryIO
    from typing import ClassVar as ClassVar
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import NamedTuple as NamedTuple
    from typing import NewType as NewType
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TextIO as TextIO
    from typing import TypeVar as TypeVar
    from typing import cast as cast
else:
    from collections import _tuplegetter

    Any = BinaryIO = NoReturn = Self = TextIO = object
    Annotated = ClassVar = Literal = None  # for annotations that stay texts: `from __future__ import annotations`

    class Protocol:
        """A class is one by its methods; nobody asks at run time."""

    def cast(_, value):
        return value

    class NewType:
        """A name for a type, which keys of project files are told apart by."""

        def __init__(self, name, kind):
            self.__name__ = name
            self.__supertype__ = kind

        def __call__(self, value):
            return value

        def __or__(self, other):
            from typing import Union

            return Union[self, other]  # noqa: UP007

    class Generic:
        """A class that says of what it is."""

        __slots__ = ()

        def __class_getitem__(cls, _):
            return cls

    def TypeVar(_, **__):
        return object

    class _Record(tuple):
        """A tuple whose fields have names: all that classes of `NamedTuple` have in common."""

        __slots__ = ()

        def __new__(cls, *values, **named):
            # The first one of its class. Most classes that a start loads never have one.
            cls.__new__ = _maker(cls._fields, cls._field_defaults)
            return cls(*values, **named)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **named):
            found = self._make(map(named.pop, self._fields, self))
            if named:
                raise ValueError(f"Got unexpected field names: {list(named)!r}")
            return found

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            told = ", ".join(f"{name}={value!r}" for name, value in self._asdict().items())
            return f"{type(self).__name__}({told})"

        def __getnewargs__(self):
            return tuple(self)

    def _maker(fields, defaults):
        """Return `__new__` for these fields. A function made for them is four times as quick as one for any."""
        names = {f"_{name}": value for name, value in defaults.items()}
        told = ", ".join(f"{name}=_{name}" if name in defaults else name for name in fields)
        code = f"lambda _cls, {told}: _new(_cls, ({''.join(f'{name}, ' for name in fields)}))"
        return eval(code, {"__builtins__": {}, "_new": tuple.__new__, **names})  # noqa: S307

    class _Names(type):
        """Makes of a class with annotated fields what `typing.NamedTuple` makes of it, for a fifth of the time."""

        def __new__(cls, name, bases, space):
            if not bases:
                return super().__new__(cls, name, bases, space)
            fields = tuple(space.get("__annotations__", ()))
            space["_field_defaults"] = {field: space[field] for field in fields if field in space}
            space["_fields"] = space["__match_args__"] = fields
            space["__slots__"] = ()
            for number, field in enumerate(fields):
                space[field] = _tuplegetter(number, None)
            return type(name, (_Record,), space)

    class NamedTuple(metaclass=_Names):
        """A tuple whose fields have names."""


# What may hold anything, by what it is. Of all else a class says its names and their types.
Payload = dict[str, Any]  # an event's, as its sender says it
Values = dict[str, Any]  # of a row, an entity or a note, by their names
TomlTable = dict[str, Any]  # of a project's files: as it is written, or checked and compiled
Body = dict[str, Any]  # what is sent to somebody, or what they answer, in their words
Schema = dict[str, Any]  # of JSON, or a part of it
Directions = dict[str, Any]  # what a sender needs beside the body, as its destination says it
