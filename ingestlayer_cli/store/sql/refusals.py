"""What was refused, with the rule."""

import json
from collections.abc import Sequence

from ...system.clock import format_time
from ...system.typed import TYPE_CHECKING, Any
from .about import stands_in
from .base import Base

if TYPE_CHECKING:
    from ...model.documents.stories import RefusalDocument

_LETTER = "SELECT at, kind, type, source, line, message, details, raw FROM dead_letters"


class SqlRefusals:
    """See `contract.roles.history.Refusals`."""

    def __init__(self, store: Base) -> None:
        self._rows = store.rows

    def newest(self, word: str | None, type_: str | None = None) -> "tuple[RefusalDocument, int] | None":
        terms, values = ["TRUE"], []
        if type_ is not None:
            terms.append("type = ?")
            values.append(type_)
        if word is not None:
            terms.append("(type = ? OR instr(raw, ?) OR instr(message, ?))")
            values += [word, json.dumps(word, ensure_ascii=False)[1:-1], word]
        where = " AND ".join(terms)
        rows = self._rows(f"{_LETTER} WHERE {where} ORDER BY seq DESC LIMIT 1", *values)
        if not rows:
            return None
        count = self._rows(f"SELECT count(*) FROM dead_letters WHERE {where}", *values)[0][0]
        return _document(rows[0]), count - 1

    def about(
        self, text: str, most: int, type_: str | None = None, source: str | None = None
    ) -> "list[RefusalDocument]":
        where, values = stands_in("type raw message", text)
        if type_ is not None:
            start = type_.removesuffix("*") if type_.endswith(".*") else None
            where += " AND type = ?" if start is None else " AND substr(type, 1, ?) = ?"
            values += [type_] if start is None else [len(start), start]
        if source is not None:
            where += " AND source = ?"
            values.append(source)
        rows = self._rows(f"{_LETTER} WHERE {where} ORDER BY seq DESC LIMIT ?", *values, most)
        return [_document(row) for row in rows]

    def conflicts(self, event_id: str) -> "list[RefusalDocument]":
        rows = self._rows(
            f"{_LETTER} WHERE kind = 'conflict' AND substr(message, 1, ?) = ? ORDER BY seq DESC LIMIT 100",
            *(len(event_id), event_id),
        )
        return [_document(row) for row in rows]

    def of_rule(self, rule: str, type_: str | None, after: int, limit: int) -> list[tuple[int, str, str]]:
        return self._rows(
            "SELECT seq, source, raw FROM dead_letters WHERE kind = ? AND type = coalesce(?, type) AND seq > ?"
            " ORDER BY seq LIMIT ?",
            *(rule, type_, after, limit),
        )


def _document(row: Sequence[Any]) -> "RefusalDocument":
    at, kind, type_, source, line, message, details, raw = row
    return {
        "at": format_time(at),
        "kind": kind,
        "type": type_,
        "source": source,
        "line": line,
        "message": message,
        "details": json.loads(details),
        "raw": raw,
    }
