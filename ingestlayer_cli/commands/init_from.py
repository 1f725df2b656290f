"""`init --from`: a project that compares usage with its limits, from a file or a database to its first dry run."""

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..operations import making, proposing, sampling
from ..operations.crontab import crontab
from ..operations.making import Answers, Owners
from ..project.format_text import read_format
from ..system.console import is_attended, note, say, say_json
from ..system.errors import Exit, UsageError, gravest, near_miss
from ..system.zones import zone
from .asking import ask

if TYPE_CHECKING:
    from ..checks.run import CheckOptions
    from ..model.documents.checks import CheckDocument
    from ..model.documents.projects import InitFromDocument
    from ..system.document import Document
    from ..system.typed import TomlTable


T = TypeVar("T")
NONE = "none"  # the answer that there is none
LEVELS, CHANNEL, PERIOD = "0.8,1", "#alerts", "month"
CUSTOMERS = "customers.csv"


class Typed(NamedTuple):
    """What was said on the command line, each as it was typed; None: it is to be asked."""

    source: str
    query: str | None = None
    key: str | None = None
    metric: str | None = None
    used: str | None = None
    limit: str | None = None
    percentage: str | None = None
    format: str | None = None
    levels: str | None = None
    period: str | None = None
    channel: str | None = None
    customers: str | None = None
    customers_key: str | None = None
    customers_name: str | None = None
    customers_owner: str | None = None
    timezone: str | None = None


def run(place: str, given: Typed, is_yes: bool, as_json: bool) -> Exit:
    """Ask what is not said, write the project, and show what its first check would find."""
    _refuse_what_is_there(place)
    questions = _Questions(given, is_yes)
    answers = _answers(place, given, questions)
    again = questions.command(place)
    if questions.unasked:
        raise UsageError("there is no terminal to ask on", f"--yes takes what is proposed; or say it all: {again}")
    from ..project.jsonschema import refresh
    from ..recipes import Written, ignored, put

    files = {name: text.encode() for name, text in making.files(answers).items()}
    written = put({".gitignore": ignored(), **files}, place, Written([], [], []))
    refresh(place)
    if as_json:
        result, _, _ = _dry_run(place)
        document: InitFromDocument = {
            "directory": place,
            "created": written.created,
            "kept": written.kept,
            "changed": written.changed,
            "answers": questions.settled,
            "check": result.told,
            "crontab": crontab(place, given.source),
        }
        say_json(document)
        return gravest(result.exit_codes)
    for name in written.created:
        say(f"created {name}", "green")
    say()
    return _show(place, given.source, again)


def _show(place: str, source: str, again: str) -> Exit:
    """Show the first check, and what to do now."""
    from .check import say_result

    result, data, options = _dry_run(place)
    say_result(data, result, options, False)
    say()
    say("for the crontab (crontab -e):", "bold")
    for line in crontab(place, source):
        say(f"  {line}")
    note("")
    note("the same again, without a question:", "dim")
    note(f"  {again}", "dim")
    note("")
    note("next:")
    if os.path.realpath(place) != os.path.realpath("."):
        note(f"  cd {shlex.quote(os.path.relpath(place))}")
    note(f"  ingestlayer preview {making.EVENT}")
    note("  ingestlayer slack connect")
    if result.get("crossed"):
        note("  ingestlayer check --baseline    where nobody is to hear of those who are over already")
    return gravest(result.exit_codes)


def _dry_run(place: str) -> "tuple[Document[CheckDocument], TomlTable, CheckOptions]":
    from ..checks.run import CheckOptions, check
    from ..engine.runtime import Runtime
    from ..project import load
    from .show import drawing

    options = CheckOptions(dry_run=True)
    with Runtime(load(place, keep=False), keep=False, show=drawing(True)) as runtime:
        data = runtime.project.checks[making.CHECK]
        return check(runtime, data, options), data, options


def _refuse_what_is_there(place: str) -> None:
    from ..recipes import PROJECT

    there = [PROJECT, f"events/{making.EVENT}.toml", "pipelines/quota-check.toml"]
    for name in there:
        if os.path.lexists(os.path.join(place, name)):
            hint = "name a new folder, `ingestlayer init DIR --from …`; or add the recipe: --recipe quota-check --add"
            raise UsageError(f"{os.path.join(place, name)} is there already", hint)


# Questions ------------------------------------------------------------------------------------------------


