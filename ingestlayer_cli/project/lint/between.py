"""What no pipeline alone can tell: what nothing uses, what is posted twice, and keys that may come out null."""

from collections.abc import Iterator
from itertools import combinations

from ...language.expressions import Node, dotted, refs
from ...model import families
from ...system.clock import Clock
from ...system.hours import opens_at
from ...system.typed import TomlTable
from ..facts import Facts
from ..find import FILE
from ..findings import Finding, finding
from ..hours import compiled
from ..match import matches
from ..positions import Path
from .outcomes import Domain, can_hold, domain_of, is_always_null
from .warnings import TAKE_NULL, enriches, once


def of_project(facts: Facts) -> Iterator[Finding]:
    """Yield what is declared and unused, and what is posted twice."""
    for type_, declaration in facts.declarations.items():
        if not declaration["file"]:
            continue
        source = facts.sources[declaration["file"]]
        if not any(matches(pipeline["match"], type_) for pipeline in facts.pipelines):
            words = f'no pipeline matches "{type_}": its events are stored and go nowhere'
            yield finding(source.place(("type",), 0), words, "warning")
    used = {enriches(step) for pipeline in facts.pipelines for step in pipeline["steps"]}
    for kind in facts.settings.entities if facts.settings else ():
        if kind not in used:
            use = families.kind_that("looks_up")
            words = f'no pipeline looks up "{kind}": `use = "{use}"` with kind = "{kind}" does'
            yield finding(facts.sources[FILE].place(("entities", kind)), words, "warning")
    yield from _posted_twice(facts)
    yield from _idle(facts)
    yield from _closed_hours(facts)


def _closed_hours(facts: Facts) -> Iterator[Finding]:
    """Yield the hours that no day has, for years."""
    zone = facts.settings.timezone if facts.settings else ""
    for name, table in facts.settings.hours.items() if facts.settings else ():
        if opens_at(compiled(name, table, zone), Clock().now()) is None:
            words = f"hours.{name} never come: each of their days is a holiday; what waits for them goes at any time"
            yield finding(facts.sources[FILE].place(("hours", name)), words, "warning")


def _idle(facts: Facts) -> Iterator[Finding]:
    """Yield what the tables of destinations say and has no effect."""
    every = [data for pipeline in facts.pipelines for data in pipeline["destinations"]]
    for kind, table in facts.connections.items():
        used = [data for data in every if data["use"] == kind]
        for path, words in families.member("destinations", kind).idle(table, used):
            yield finding(facts.sources[FILE].place((kind, *path)), words, "warning")


def key_fields(facts: Facts, declaration: TomlTable) -> Iterator[Finding]:
    """Yield the optional fields without which the declared idempotency key is null, and an id that is no field."""
    source, domain = facts.sources[declaration["file"]], domain_of(declaration)
    at: Path = ("idempotency", "key")
    fields = [row[0] for row in declaration["fields"]]
    optional = {row[0] for row in declaration["fields"] if row[2]}
    told = set()
    for part in declaration["key"] or []:
        if isinstance(part, str) or TAKE_NULL.intersection(name for name, _ in part["filters"]):
            continue
        for path in once(refs(part["node"])):
            name = (path[2:] if path[1:2] == ["payload"] else path[1:] or [""])[0]
            text = dotted(path)
            if path == ["event", "id"]:
                other = "; the field is $event.payload.id" if "id" in fields else ""
                words = f"$event.id is the event's own id, so that no two events have one key{other}"
                yield finding(source.place(at, source.offset_of(at, text)), words, "warning")
            elif name in optional and text not in told and is_always_null(part["node"], _without(domain, path)):
                told.add(text)
                words = f"${text} is optional: an event without it is refused, unless it is sent with --key"
                yield finding(source.place(at, source.offset_of(at, text)), words, "warning")


def _without(domain: Domain, missing: list[str]) -> Domain:
    return lambda path: [None] if path == missing else domain(path)


def _posted_twice(facts: Facts) -> Iterator[Finding]:
    """Yield each destination whose target gets the same events from an active pipeline before it."""
    posts: dict[tuple[str, str, str, str], list[tuple[TomlTable, int]]] = {}
    for pipeline in facts.pipelines:
        for index, data in enumerate(pipeline["destinations"] if pipeline["status"] == "active" else ()):
            member = families.member("destinations", data["use"])
            if (post := member.post(data)) is not None:
                key, target = post
                posts.setdefault((data["use"], member.account(data), key, target), []).append((pipeline, index))
    for (_, _, key, target), found in posts.items():
        told = set()
        for (first, one), (second, other) in combinations(found, 2):
            if first is second or (second["name"], other) in told:
                continue
            type_ = _both(facts, first, second, _conditions(first, one) + _conditions(second, other))
            if type_:
                told.add((second["name"], other))
                place = facts.sources[f"pipelines/{second['name']}.toml"].place(("destinations", other, key), 0)
                words = f"{target} gets {type_} from pipelines/{first['name']}.toml, too: such an event is posted twice"
                yield finding(place, words, "warning")


def _conditions(pipeline: TomlTable, index: int) -> list[Node]:
    data = pipeline["destinations"][index]
    own = [data["when"]["$condition"]] if "when" in data else []
    return [kept[1] for step in pipeline["steps"] if (kept := families.keeps(step)) is not None] + own


def _both(facts: Facts, first: TomlTable, second: TomlTable, nodes: list[Node]) -> str | None:
    """Return an event type that both pipelines may post, or None."""
    for type_, declaration in facts.declarations.items():
        if (
            matches(first["match"], type_)
            and matches(second["match"], type_)
            and can_hold(nodes, domain_of(declaration))
        ):
            return type_
    return None
