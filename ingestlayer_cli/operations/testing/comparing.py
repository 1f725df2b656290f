"""What a test expects beside what came of it."""

from collections import Counter
from collections.abc import Iterator

from ...engine.pipeline import Run
from ...model import families
from ...system.clock import format_time, parse_time
from ...system.typed import Body, TomlTable
from .cases import Failure
from .surroundings import Waits


def compared(expect: TomlTable, tested: Run, bodies: list[Body], waits: Waits) -> Iterator[Failure]:
    """Yield what is not as expected. The order of channels does not count: that of destinations is no promise."""
    members = [families.member("destinations", families.kind_of(message.destination)) for message in tested.messages]
    targets = [message.target for message in tested.messages]
    channels = [target for target, member in zip(targets, members, strict=True) if member.redirectable]
    count = f"{len(targets)}{f' ({_listed(targets)})' if targets else ''}"
    if "channels" in expect and Counter(expect["channels"]) != Counter(channels):
        yield Failure("channels", _listed(expect["channels"]), _listed(channels))
    if "messages" in expect and expect["messages"] != len(targets):
        yield Failure("messages", str(expect["messages"]), count)
    yield from _compared_waits(expect, waits)
    if "dropped_by" in expect and expect["dropped_by"] != tested.dropped_by:
        yield Failure("dropped_by", expect["dropped_by"], _dropper(tested))
    told = list(zip(members, bodies, strict=True))
    texts = "\n\n".join("\n".join(member.texts(body)) for member, body in told)
    for words in expect.get("contains", []):
        if words not in texts:
            yield Failure("contains", words, texts if bodies else "no message")
    for words in expect.get("not_contains", []):
        if words in texts:
            yield Failure("not_contains", f"no {words}", texts)
        elif not bodies:
            yield Failure("not_contains", f"a message without {words}", "no message")
    if "fields" in expect:
        yield from _compared_fields(expect["fields"], [member.fields(body) for member, body in told])


def _compared_waits(expect: TomlTable, waits: Waits) -> Iterator[Failure]:
    if "waits_until" in expect:
        words = expect["waits_until"]
        until = waits.now if words == "now" else parse_time(words, waits.now)
        if waits.until != [until] * max(len(waits.until), 1):
            told = ["now" if at == waits.now else format_time(at) for at in waits.until]
            yield Failure("waits_until", "now" if words == "now" else format_time(until), _listed(told))
    if "in_one" in expect and expect["in_one"] not in waits.together:
        yield Failure("in_one", str(expect["in_one"]), _listed([str(number) for number in waits.together]))


def _dropper(tested: Run) -> str:
    if tested.outcome == "queued":
        return "not dropped"
    return tested.dropped_by or f"not dropped by a step: {tested.reason}"


def _compared_fields(expected: dict[str, str], found: list[dict[str, str]]) -> Iterator[Failure]:
    """Yield a failure unless one message has all the fields; `found` are those of each."""
    if any(expected.items() <= fields.items() for fields in found):
        return
    # Of several messages, the nearest is shown.
    nearest = max(found, key=lambda fields: len(expected.items() & fields.items()), default=None)
    if nearest is None:
        yield Failure("fields", _lines(expected), "no message")
    else:
        wanted = {**{name: value for name, value in nearest.items() if name not in expected}, **expected}
        diff = unified(_lines(wanted, nearest), _lines(nearest), "expected", "got")
        yield Failure("fields", _lines(expected), _lines(nearest), diff)


def _lines(fields: dict[str, str], order: dict[str, str] | None = None) -> str:
    names = [*[name for name in order or {} if name in fields], *fields]
    return "\n".join(f"{name} = {fields[name]}" for name in dict.fromkeys(names))


def unified(expected: str, got: str, name: str, other: str) -> tuple[str, ...]:
    from difflib import unified_diff

    return tuple(unified_diff(expected.splitlines(), got.splitlines(), name, other, lineterm=""))


def _listed(names: list[str]) -> str:
    return ", ".join(names) or "none"