class _Questions:
    """Asks what the command line does not say. `settled` has each answer as its flag takes it."""

    def __init__(self, given: Typed, is_yes: bool) -> None:
        self._given = given._asdict()
        self._is_yes = is_yes
        self._is_attended = is_attended() and not is_yes
        self.settled: dict[str, str] = {}
        self.unasked = False  # something is proposed that nobody has said yes to

    def settle(self, name: str, what: str, proposal: str | None, read: Callable[[str], T]) -> T:
        """Return the answer to a question: what was said, what is typed now, or what is proposed."""
        given = self._given[name]
        if given is not None:
            return self._taken(name, given, read)
        if self._is_attended:
            return self._asked(name, what, proposal, read)
        if proposal is None:
            raise UsageError(f"{what}: nothing speaks for one", f"say it: {flag(name)} …")
        self.unasked = self.unasked or not self._is_yes
        return self._taken(name, proposal, read)

    def _asked(self, name: str, what: str, proposal: str | None, read: Callable[[str], T]) -> T:
        while True:
            shown = f" [{proposal}]" if proposal is not None else ""
            said = ask(f"{what}{shown}", hidden=False, otherwise=proposal or "")
            try:
                return self._taken(name, said, read)
            except UsageError as error:
                note(f"{error.message}" + (f"; {error.hint}" if error.hint else ""), "yellow")

    def _taken(self, name: str, text: str, read: Callable[[str], T]) -> T:
        found = read(text)
        self.settled[name] = text
        return found

    def command(self, place: str) -> str:
        """Return the command line that asks nothing."""
        parts = ["ingestlayer", "init", *([os.path.relpath(place)] if place != "." else [])]
        parts += ["--from", self._given["source"]]
        parts += ["--query", self._given["query"]] if self._given["query"] is not None else []
        for name, text in self.settled.items():
            parts += [flag(name), text]
        return shlex.join(parts)


def flag(name: str) -> str:
    """Return the flag of an answer."""
    return "--" + name.replace("_", "-")


def _answers(place: str, given: Typed, questions: _Questions) -> Answers:
    told = read_format(given.format) if given.format is not None else {}
    sample, looks = sampling.sampled(given.source, given.query, told)
    column = _OneOf(given.source, sample.columns)
    seems = proposing.usage_of(sample)
    key = questions.settle("key", "the column of the customer", seems.key, column)
    metric = questions.settle(
        "metric", "the column of what is counted, or none", proposing.metric_of(sample, key) or NONE, column.or_none
    )
    used, limit, percentage = _amounts(given, seems, questions, column)
    format = _written(given, sample, [it for it in (used, limit, percentage) if it], looks, questions)
    if percentage and (pair := proposing.mixed(sample, percentage, format)):
        raise UsageError(f"{percentage} has {pair[0]}, and {pair[1]} without the sign", "export it in one way")
    if used and limit and (others := proposing.also(sample, used, limit)):
        words = f"{others[0]} and {others[1]} seem to be another pair: for these, write one more [checks.NAME]"
        note(f"warning: {given.source}: {words}", "yellow")
    if twice := proposing.repeated(sample, [key, *([metric] if metric else [])]):
        note(f"warning: {given.source} has two rows of {twice}: the first counts; --metric tells them apart", "yellow")
    return Answers(
        source=sampling.within(place, given.source),
        query=given.query,
        format=format,
        key=key,
        metric=metric,
        used=used,
        limit=limit,
        percentage=percentage,
        is_of_hundred=percentage is not None and proposing.is_of_hundred(sample, percentage, format),
        is_limited=limit is not None and proposing.has_unlimited(sample, limit, format),
        levels=questions.settle("levels", "the levels, as parts of the limit", LEVELS, _levels),
        period=questions.settle("period", "each level once a (or none)", PERIOD, _period),
        channel=questions.settle("channel", "the channel", CHANNEL, _channel),
        owners=_owners(place, given, sample, key, questions),
        customer=str(next(iter(sample.cells(key)), "acme")).strip(),
        kind=str(next(iter(sample.cells(metric)), "seats")).strip() if metric else "",
        timezone=None if given.timezone is None else questions.settle("timezone", "", None, _zone),
    )


