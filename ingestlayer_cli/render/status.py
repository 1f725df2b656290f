"""How a project stands, for a terminal: lines with their styles, no wider than it is."""

import os
from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from ..operations.troubles.symptoms import age, size
from ..store.contract.sending import OPEN
from ..system.clock import parse_time
from ..system.console import safe
from ..system.errors import count_of
from .slack_status import MARKS

if TYPE_CHECKING:
    from ..model.documents.projects import LookDocument
    from ..model.documents.status import CheckStandingDocument, StatusDocument

Line = tuple[str, str]  # its text and its style

STATES = {"well": ("✓", "green"), "attention": ("!", "yellow"), "trouble": ("✗", "red")}
_WHOLE = "\xa0"  # a space at which no line ends
CONNECT = "ingestlayer slack connect"
LISTED = 12  # troubles that are shown
_HEALTH = {"good": "green", "running": "green", "old": "yellow"}
_LINED_UP = {"active": "", "paused": "yellow", "draft": "dim", "broken": "red"}
_PUT_OFF = {"digest": "to be one message", "hours": "for their hours", "budget": "for the channel's budget"}
_STATUSES = {"delivered": "", "shown": "yellow", "pending": "yellow", "retrying": "yellow"}


def lines(document: "StatusDocument", width: int) -> Iterator[Line]:
    """Yield the page; nothing in it is wider than the terminal, but a command that is."""
    return _Page(document, width).lines()


