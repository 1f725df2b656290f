"""Whether somebody has reacted to a message: asked of where it was posted."""

from collections.abc import Sequence

from ..destinations.base import Destination
from ..model import families
from ..model.memory import Reacted
from ..model.sending import CannotTell, Place, Reacting
from ..system.typed import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from ..model.documents.stories import StoryDeliveryDocument
    from ..store.contract.protocols import Store
    from .connections import Connections


def reacted(store: "Store", connections: "Connections", pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
    """Return for which of these events somebody has reacted with an emoji to what a pipeline posted; never raises.

    Where none is seen, and one could not be looked at, it is not known.
    """
    whys = list[str]()
    for event in reversed(events):
        posted = list(_posted(store, pipeline, event))
        if not posted:
            whys.append(f"nothing was posted for {event}")
        for row in posted:
            found = _look(connections, row, emoji)
            if found is True:
                return Reacted(event)
            if isinstance(found, CannotTell):
                whys.append(found.why)
    return Reacted(why="; ".join(dict.fromkeys(whys)))


def _posted(store: "Store", pipeline: str, event: str) -> "list[StoryDeliveryDocument]":
    """Return the deliveries of a pipeline's runs on an event that are where somebody may react."""
    runs = {run.number for run in store.runs.of_event(event) if run.pipeline == pipeline}
    rows = [row for run, rows in store.deliveries.of_event(event, 0).items() if run in runs for row in rows]
    return [row for row in rows if row["receipt"] and "ts" in row["receipt"] and _takes(row["destination"])]


def _takes(label: str) -> bool:
    member: type[Destination] = families.member("destinations", families.kind_of(label))
    return member.reactions


def _look(connections: "Connections", row: "StoryDeliveryDocument", emoji: str) -> bool | CannotTell:
    receipt = row["receipt"] or {}
    place = Place(receipt["channel"], receipt["ts"])
    return cast(Reacting, connections.sender(row["destination"])).reacted(place, emoji)
