"""Entities as lines that fit their place. Plain text: a look-up is asked for often."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..system.clock import MINUTE, parse_rfc3339
from ..system.errors import count_of
from .events import cells, cut, cut_end, fields, shown

if TYPE_CHECKING:
    from ..model.documents.entities import Change, EntityDocument, KindsDocument, ListedDocument, TraitDocument

MOST_NAME = 30
MOST_VALUE = 40
MOST_ID = 30

_SEEN = ("first_seen", "last_seen")


def one(document: "EntityDocument", wide: int | None) -> Iterator[str]:
    """Yield the lines of one entity: each trait with its origin, and what the file says beneath the store's word."""
    yield cut(f"{document['kind']} {document['id']}", wide)
    most_name, most_value = (None, None) if wide is None else (min(MOST_NAME, wide // 4), min(MOST_VALUE, wide // 3))
    rows = [(cut(row["name"], most_name), cut(shown(row["value"]), most_value), row) for row in document["traits"]]
    names = max((cells(name) for name, _, _ in rows), default=0)
    values = min(max((cells(value) for _, value, _ in rows), default=0), most_value or MOST_VALUE)
    for name, value, row in rows:
        yield _fitted(f"  {_padded(name, names)}  {_padded(value, values)}  {origin(row)}", wide)
        if row["over"]:
            over = row["over"]
            beneath = f"over {cut(shown(over['value']), MOST_VALUE)} of {over['origin']}"
            yield _fitted(f"  {' ' * names}  {' ' * values}  {beneath}", wide)
    if document["first_seen"] and document["last_seen"]:
        seen = f"  first seen {_minute(document['first_seen'])}, last seen {_minute(document['last_seen'])}"
        yield _fitted(seen, wide)


def origin(row: "TraitDocument") -> str:
    """Return where a trait is from, with the day: `evt_… 2026-11-03`, `customers.csv line 2`."""
    return f"{row['origin']} {row['at'][:10]}" if row["at"] else row["origin"]


def _minute(time: str) -> str:
    return f"{time[:10]} {time[11:16]} UTC"


def _padded(text: str, size: int) -> str:
    return text + " " * (size - cells(text))


def _fitted(line: str, wide: int | None) -> str:
    return line.rstrip() if wide is None else cut_end(line.rstrip(), wide)


def line(found: "ListedDocument", id_width: int, wide: int | None) -> str:
    """Return the line of a list: the id, a few values, and where they are from."""
    text = _padded(cut(found["id"], MOST_ID if wide is not None else None), id_width)
    hidden = (None, found["id"])
    told = {name: value for name, value in found["values"].items() if name not in _SEEN and value not in hidden}
    text += f"  {cut(fields(told), None)}"
    return f"{text}  ({', '.join(found['from'])})" if wide is None else cut_end(text.rstrip(), wide)


def kinds(document: "KindsDocument", now: int) -> Iterator[str]:
    """Yield the lines of the kinds that there are."""
    for row in document["kinds"]:
        parts = (
            [f"{row['file']}{_age(row['modified_at'], now)}: {count_of(row['rows'], 'row')}"]
            if row["file"]
            else ["no file"]
        )
        parts = [f"{row['file']}: {row['problem']}"] if row["problem"] else parts
        yield f"{row['kind']}  {', '.join(parts)}, {row['stored']:,} in the store"


def _age(modified_at: str | None, now: int) -> str:
    """Return the age of a file, in the largest unit that it has."""
    if modified_at is None:
        return ""
    minutes = max(now - int(parse_rfc3339(modified_at).timestamp() * 1000), 0) // MINUTE
    for size, name in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f" ({count_of(count, name)} old)"
    return " (new)"


def changes(rows: "Iterable[Change]") -> Iterator[str]:
    """Yield a line for each change of traits: `plan  pro → team`."""
    for row in rows:
        yield f"{row['name']}  {cut(_was(row['from']), MOST_VALUE)} → {cut(_was(row['to']), MOST_VALUE)}"


def _was(value: object) -> str:
    return "-" if value is None else shown(value)
