"""What is said of an entity file, or of a row of it, that cannot be read."""

import os
from contextlib import suppress

from ..system.errors import Problem, ProjectError, near_miss
from .reading.faults import Fault


class RowError(ProjectError):
    """A row that cannot be read, or what might be in it; other rows can."""


def unreadable(path: str, kind: str, error: OSError | ValueError) -> ProjectError:
    """Return what is said of a file that cannot be opened, or not be read on."""
    if isinstance(error, FileNotFoundError):
        name = os.path.basename(path)
        others, stem = [], name.partition(".")[0]
        with suppress(OSError):  # what has no more than its ending in common is another file
            others = os.listdir(os.path.dirname(path) or ".")
            others = [other for other in others if near_miss(stem, [other.partition(".")[0]])]
        return ProjectError(f"{path} does not exist{near_miss(name, others)}", remedy(kind))
    why = getattr(error, "strerror", None) or str(error)
    return ProjectError(f"{path} cannot be read: {why}", remedy(kind))


def remedy(kind: str) -> str:
    return f'Correct "file" of [entities.{kind}] in ingestlayer.toml, or put a readable file there.'


def refusal(name: str, fault: Fault) -> ProjectError:
    """Return what is said of a file of a name that has a fault."""
    place = f"{name}:{fault.line}:{fault.column}"
    hint = fault.hint or "Correct this place; `ingestlayer validate` lists every problem of the file."
    return ProjectError(f"{place}: {fault.words}", hint, [Problem(place, fault.words)])


def refused_row(name: str, fault: Fault) -> RowError:
    told = refusal(name, fault)
    return RowError(told.message, told.hint, told.details)


def of_nobody(fault: Fault) -> Fault:
    """Return the fault of a row whose key cannot be read: it may be that of any key."""
    return Fault(fault.line, fault.column, f"{fault.words}; whose row it is cannot be told", fault.hint)
