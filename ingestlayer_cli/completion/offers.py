"""What may stand at a place of a command line: by the commands as `words.json` has them, the files, the store."""

import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property

from ..system.errors import IngestlayerError
from ..system.typed import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..project.glimpse import Glimpse
    from ..store.contract.protocols import Store

MOST = 50  # of what the store has
FILES, FOLDERS, VALUES, PARTS = "files", "folders", "values", "parts"  # a part is gone on with: no space follows it

Node = dict[str, Any]
Kind = str | list[str]  # what a value is: one of OFFERS or of a shell's own, "" for anything; or the values themselves


class Item(NamedTuple):
    """A word that is offered, and a few words on it."""

    value: str
    words: str = ""


class Offer(NamedTuple):
    """What may stand there: `how` a shell is to take it, or which of its own words it is to offer."""

    how: str
    items: list[Item]


class Here:
    """Where in a command line the cursor is; `start` is what is typed of the word there."""

    def __init__(self, start: str) -> None:
        self.start = start
        self.path: str | None = None  # of -C
        self.arguments: list[str] = []
        self.used: set[str] = set()

    @cached_property
    def project(self) -> "Glimpse":
        """The project that the command line means; ProjectError where there is none."""
        from ..project.glimpse import Glimpse

        return Glimpse(self.path)

    @cached_property
    def store(self) -> "Store | None":
        """The store, unless it would first have to be brought up to date."""
        from ..store.opening import open_to_read

        with suppress(IngestlayerError):
            store = open_to_read(self.project.store_place)
            return None if store is None or store.is_outdated else store
        return None

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The declared fields of the event type that was named."""
        with suppress(IngestlayerError):
            return self.project.fields(self.arguments[0]) if self.arguments else {}
        return {}

    @cached_property
    def options(self) -> dict[str, Any]:
        """The same by their options."""
        from ..model.declarations import option_name

        return {option_name(name): declared for name, declared in self.fields.items()}


def tree() -> Node:
    """Return the commands: the options, each with what its value is, the arguments, and the commands below them."""
    with open(os.path.join(os.path.dirname(__file__), "words.json"), encoding="utf-8") as file:
        found: Node = json.load(file)
        return found


def offered(words: Iterable[str], start: str) -> Offer:
    """Return what may stand at the end of a command line."""
    node, here, left, literal = tree(), Here(start), list(words)[::-1], False
    while left:
        word = left.pop()
        if word == "--" and not literal:
            literal = True
        elif word.startswith("-") and len(word) > 1 and not literal:
            flag, equals, value = word.partition("=")
            kind = _kind(node, here, flag)
            here.used.add(flag)
            if kind is None or equals:
                continue
            if not left:
                return _of_kind(kind, here)
            value = left.pop()
            if flag == "-C":
                here.path = os.path.expanduser(os.path.expandvars(value))
        elif "commands" in node:
            if word not in node["commands"]:
                return Offer(VALUES, [])
            node = node["commands"][word]
        else:
            here.arguments.append(word)
    return _last(node, here, literal)


def _last(node: Node, here: Here, literal: bool) -> Offer:
    if here.start.startswith("-") and not literal:
        flag, equals, value = here.start.partition("=")
        if not equals:
            return Offer(VALUES, _options(node, here))
        kind = _kind(node, here, flag)
        return _after(f"{flag}=", value, kind, here) if kind else Offer(VALUES, [])
    if "commands" in node:
        return Offer(VALUES, [Item(name, below["help"]) for name, below in node["commands"].items()])
    taken = node["arguments"]
    at = min(len(here.arguments), len(taken) - 1)
    if taken and (at == len(here.arguments) or taken[at][1]):
        return _of_kind(taken[at][0], here)
    return Offer(VALUES, _options(node, here))


def _after(head: str, start: str, kind: Kind, here: Here) -> Offer:
    """Return what may stand behind the `=` of an option or a field, as words with all that is before it."""
    whole, here.start = here.start, start
    offer = _of_kind(kind, here)
    here.start = whole
    return offer._replace(items=[Item(head + item.value, item.words) for item in offer.items])


# Options --------------------------------------------------------------------------------------------------


def _options(node: Node, here: Here) -> list[Item]:
    """Return the options that are not there yet, those of an event's fields first; `-q` where that alone may fit."""
    found = _field_options(here) if _takes_fields(node) else []
    found += [Item(flag, words) for flag, (_, words) in node["options"].items()]
    found = [item for item in found if item.value not in here.used]
    return [item for item in found if item.value.startswith("--") or item.value == here.start]


