"""The files of a project that compares usage with its limits, made of what somebody said of their table.

Pure: answers go in, texts come out. The recipe `quota-check` is what it makes of its own files.
"""

from math import ceil
from typing import NamedTuple

import tomli_w

from ..language.templates import FILTERS
from ..recipes import PROJECT, head
from ..system.typed import Payload, TomlTable, Values
from .proposing import CUSTOMER, ours

EVENT, CLEARED = "quota.reached", "quota.cleared"
CHECK = "quota"
PERIODS = ("hour", "day", "week", "month", "quarter", "year")


class Owners(NamedTuple):
    """A file of customers: its columns for their key, their names and those who own them."""

    file: str
    format: TomlTable
    key: str
    name: str | None
    owner: str | None

    def columns(self) -> dict[str, str]:
        """Return the columns by our names of them."""
        found = {CUSTOMER: self.key}
        for role, theirs in (("name", self.name), ("owner", self.owner)):
            if theirs is not None:
                word = ours(theirs)
                found[role if not word or word in found else word] = theirs
        return found

    def ours(self, theirs: str | None) -> str | None:
        """Return our name of a column, None where there is none."""
        return next((name for name, column in self.columns().items() if column == theirs), None)


class Answers(NamedTuple):
    """What is known of a table of usage, and wanted of it; columns as the table calls them.

    `used` and `limit`, or one `percentage`, that is written as 85 where it `is_of_hundred`. `is_limited`: not every row
    has a limit. `customer` and `kind` are of a row, for the example.
    """

    source: str
    query: str | None
    format: TomlTable
    key: str
    metric: str | None
    used: str | None
    limit: str | None
    percentage: str | None
    is_of_hundred: bool
    is_limited: bool
    levels: list[float]
    period: str | None
    channel: str
    owners: Owners | None
    customer: str
    kind: str
    timezone: str | None = None

    @property
    def value(self) -> str:
        """What is compared with the levels, as an expression of the check's columns."""
        if self.percentage is None:
            return "used / limit"
        return "percentage / 100" if self.is_of_hundred else "percentage"

    @property
    def share(self) -> str:
        """The same as an expression of the event's fields."""
        if self.percentage is None:
            return "event.used / event.limit"
        return f"event.{self.value}"

    @property
    def parts(self) -> list[str]:
        """The names of ours for what tells one row from another."""
        return [CUSTOMER, "metric"] if self.metric else [CUSTOMER]

    def columns(self) -> dict[str, str]:
        """Return the columns that have another name of ours, by that."""
        roles = {CUSTOMER: self.key, "metric": self.metric, "used": self.used, "limit": self.limit}
        roles["percentage"] = self.percentage
        return {name: theirs for name, theirs in roles.items() if theirs is not None and theirs != name}


def files(answers: Answers) -> dict[str, str]:
    """Return the files of the project by their names."""
    return {
        PROJECT: "\n".join(
            [_head(answers), *([_entities(answers.owners)] if answers.owners else []), check_table(answers)]
        ),
        f"events/{EVENT}.toml": _declaration(answers, EVENT, "newly reached a level of its limit", _example(answers)),
        f"events/{CLEARED}.toml": _declaration(answers, CLEARED, "holds a level of its limit no more", _over(answers)),
        "pipelines/quota-check.toml": _pipeline(answers),
    }


def _head(answers: Answers) -> str:
    schema, line_end, rest = head().partition("\n")
    zone = [_set("timezone", answers.timezone, "what day and month mean"), ""] if answers.timezone else []
    return schema + line_end + "\n".join([*zone, rest])


def check_table(answers: Answers) -> str:
    """Return the table of the check."""
    lines = [
        "# Each row whose `value` newly reaches a level in the period is one event, however often `check` runs.",
        f"[checks.{CHECK}]",
        _set("source", answers.source, "or .json, .ndjson, sqlite:///app.db, https://…, env:DATABASE_URL (PostgreSQL)"),
    ]
    if answers.query is not None:
        lines.append(_set("query", answers.query))
    if columns := answers.columns():
        lines.append(_set("columns", columns, "our name = theirs"))
    if answers.format:
        lines.append(_set("format", answers.format, "how it is written"))
    lines += [
        _set("key", answers.parts, "whose usage it is: one row each"),
        _set("value", answers.value, "85 is 85 %" if answers.is_of_hundred else "1 is the whole limit"),
    ]
    if answers.is_limited:
        lines.append(_set("where", "limit > 0", "no limit, or 0, is an unlimited plan here"))
    lines.append(_set("levels", answers.levels))
    if answers.period:
        remark = 'of the calendar, in UTC: or timezone = "Europe/Berlin"'
        lines.append(_set("period", answers.period, "of the calendar there" if answers.timezone else remark))
    lines.append(_set("emit", EVENT))
    lines.append(_set("cleared", CLEARED, "of who is over the level no more"))
    if "://" not in answers.source:
        lines.append("# An export that is not written any more is an event check.stale, for a pipeline of its own:")
        lines.append('# stale_after = "26h"')
    return "\n".join(lines) + "\n"