class _Page:
    def __init__(self, document: "StatusDocument", width: int) -> None:
        self.document = document
        self.width = max(width, 40)
        self.now = _at(document["at"])

    def lines(self) -> Iterator[Line]:
        sign, style = STATES[self.document["state"]]
        yield self._cut(f"{sign} {self.document['state']}  {self.document['project']}"), style
        yield from self._troubles()
        yield from self._checks()
        is_read = all(it["kind"] != "store_broken" for it in self.document["troubles"])
        if is_read:
            yield from self._waiting()
        yield from self._set_up(is_read)
        if is_read:
            yield from self._messages()

    # Parts -------------------------------------------------------------------------------------------------

    def _troubles(self) -> Iterator[Line]:
        found = self.document["troubles"]
        for it in found[:LISTED]:
            yield from self._trouble(it)
        if len(found) > LISTED:
            yield f"  … and {len(found) - LISTED:,} more: ingestlayer status --json", "dim"

    def _trouble(self, it: "LookDocument") -> Iterator[Line]:
        sign, style = MARKS[it["mark"]]
        since = f"; {_WHOLE.join(['since', *self._since(it['since']).split()])}" if it["since"] else ""
        for number, text in enumerate(self._wrapped(it["words"] + since)):
            yield f"{'  ' if number else sign + ' '}{text}", style
        told = it["by_hand"] if it["command"] else it["hint"]
        for number, text in enumerate(self._wrapped(f"{told}, then:" if told and it["command"] else told, 4)):
            yield f"  {'  ' if number else '→ '}{text}", "dim"
        if it["command"]:  # alone and whole, to be copied
            yield f"  {'  ' if told else '→ '}{safe(it['command'])}", ""

    def _checks(self) -> Iterator[Line]:
        rows = self.document["checks"]
        if not rows:
            return
        yield "", ""
        yield from self._table(["check", "", "last run", "next", "rows", "crossed", "source"], map(self._check, rows))

    def _check(self, it: "CheckStandingDocument") -> tuple[list[str], str]:
        old = "" if it["source_age_s"] is None else f", {age(it['source_age_s'] * 1000)} old"
        cells = [it["name"], it["health"], self._ago(it["last_run"]), self._until(it["next_at"])]
        cells += [f"{it[name]:,}" if it[name] is not None else "" for name in ("rows", "crossed")]
        return [*cells, f"{it['source']}{old}"], _HEALTH.get(it["health"], "red")

    def _waiting(self) -> Iterator[Line]:
        yield "", ""
        rows, runs = self.document["waiting"], self.document["failed_runs"]
        totals: dict[str, int] = {}
        for row in rows:
            totals[row["status"]] = totals.get(row["status"], 0) + row["count"]
        told = [f"{count:,} {status}" for status, count in totals.items()]
        told += [count_of(runs, "failed run")] if runs else []
        open_ = bool(runs) or any(status in OPEN for status in totals)
        mended = f"; to send what is due: {_whole('ingestlayer deliver')}" if open_ else ""
        for number, text in enumerate(self._wrapped(f"waiting: {', '.join(told) or 'nothing'}{mended}")):
            yield f"{'  ' if number else ''}{text}", ""
        for row in rows[:LISTED]:
            next_at = f", next {self._until(row['next_at'])}" if row["next_at"] else ""
            why = f": {row['why']}" if row["why"] else ""
            words = (
                f"  {row['target']}  {row['count']:,} {row['status']} since {self._since(row['since'])}{next_at}{why}"
            )
            yield self._cut(words), "red" if row["status"] == "dead" else "yellow"
        if len(rows) > LISTED:
            yield f"  … and {len(rows) - LISTED:,} more: ingestlayer deliveries list", "dim"
        for it in self.document["put_off"][:LISTED]:
            words = f"  {it['target']}  of these {it['count']:,} {_PUT_OFF[it['reason']]}, "
            yield self._cut(f"{words}next {self._until(it['next_at'])}"), "dim"

    def _set_up(self, is_read: bool) -> Iterator[Line]:
        yield "", ""
        if is_read:
            yield self._cut(f"last 24 h   {', '.join(self._recent())}"), ""
        if (ran := self.document["deliver"]) is not None:
            sent = "" if ran["sent"] is None else f", sent {ran['sent']:,}"
            why = f": {ran['error']}" if ran["error"] else ""
            yield self._cut(f"deliver     ran {self._ago(ran['last_run'])}{sent}{why}"), "red" if why else ""
        elif self.document["messages"]:
            yield "deliver     never ran here", "yellow"
        for number, row in enumerate(self.document["pipelines"]):
            match = ", ".join(row["match"]) or "every type"
            runs = ", ".join(f"{count:,} {outcome}" for outcome, count in row["last_24h"].items() if count)
            words = f"{'pipelines' if not number else '':10}  {row['name']}  {row['status']}  {match}"
            words += f"  24 h: {runs}" if runs else ""
            yield self._cut(words), _LINED_UP[row["status"]]
        for link in self.document["connections"]:
            name = f"connection of {link['workspace']}" if link["workspace"] else "connection"
            for number, text in enumerate(self._wrapped(f"{name}: {_linked(link)}", 0)):
                yield f"{'  ' if number else ''}{text}", "red" if link["problem"] else ""
        yield from self._store()

    def _recent(self) -> Iterator[str]:
        recent = self.document["last_24h"]
        yield count_of(recent["accepted"], "event")
        if recent["repeated"]:
            yield f"{recent['repeated']:,} came again"
        if recent["unmatched"]:
            yield f"{recent['unmatched']:,} that no pipeline took"
        if recent["refused"]:
            yield f"{recent['refused']:,} refused"

    def _store(self) -> Iterator[Line]:
        store = self.document["store"]
        if store is None:
            return
        on = f", on {' and '.join(store['machines'])}" if store["machines"] else ""
        oldest = f", oldest open {self._ago(store['oldest_open'])}" if store["oldest_open"] else ""
        path = store["path"].removeprefix(self.document["project"] + "/")
        yield self._cut(f"store       {path}, {size(store['bytes'])}{on}{oldest}"), ""

    def _messages(self) -> Iterator[Line]:
        yield "", ""
        rows = self.document["messages"]
        if not rows:
            types = (type_ for row in self.document["pipelines"] for type_ in row["match"] if "*" not in type_)
            yield f"no message yet; try: ingestlayer preview {next(types, 'TYPE')}", ""
            return
        cells = [
            (
                [_minute(row["queued_at"]), row["target"], row["status"], row["who"], row["title"]],
                _STATUSES.get(row["status"], "red"),
            )
            for row in rows
        ]
        yield from self._table(["last messages", "to", "", "about", ""], cells)
        yield "why one went where: ingestlayer why @last", "dim"

    # Words -------------------------------------------------------------------------------------------------

    def _table(self, head: list[str], rows: Any) -> Iterator[Line]:
        """Yield rows in columns; the last one takes what is left, and others are at most a third of the width."""
        found = [([safe(cell) for cell in cells], style) for cells, style in rows]
        most = self.width // 3
        sizes = [
            min(max(len(cell) for cell in column), most) for column in zip(head, *(it[0] for it in found), strict=True)
        ]
        for cells, style in [(head, "bold"), *found]:
            told = [f"{_short(cell, wide):{wide}}" for cell, wide in zip(cells, sizes, strict=True)][:-1]
            yield self._cut("  ".join([*told, cells[-1]])).rstrip(), style

    def _cut(self, text: str) -> str:
        return _short(self._home(text), self.width)

    def _home(self, text: str) -> str:
        """Return a text with ~ for the folder of the user, as shells show it; a command keeps its paths."""
        home = os.path.expanduser("~").rstrip("/")
        return safe(text).replace(f"{home}/", "~/") if home else safe(text)

    def _wrapped(self, text: str, indent: int = 2) -> list[str]:
        """Return a text as lines; what is longer than one, a path, is not broken: it is to be copied."""
        found = wrap(self._home(text), self.width - indent, break_on_hyphens=False, break_long_words=False)
        return [line.replace(_WHOLE, " ") for line in found]

    def _since(self, text: str | None) -> str:
        return "" if text is None else f"{_minute(text)} ({age(max(self.now - _at(text), 0))})"

    def _ago(self, text: str | None) -> str:
        return "never" if text is None else f"{age(max(self.now - _at(text), 0))} ago"

    def _until(self, text: str | None) -> str:
        if text is None:
            return ""
        left = _at(text) - self.now
        return f"in {age(left)}" if left > 0 else "now" if left > -60_000 else f"{age(-left)} late"


def _linked(link: Any) -> str:
    if link["connection"] == "terminal":
        return f"terminal, messages are drawn here; to send them: {_whole(CONNECT)}"
    problem = (link["problem"] or "").replace(CONNECT, _whole(CONNECT))
    return f"{link['connection']}, " + (problem or f"its secret is in {link['secret']}")


def _whole(command: str) -> str:
    """Return a command that no line ends in."""
    return command.replace(" ", _WHOLE)


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _at(text: str) -> int:
    return parse_time(text, 0)


def _minute(text: str) -> str:
    return f"{text[5:10]} {text[11:16]}"