def _takes_fields(node: Node) -> bool:
    return bool(node.get("arguments")) and node["arguments"][-1][0] == "fields"


def _field_options(here: Here) -> list[Item]:
    return [Item(flag, _told(declared)) for flag, declared in here.options.items()]


def _kind(node: Node, here: Here, flag: str) -> Kind | None:
    """Return what the value of an option is; None for one without a value."""
    if flag in node["options"]:
        kind: Kind | None = node["options"][flag][0]
        return kind
    if not _takes_fields(node):
        return None
    options = here.options
    flags = [flag] if flag in options else [name for name in options if name.startswith(flag + "-")]
    return _values(options[flags[0]]) if len(flags) == 1 else ""


# Values ---------------------------------------------------------------------------------------------------


def _of_kind(kind: Kind, here: Here) -> Offer:
    if isinstance(kind, list):
        return Offer(VALUES, list(map(Item, kind)))
    if kind in (FILES, FOLDERS):
        return Offer(kind, [])
    if kind == "fields":
        return _fields(here)
    if kind in OFFERS:
        with suppress(IngestlayerError):
            found = OFFERS[kind](here)
            return Offer(VALUES, [item for item in found if not item.value.startswith("-")])  # it would be an option
    return Offer(VALUES, [])


def _fields(here: Here) -> Offer:
    """Return `FIELD=` for each that is not set yet, or what may stand behind it."""
    name, equals, value = here.start.partition("=")
    if equals:
        return _after(f"{name}=", value, _values(here.fields.get(name)), here)
    taken = {word.partition("=")[0].rstrip(":") for word in here.arguments[1:]}
    by_option = zip(here.fields.items(), here.options, strict=False)
    left = [item for item, flag in by_option if item[0] not in taken and flag not in here.used]
    return Offer(PARTS, [Item(f"{name}=", _told(declared)) for name, declared in left])


def _values(declared: object) -> Kind:
    """Return the values that a declared field may have."""
    if isinstance(declared, dict) and isinstance(declared.get("enum"), list):
        return [str(value) for value in declared["enum"]]
    type_ = declared.get("type") if isinstance(declared, dict) else declared
    return ["true", "false"] if str(type_).rstrip("?") == "boolean" else ""


def _told(declared: object) -> str:
    """Return what a field is, in its own words or by its type."""
    if not isinstance(declared, dict):
        return str(declared)
    return str(declared.get("description") or declared.get("type") or ", ".join(_values(declared)))


def _types(here: Here) -> list[Item]:
    return [Item(name, here.project.description("events", name)) for name in here.project.names("events")]


def _chosen_types(here: Here) -> list[Item]:
    """Return the types that stored events may have: ours, too."""
    from ..project.own import OWN

    return [*_types(here), *(Item(name, str(data["description"])) for name, data in OWN.items())]


def _pipelines(here: Here) -> list[Item]:
    names = here.project.names("pipelines")
    return [Item(name, here.project.description("pipelines", name)) for name in names]


def _tables(family: str) -> Callable[[Here], list[Item]]:
    def found(here: Here) -> list[Item]:
        return [Item(name, str(table.get("description", ""))) for name, table in here.project.tables(family).items()]

    return found


