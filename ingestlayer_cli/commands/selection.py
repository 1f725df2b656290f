"""Which stored events: the options that several commands share, and their reading."""

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

if TYPE_CHECKING:
    from ..engine.runtime import Runtime
    from ..store.contract.protocols import Store
    from ..store.contract.reading import Selection


About = Annotated[
    str | None, typer.Argument(metavar="[WORD]", help="A customer, a name, a part of a key, or any text in it.")
]
Type = Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Of this type: exact, or `usage.*`.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Received since: a time, or `2d`.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Received before: a time, or `2h`.")]
Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="From this source.")]
Key = Annotated[str | None, typer.Option("--key", metavar="KEY", help="With this idempotency key.")]
Where = Annotated[
    str | None, typer.Option("--where", metavar="EXPR", help="For which this holds: '$event.used > 100'.")
]
Pipeline = Annotated[str | None, typer.Option("--pipeline", metavar="NAME", help="That this pipeline ran on.")]
Status = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help="With a delivery pending, retrying, delivered, dead, unknown or shown, or anything dropped or failed.",
    ),
]


class Filters(NamedTuple):
    """What events are to be like."""

    type_: Type = None
    since: Since = None
    until: Until = None
    source: Source = None
    key: Key = None
    where: Where = None
    pipeline: Pipeline = None
    status: Status = None

    @property
    def said(self) -> dict[str, str]:
        """Those that are asked for, by their names."""
        return {name: value for name, value in self._asdict().items() if value is not None}


def selection(
    runtime: "Runtime",
    *,
    type_: str | None = None,
    since: str | None = None,
    until: str | None = None,
    source: str | None = None,
    key: str | None = None,
    where: str | None = None,
    pipeline: str | None = None,
    status: str | None = None,
) -> "Selection":
    """Return the `Selection` that the options mean; UsageError names the option and the near miss."""
    from ..store.contract.reading import Selection

    store = runtime.stored
    after, before = _time(runtime, "--since", since), _time(runtime, "--until", until)
    _check_span(after, before)
    _check_type(runtime, store, type_)
    _check_pipeline(runtime, store, pipeline)
    _check_status(status)
    return Selection(
        type=type_,
        since=after,
        until=before,
        source=source,
        key=key,
        pipeline=pipeline,
        status=status,
        where=_condition(runtime, where, type_),
    )


def _time(runtime: "Runtime", flag: str, text: str | None) -> int | None:
    from ..system.clock import parse_time
    from ..system.errors import UsageError

    if text is None:
        return None
    try:
        return parse_time(text, runtime.clock.now())
    except (ValueError, OverflowError) as error:
        hint = f"write {flag} 2026-11-03, {flag} 2026-11-03T09:30:00Z or {flag} 2d"
        raise UsageError(f"{flag}: {error}", hint) from None


def _check_span(after: int | None, before: int | None) -> None:
    from ..system.clock import format_time
    from ..system.errors import UsageError

    if after is not None and before is not None and after >= before:
        words = f"nothing lies between --since {format_time(after)} and --until {format_time(before)}"
        raise UsageError(words, "--since is the earlier one")


def _check_type(runtime: "Runtime", store: "Store | None", type_: str | None) -> None:
    """Refuse a type that no event can have: neither declared nor stored; where any may come, remark on it."""
    from ..project.own import OWN
    from ..system.console import note
    from ..system.errors import UsageError, near_miss

    if type_ is None:
        return
    types = [*runtime.project.types, *OWN]
    if type_.endswith(".*"):
        known = any(name.startswith(type_[:-1]) for name in types)
        near = near_miss(type_, [f"{name.rpartition('.')[0]}.*" for name in types])
    elif "*" in type_:
        raise UsageError(f"--type {type_}: a star stands for the end of a type alone", "--type 'usage.*'")
    else:
        known, near = type_ in types, near_miss(type_, types)
    if known or (store and store.history.types(type_)):
        return
    words = f"--type {type_}: no event of this type is declared or stored{near}"
    if not runtime.project.accepts_undeclared:
        listed = sorted(runtime.project.types)[:20]
        raise UsageError(words, f"there are {', '.join(listed)}" if listed else "")
    note(f"note: {words}", "yellow")


def _check_pipeline(runtime: "Runtime", store: "Store | None", pipeline: str | None) -> None:
    from ..system.errors import UsageError, near_miss

    if pipeline is None:
        return
    names = set(runtime.project.names)
    names |= set(store.runs.pipelines()) if store else set()
    if pipeline not in names:
        raise UsageError(
            f"--pipeline {pipeline}: there is none of this name{near_miss(pipeline, names)}",
            f"there are {', '.join(sorted(names))}" if names else "",
        )


def _check_status(status: str | None) -> None:
    from ..store.contract.reading import EVENT_STATUSES
    from ..system.errors import UsageError, near_miss

    if status is not None and status not in EVENT_STATUSES:
        raise UsageError(f"--status {status}: there are {', '.join(EVENT_STATUSES)}{near_miss(status, EVENT_STATUSES)}")


def _condition(runtime: "Runtime", text: str | None, type_: str | None) -> Any:
    """Compile `--where`; the error shows the place, and a field that no declaration has is remarked on."""
    from ..language.conditions import Condition
    from ..language.expressions import dotted, refs
    from ..language.parser import ExpressionError, parse
    from ..model.families import own_roots
    from ..system.errors import Problem, UsageError

    if text is None:
        return None
    try:
        node = parse(text, own=own_roots)
        for path in refs(node):
            if path[0] != "event":
                name = "$" + dotted(path)
                raise ExpressionError(f"{name}: stored events are chosen by $event alone", max(text.find(name), 0))
    except ExpressionError as error:
        shown = [Problem("", part) for part in (text, " " * error.offset + "^")] if "\n" not in text else []
        hint = "in a shell, single quotes keep the dollar sign: --where '$event.used > 100'"
        raise UsageError(f"--where: {error.message} at column {error.offset + 1}", hint, shown) from None
    _remark_on_fields(runtime, refs(node), type_)
    return Condition(node)


def _remark_on_fields(runtime: "Runtime", paths: list[list[str]], type_: str | None) -> None:
    """Warn of fields that no declaration has: older events may have had them, but it is mostly a slip."""
    from ..model.events import ENVELOPE
    from ..project.match import matches
    from ..system.console import note
    from ..system.errors import near_miss

    if runtime.project.accepts_undeclared:
        return
    declarations = [
        runtime.project.declaration(name) for name in runtime.project.types if type_ is None or matches([type_], name)
    ]
    known = {field for declaration in declarations if declaration for field in declaration.fields}
    known |= {*ENVELOPE}
    for name in dict.fromkeys(path[1] for path in paths if len(path) > 1 and path[1] not in known):
        note(f"note: --where: no declaration has $event.{name}{near_miss(name, known)}", "yellow")
