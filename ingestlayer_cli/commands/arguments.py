"""The arguments of `emit` and `preview`: their own options, and the declared fields as options.

The fields are known only when the project and the type are, and `emit` must start fast: it is read here, not
by Typer, which has the same table for `--help` (`event_command.py`).
"""

import os
from collections.abc import Callable

from ..model.declarations import Declaration, Field, option_name
from ..model.gate import Raw, read_payload
from ..project import Project
from ..system.clock import parse_duration
from ..system.console import stdin
from ..system.errors import RejectedError, UsageError, as_written, near_miss
from ..system.typed import Any, NamedTuple


class Option(NamedTuple):
    """An option of a command; a switch has no `metavar`."""

    flag: str
    metavar: str
    help: str
    short: str = ""


EVENT = [
    Option("--data", "JSON|@FILE|-", "The payload as one JSON object: the text itself, a file, or stdin."),
    Option("--key", "KEY", "The idempotency key; else the declaration's."),
    Option("--timestamp", "TIME", "When it happened: RFC 3339, or a duration like `2h ago`."),
    Option("--allow-future", "", "Take a time that is beyond tomorrow."),
    Option("--source", "NAME", "Who sends it; `cli` unless given."),
]
OUTPUT = [
    Option("--json", "", "Print one JSON document."),
    Option("--quiet", "", "Print errors only.", "-q"),
]
NO_DELIVER = Option("--no-deliver", "", "Accept and queue; send nothing now.")
WAIT = Option("--wait", "DURATION", "How long to wait for its messages, and those that had waited; 10s unless given.")
LOG = Option("--log", "FILE", "Append what is decided, one JSON object a line.")
EMIT = [
    *EVENT,
    NO_DELIVER,
    Option("--dry-run", "", "Show what would happen, like `preview`."),
    WAIT,
    Option("--batch", "FILE|-", "Many events: .ndjson, .jsonl or .csv, or NDJSON from stdin."),
    Option("--format", "csv|ndjson|TOML", "What a batch holds, or how its CSV is written: 'thousands = \",\"'."),
    Option("--rejects", "FILE", "Where the refused lines of a batch go, as NDJSON."),
    LOG,
    *OUTPUT,
]
PREVIEW = [
    *EVENT,
    Option("--at", "TIME", "As if it happened then: 2026-12-24T20:00, by the project's clock."),
    Option("--event", "ID", "A stored event: its id, the start of it, or @last."),
    Option("--blocks", "", "Print the Block Kit JSON alone."),
    Option("--link", "", "Print a link that opens the message in Slack's Block Kit Builder."),
    Option("--svg", "FILE", "Write a picture."),
    Option("--html", "FILE", "Write a page."),
    *OUTPUT,
]


class Assignment(NamedTuple):
    """A field that an argument sets; `is_json` for `k:=json`, `flag` is how it was written."""

    name: str
    text: str
    is_json: bool
    flag: str


class Arguments(NamedTuple):
    """What was typed."""

    type: str
    options: dict[str, str]
    assignments: list[Assignment]

    def on(self, flag: str) -> bool:
        return flag in self.options

    def raw(self, declaration: Declaration | None) -> Raw:
        """Return the raw event: `--data`, and the fields over it."""
        payload = _data(self.options["--data"]) if "--data" in self.options else {}
        if self.assignments and not isinstance(payload, dict):
            raise RejectedError("schema", "--data must be a JSON object when fields are set beside it")
        for item in self.assignments:
            payload[item.name] = _value(item, declaration)
        options = self.options
        return Raw(
            self.type,
            payload,
            options.get("--key"),
            options.get("--timestamp"),
            options.get("--source", "cli"),
        )


def parse(args: list[str], table: list[Option], declared: Callable[[str], Declaration | None]) -> Arguments:
    """Read arguments; UsageError names the near miss."""
    return _Parser(args, table, declared).run()