def _workspaces(here: Here) -> list[Item]:
    found = here.project.settings.get("slack")
    named = found.get("workspaces") if isinstance(found, dict) else None
    return [Item(name) for name in named] if isinstance(named, dict) else []


def _channels(here: Here) -> list[Item]:
    """Return the channels that pipelines name, and those that anything was ever to go to."""
    found: dict[str, str] = {}
    for name in here.project.names("pipelines"):
        rows = here.project.pipeline(name).get("destinations")
        for row in rows if isinstance(rows, list) else ():
            channel = row.get("channel") if isinstance(row, dict) else None
            if isinstance(channel, str) and channel.startswith("#"):
                found.setdefault(channel, name)
    if here.store is not None:
        found.update({f"#{name}": "" for name in here.store.deliveries.channels() if f"#{name}" not in found})
    return [Item(channel, name) for channel, name in found.items()]


def _events(here: Here) -> list[Item]:
    from ..operations.about import who
    from ..store.contract.reading import Selection
    from ..system.clock import format_time

    if here.store is None:
        return []
    history = here.store.history
    last = history.select(Selection(), limit=MOST)
    stored = [*(history.starting(here.start, MOST) if len(here.start) > len("evt_") else last)]
    found = [(it.event, who(here.project, it.event.payload, it.event.key)) for it in stored]
    items = [Item(event.id, f"{format_time(event.received_at)} {event.type} {name}") for event, name in found]
    return [*items, *([Item("@last", "the one accepted last")] if items else [])]


def _deliveries(here: Here) -> list[Item]:
    from ..store.contract.reading import DeliverySelection
    from ..store.contract.sending import STATUSES

    if here.store is None:
        return []
    found = here.store.deliveries.find
    rows = [row for status in STATUSES for row in found(DeliverySelection(status=status), MOST)]
    return [Item(row["id"], f"{row['status']} {row['target']} {row['pipeline']}") for row in rows]


def _told_of(here: Here) -> list[Item]:
    """Return what `why` explains."""
    return [*_events(here), *_deliveries(here)]


def _kinds(here: Here) -> list[Item]:
    found = {item.value: item for item in _tables("entities")(here)}
    stored = here.store.entities.kinds() if here.store is not None else []
    return [*found.values(), *(Item(kind) for kind in stored if kind not in found)]


def _entities(here: Here) -> list[Item]:
    from ..engine.runtime import Runtime
    from ..operations.entities.one import completed
    from ..project import load_beside

    with Runtime(load_beside(here.path, keep=False), keep=False) as runtime:
        return [Item(id_) for id_ in completed(runtime, here.store, here.arguments[0], here.start)]


def _keys(here: Here) -> list[Item]:
    return [Item(key.name) for key in here.store.keys.every()] if here.store is not None else []


def _versions(here: Here) -> list[Item]:
    from ..system.clock import format_time

    if here.store is None:
        return []
    used = here.store.runs.versions().get(here.arguments[0], [])
    return [Item(version.version, f"since {format_time(version.first_used)}") for version in used]


def _recipes(_here: Here) -> list[Item]:
    from .. import recipes

    return [Item(name, recipes.about(name).summary) for name in recipes.names()]


def _shells(_here: Here) -> list[Item]:
    from .installing import SHELLS

    return [Item(name) for name in SHELLS]


def _topics(_here: Here) -> list[Item]:
    return [Item(name, words) for name, words in tree()["topics"].items()]


OFFERS: dict[str, Callable[[Here], list[Item]]] = {
    "types": _types,
    "chosen-types": _chosen_types,
    "pipelines": _pipelines,
    "checks": _tables("checks"),
    "sources": _tables("sources"),
    "workspaces": _workspaces,
    "channels": _channels,
    "events": _events,
    "deliveries": _deliveries,
    "told": _told_of,
    "kinds": _kinds,
    "entities": _entities,
    "keys": _keys,
    "versions": _versions,
    "recipes": _recipes,
    "shells": _shells,
    "topics": _topics,
}