def _entities(owners: Owners) -> str:
    columns = {name: theirs for name, theirs in owners.columns().items() if name != theirs}
    lines = [
        "# Who the customers are; `enrich.entity` puts their row onto $entity.customer.",
        "[entities.customer]",
        _set("file", owners.file, ".csv, .json or .ndjson"),
        _set("key", CUSTOMER),
    ]
    if columns:
        lines.append(_set("columns", columns, "our name = theirs"))
    if owners.format:
        lines.append(_set("format", owners.format, "how it is written"))
    return "\n".join(lines) + "\n"


def _declaration(answers: Answers, type_: str, what: str, values: Values) -> str:
    fields = dict.fromkeys(answers.parts, "string")
    numbers = ["used", "limit"] if answers.percentage is None else ["percentage"]
    names = ":".join(f"$event.{name}" for name in [*answers.parts, numbers[0]])
    lines = [
        "#:schema ../.ingestlayer/schema/event.json",
        _set("type", type_),
        _set("description", f"The usage of a customer {what}."),
        "",
        '# string number integer boolean date datetime object array; "…?" is optional.',
        "[fields]",
        *(_set(name, kind) for name, kind in fields.items()),
        *(_set(name, "number") for name in numbers),
        _set("again", "integer?", "how often its levels were armed again in the period, if ever: `check` counts"),
        "",
        "[idempotency]",
        "# Used when the sender gives no key; `check` gives its own. The same report within the hour is a duplicate.",
        _set("key", f"{names}:${{event.received_at | hour}}"),
        _set("window", "1h"),
        "",
        f"# What `ingestlayer preview {type_}` shows.",
        "[example]",
        *(_set(name, value) for name, value in values.items()),
    ]
    return "\n".join(lines) + "\n"


def _pipeline(answers: Answers) -> str:
    name, who = _who(answers)
    subject = f" of {_told('metric')}" if answers.metric else " of the limit"
    about = {"Customer": _told(CUSTOMER)} if name else {}
    key = ":".join(f"$event.{part}" for part in answers.parts)
    once = f"once a {answers.period}" if answers.period else "once"
    lines = [
        "#:schema ../.ingestlayer/schema/pipeline.json",
        _set("description", f"Whose usage newly reached a level of its limit, or fell, told in {answers.channel}."),
        _set("match", [EVENT, CLEARED], 'exact, or "quota.*"'),
        _set("status", "active", "active, paused or draft"),
        "",
    ]
    if answers.owners:
        lines += [
            "[[steps]]",
            _set("use", "enrich.entity"),
            _set("kind", "customer"),
            _set("key", "$event.customer_id"),
            "",
        ]
    lines += [
        f"# Each level {once}, whoever reports it and how often: `check`, or a program that emits {EVENT}. When usage",
        "# falls, or the limit is raised, that is told, too, and the level can be reached again.",
        "[[steps]]",
        _set("use", "crossing"),
        _set("value", _dollars(answers.share)),
        _set("levels", answers.levels),
        _set("key", key),
        *([_set("period", answers.period)] if answers.period else []),
        _set("clears", True),
        "",
        "[[destinations]]",
        _set("use", "slack"),
        _set("channel", answers.channel),
        _set("resolved", "$crossing.level == null", "held is no level any more: the message says so, in green"),
    ]
    if answers.owners and answers.owners.owner:
        owner = f"$entity.customer.{answers.owners.ours(answers.owners.owner)}"
        lines.append(_set("mention", owner, "by their e-mail address; any other name is shown as it is"))
    lines += [
        "[destinations.message]",
        _set("title", f"{who} is at ${{{answers.share} | percent}}{subject}"),
    ]
    if answers.percentage is None:
        lines.append(_set("text", "${event.used | number} of ${event.limit | number} used"))
    if about:
        lines.append(_set("fields", about))
    return "\n".join([*lines, "", *_tests(answers)]) + "\n"