class _Parser:
    def __init__(self, args: list[str], table: list[Option], declared: Callable[[str], Declaration | None]) -> None:
        self._rest = list(reversed(args))
        self._own = {option.flag: option for option in table}
        self._short = {option.short: option.flag for option in table if option.short}
        self._declared = declared
        self._type = ""
        self._declaration: Declaration | None = None
        self._options: dict[str, str] = {}
        self._assignments: list[Assignment] = []

    def run(self) -> Arguments:
        while self._rest:
            word = self._rest.pop()
            word = self._short.get(word, word)
            if word.startswith("--") and len(word) > 2:
                self._option(word)
            elif word.startswith("-") and word != "-":
                raise UsageError(f"unknown option {word}{near_miss(word, self._short)}")
            elif "=" in word:
                self._assignments.append(assignment(word))
            elif not self._type:
                self._type, self._declaration = word, self._declared(word)
            else:
                raise UsageError(
                    f"unexpected argument {as_written(word)}",
                    "a field is set by its option, by name=text or by name:=json",
                )
        return Arguments(self._type, self._options, self._assignments)

    def _option(self, word: str) -> None:
        flag, equals, value = word.partition("=")
        if flag in self._own:
            if not self._own[flag].metavar:
                if equals:
                    raise UsageError(f"{flag} takes no value")
                self._options[flag] = ""
            else:
                self._options[flag] = value if equals else self._next(flag)
        elif self._declaration is not None:
            self._field(flag, equals, value, self._declaration)
        elif self._type:
            # The gate will refuse the undeclared type; its dead letter should hold what was given.
            name = flag[2:].replace("-", "_")
            takes_next = not equals and self._rest and not self._rest[-1].startswith("-")
            self._assignments.append(Assignment(name, self._rest.pop() if takes_next else value, False, flag))
        else:
            known = near_miss(flag, self._own)
            raise UsageError(f"unknown option {flag}{known}", "the event type comes before its fields: emit TYPE …")

    def _field(self, flag: str, equals: str, value: str, declaration: Declaration) -> None:
        field, negated = self._declared_field(flag, declaration)
        if field.type == "boolean" and not equals:
            following = self._rest[-1] if self._rest else ""
            given = not negated and following.lower() in ("true", "false")
            value = self._rest.pop() if given else ("false" if negated else "true")
        elif not equals:
            value = self._next(flag)
        self._assignments.append(Assignment(field.name, value, False, flag))

    def _declared_field(self, flag: str, declaration: Declaration) -> tuple[Field, bool]:
        """Find the field of an option: its whole name, or words that start only one."""
        fields = declaration.fields
        options = {option_name(name): field for name, field in fields.items()}
        if flag in options:
            return options[flag], False
        if flag[2:] in fields:
            return fields[flag[2:]], False
        starts = [option for option in options if option.startswith(flag + "-")]
        if len(starts) == 1:
            return options[starts[0]], False
        if starts:
            raise UsageError(f"{flag} is ambiguous: {' or '.join(starts)}")
        positive = "--" + flag.removeprefix("--no-")
        if flag.startswith("--no-") and positive in options and options[positive].type == "boolean":
            return options[positive], True
        near = near_miss(flag, [*options, *self._own])
        hint = f"its fields: ingestlayer emit {declaration.type} --help"
        raise UsageError(f"{declaration.type} has no option {flag}{near}", hint)

    def _next(self, flag: str) -> str:
        if not self._rest or self._rest[-1].partition("=")[0] in self._own:
            raise UsageError(f"{flag} needs a value", f"a value that looks like an option is given as {flag}=VALUE")
        return self._rest.pop()


def assignment(word: str) -> Assignment:
    """Read `k=v` or `k:=json`; UsageError when it has no name."""
    name, _, text = word.partition("=")
    is_json = name.endswith(":")
    name = name.removesuffix(":")
    if not name:
        raise UsageError(f"{as_written(word)} sets no field", "write name=text or name:=json")
    return Assignment(name, text, is_json, word)


def _value(item: Assignment, declaration: Declaration | None) -> Any:
    """Return the value that an argument means; the gate says what is wrong with one that does not fit."""
    if item.is_json:
        return read_payload(item.text, f"the value of {item.name}")
    field = declaration.fields.get(item.name) if declaration else None
    if field is None:
        return item.text
    try:
        return field.read(item.text)
    except ValueError:
        return item.text


def _data(given: str) -> Any:
    if given == "-":
        return read_payload(stdin().read(), "--data from stdin")
    if given.startswith("@"):
        try:
            with open(os.path.expanduser(given[1:]), "rb") as file:
                return read_payload(file.read(), given[1:])
        except OSError as error:
            raise UsageError(f"--data {given}: {error.strerror}") from None
    return read_payload(given, "--data")


def _check_declared(arguments: Arguments, declaration: Declaration | None, accepts_undeclared: bool) -> None:
    """Refuse options for the fields of an event that is accepted without a declaration: they are guesses."""
    if declaration is None and accepts_undeclared:
        for item in arguments.assignments:
            if item.flag.startswith("--"):
                raise UsageError(
                    f"unknown option {item.flag}: {arguments.type} is not declared",
                    f"set the fields of an undeclared event as {item.name}=text or {item.name}:=json",
                )


def wait_of(arguments: Arguments) -> int:
    """Return for how many milliseconds messages are waited for."""
    from ..engine.tally import WAIT

    if not arguments.on("--wait"):
        return WAIT
    try:
        return parse_duration(arguments.options["--wait"])
    except ValueError as error:
        raise UsageError(f"--wait: {error}") from None


def read_event(project: Project, arguments: Arguments) -> Raw:
    """Return the raw event that the arguments mean."""
    if not arguments.type:
        raise UsageError(
            "which event?", f"ingestlayer emit TYPE …; declared here: {', '.join(project.types) or 'none'}"
        )
    declaration = project.declaration(arguments.type)
    _check_declared(arguments, declaration, project.accepts_undeclared)
    return arguments.raw(declaration)