def _amounts(
    given: Typed, seems: proposing.Usage, questions: _Questions, column: "_OneOf"
) -> tuple[str | None, str | None, str | None]:
    """Settle which columns are used and limit; where one is a percentage, neither is."""
    if given.percentage is not None and (given.used or given.limit) is not None:
        raise UsageError("--percentage stands for --used and --limit", "give the one, or the two")
    used = None
    if given.percentage is None and (seems.percentage is None or (given.used or given.limit) is not None):
        used = questions.settle("used", "the column of what is used, or none: a percentage", seems.used, column.or_none)
    if used is not None:
        return used, questions.settle("limit", "the column of the limit", seems.limit, column), None
    return None, None, questions.settle("percentage", "the column of the percentage", seems.percentage, column)


def _written(
    given: Typed, sample: proposing.Sample, numbers: list[str], looks: dict[str, Any], questions: _Questions
) -> dict[str, Any]:
    """Settle how the table is written: what was said, or what its looks and its numbers propose."""
    if given.format is not None:
        return questions.settle("format", "", None, lambda _: looks)
    found = {**looks, **proposing.format_of(sample, numbers)}
    proposal: str | None = _shown(found)
    what = "how it is written"
    text = proposing.doubtful(sample, numbers)
    if text is not None and not {"decimal", "thousands"} & found.keys():
        whole = text.replace(".", "")
        proposal, what = None, f"""{text} is {whole} (decimal = ",", thousands = ".") or a fraction (decimal = ".")"""
    elif not found:
        return {}
    return questions.settle("format", what, proposal, lambda text: {**looks, **read_format(text)})


def _owners(place: str, given: Typed, usage: proposing.Sample, key: str, questions: _Questions) -> Owners | None:
    """Settle where the customers' names and owners are."""
    beside = os.path.join(os.path.dirname(given.source), CUSTOMERS)
    proposal = beside if os.path.isfile(beside) and beside != given.source else NONE
    file = questions.settle("customers", "the file of the customers and their owners, or none", proposal, str)
    if file == NONE:
        return None
    sample, looks = sampling.customers_in(file)
    seems = proposing.customers_of(sample, usage.cells(key))
    column = _OneOf(file, sample.columns)
    own = questions.settle("customers_key", f"the column of {file} with {key}", seems.key, column)
    if not proposing.shared(sample, own, usage.cells(key)):
        note(f"warning: {file} has none of the customers of {given.source} in {own}", "yellow")
    name = questions.settle("customers_name", "the column of their names, or none", seems.name or NONE, column.or_none)
    owner = questions.settle(
        "customers_owner", "the column of their owners, or none", seems.owner or NONE, column.or_none
    )
    return Owners(sampling.within(place, file), looks, own, name, owner)


# Answers --------------------------------------------------------------------------------------------------


class _OneOf:
    """Reads an answer that is one of the columns of a table, each of which may be one thing alone."""

    def __init__(self, table: str, columns: list[str]) -> None:
        self._table = table
        self._columns = columns
        self._said: set[str] = set()

    def __call__(self, text: str) -> str:
        if text not in self._columns:
            near = near_miss(text, self._columns)
            raise UsageError(f"{self._table} has no column {text}{near}", f"its columns: {', '.join(self._columns)}")
        if text in self._said:
            raise UsageError(f"{text} is something else already", "each column is one thing")
        self._said.add(text)
        return text

    def or_none(self, text: str) -> str | None:
        return None if text == NONE else self(text)


def _levels(text: str) -> list[float]:
    """Read `0.8,1` or `80%,100%`."""
    hint = "for 80 % and 100 %: 0.8,1"
    try:
        parts = [part.strip() for part in text.split(",")]
        found = [float(part[:-1]) / 100 if part.endswith("%") else float(part) for part in parts]
    except ValueError:
        raise UsageError(f"{text} are no levels", hint) from None
    if not all(0 < level < 10 for level in found):
        raise UsageError(f"{text}: a level is a part of the limit, between 0 and 10", hint)
    return sorted(set(found))


def _period(text: str) -> str | None:
    if text != NONE and text not in making.PERIODS:
        words = f"{text} is no period{near_miss(text, making.PERIODS)}"
        raise UsageError(words, f"there are: {', '.join((*making.PERIODS, NONE))}")
    return None if text == NONE else text


def _zone(text: str) -> str:
    try:
        zone(text)
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from None
    return text


def _channel(text: str) -> str:
    if len(text) < 2 or text[0] not in "#@":
        raise UsageError(f"{text} is no channel", "as in '#alerts'")
    return text


def _shown(format: dict[str, Any]) -> str:
    """Return a format as `--format` takes it."""
    return making.in_toml(format)[2:-2]
