"""Deliveries for who looks at them."""

from ....system.typed import TYPE_CHECKING, Protocol
from ..reading import DeliverySelection, LastSettled, NotArrived, PutOff
from ..sending import Attempt

if TYPE_CHECKING:
    from ....model.documents.deliveries import DeliveryDocument, WholeDeliveryDocument
    from ....model.documents.stories import StoryDeliveryDocument


class Deliveries(Protocol):
    """Deliveries as their operator reads them, newest first, and the operator's word on them."""

    def find(self, selection: DeliverySelection, limit: int | None) -> "list[DeliveryDocument]":
        """Return deliveries, newest first, as `--json` shows them."""

    def count(self, selection: DeliverySelection) -> int:
        """Return how many fit."""

    def open_pipelines(self) -> list[str]:
        """Return the pipelines of what is not delivered."""

    def channels(self) -> list[str]:
        """Return where anything was ever to go, without #."""

    def starting(self, prefix: str) -> "list[DeliveryDocument]":
        """Return the deliveries whose id starts so, two at most."""

    def shortest(self, ids: list[str]) -> list[str]:
        """Return of each delivery's id the shortest start that no other one has, some fourteen characters."""

    def whole(self, id_: str) -> "WholeDeliveryDocument":
        """Return one delivery with its attempts and its body.

        `thread` is the key of its thread, `waits_for` the delivery of it that must be settled before, if any.
        """

    def of_event(self, event_id: str, now: int) -> "dict[int, list[StoryDeliveryDocument]]":
        """Return the deliveries of an event by the number of their run, each with its attempts.

        `held_until` is when its channel may be used again, `behind` how many older ones wait in that channel, `due`
        whether it may go now. `before` is, where there is one, the delivery that it waits for in its thread, else the
        oldest of those: its id, event, status, next_at, error and hint.
        """

    def not_arrived(self, due_before: int, but: str = "") -> list[NotArrived]:
        """Return what is not delivered, by target and status: what was due before a time is late.

        Without what is superseded, what was given up by hand, and what is of events whose type starts with `but`.
        """

    def put_off(self, now: int) -> list[PutOff]:
        """Return what waits for a digest, its hours or a budget, the soonest first."""

    def last_settled(self, destination: str, target: str) -> LastSettled | None:
        """Return what became of the last delivery to a target that is settled."""

    def retry(self, ids: list[str], now: int, at_once: bool = False) -> int:
        """Make deliveries due again, with all their attempts before them; return how many.

        None that is superseded, nor one that says what is: that would be told twice.

        Those that are to go `at_once` wait for no hours, no digest and no budget.

        Who was not in Slack, or not to be looked up, is looked up again: that is what may have been mended.
        """

    def settle(self, id_: str, attempt: Attempt, owner: str) -> bool:
        """Record the operator's word on a delivery; False when it is delivered, or in some process's hand."""