def _tests(answers: Answers) -> list[str]:
    name, _ = _who(answers)
    shown = FILTERS["percent"][0](_share(_example(answers), answers))
    expect: TomlTable = {"channels": [answers.channel], "contains": [shown]}
    lines = [
        "[[tests]]",
        _set("name", f"a level that is newly reached is told in {answers.channel}"),
        _set("from_example", EVENT),
    ]
    if answers.owners:
        row = {name: "Example Ltd"} if name else {}
        lines.append(_set("entities", {"customer": {answers.customer: row}}))
        expect["contains"] += ["Example Ltd"] if name else []
    lines += [
        _set("expect", expect),
        "",
        "[[tests]]",
        _set("name", "over the line all the time is one alert"),
        _set("before", [{"from_example": EVENT, "idempotency_key": "an earlier report"}]),
        _set("from_example", EVENT),
        _set("expect", {"dropped_by": "crossing"}),
        "",
        "[[tests]]",
        _set("name", "what is below every level is nobody's business yet"),
        _set("from_example", EVENT),
        _set("with", {"percentage": 0} if answers.percentage else {"used": 0}),
        _set("expect", {"dropped_by": "crossing"}),
        "",
        "[[tests]]",
        _set("name", "when it is over, that is told"),
        _set("before", [{"from_example": EVENT}]),
        _set("from_example", CLEARED),
        _set("expect", {"channels": [answers.channel], "contains": ["Resolved"]}),
    ]
    if answers.owners:
        contains = ["A customer is at" if name else f"{answers.customer} is at"]
        lines += [
            "",
            "[[tests]]",
            _set("name", "a customer whom no file knows is told of, too"),
            _set("from_example", EVENT),
            _set("entities", {"customer": {}}),
            _set("expect", {"channels": [answers.channel], "contains": contains}),
        ]
    return lines


def _who(answers: Answers) -> tuple[str | None, str]:
    """Return our name of the column with a customer's name, if there is one, and what the title calls them."""
    name = answers.owners.ours(answers.owners.name) if answers.owners else None
    return name, f"${{entity.customer.{name} | default('A customer')}}" if name else _told(CUSTOMER)


def _example(answers: Answers) -> Payload:
    """Return the payload of the example: a customer of the table, a little over the highest level."""
    found: Payload = {CUSTOMER: answers.customer} | ({"metric": answers.kind} if answers.metric else {})
    top = answers.levels[-1]
    if answers.percentage is None:
        return {**found, "used": ceil(top * 10_250), "limit": 10_000}
    share = float(f"{top * 1.025:.15g}")
    return {**found, "percentage": float(f"{share * 100:.15g}") if answers.is_of_hundred else share}


def _over(answers: Answers) -> Payload:
    """Return the payload of the example of what is over: the same customer, at a quarter of the lowest level."""
    found, low = _example(answers), answers.levels[0] / 4
    if answers.percentage is None:
        return {**found, "used": int(low * 10_000)}
    return {**found, "percentage": float(f"{low * (100 if answers.is_of_hundred else 1):.15g}")}


def _share(example: Payload, answers: Answers) -> float:
    if answers.percentage is None:
        return float(example["used"] / example["limit"])
    return float(example["percentage"] / (100 if answers.is_of_hundred else 1))


def _dollars(expression: str) -> str:
    return expression.replace("event.", "$event.")


def _told(field: str) -> str:
    return f"$event.{field}"


def _set(name: str, value: object, comment: str = "") -> str:
    """Return a line of TOML, with its comment behind it or, where that makes it long, above it."""
    line = f"{name} = {in_toml(value)}"
    if not comment:
        return line
    return f"{line:31} # {comment}" if len(line) + len(comment) < 112 else f"# {comment}\n{line}"


def in_toml(value: object) -> str:
    """Return a value as TOML has it, on one line."""
    if value == {}:
        return "{}"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(name)} = {in_toml(it)}' for name, it in value.items())} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(in_toml, value))}]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")


def _key(name: str) -> str:
    return tomli_w.dumps({name: 0}).removesuffix(" = 0\n")
