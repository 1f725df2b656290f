"""One row of a file that is read through for it."""

from .reading.faults import Fault, Record, WholeFileError
from .reading.stream import is_young
from .refusals import of_nobody, refusal, refused_row, unreadable
from .source import READ_AHEAD, EntitySource
from .table import UNREADABLE, Row


def scan(source: EntitySource, key: str) -> Row | None:
    """Return the row of a key; ProjectError where it, the file, or what might be it cannot be read."""
    table = source.table()
    first: Record | None = None
    broken: Fault | None = None
    later = []
    try:
        with open(source.path, "rb", buffering=READ_AHEAD) as file:
            for found, record in table.keyed(file, is_young(source.stamp()[1])):
                if found == key and first is None:
                    first = record
                elif found == key:
                    later.append(record[0])
                elif found == UNREADABLE and broken is None:
                    broken = record[4]
    except OSError as error:
        raise unreadable(source.path, source.kind, error) from None
    except WholeFileError as error:
        raise refusal(source.name, error.fault) from None
    if first is None:
        if broken is not None:
            raise refused_row(source.name, of_nobody(broken))
        return None
    number, _, _, value, fault = first
    if fault is not None:
        raise refused_row(source.name, fault)
    return Row(table.values(value), number, tuple(later))
