"""What the contract's tests write and ask, in few words."""

from ingestlayer_cli.model.documents.events import Status
from ingestlayer_cli.model.events import Event, encode
from ingestlayer_cli.store.contract.accepting import NewDelivery, NewRun, NewThread, Queued
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.contract.roles.transaction import Transaction
from ingestlayer_cli.store.contract.sending import Attempt, Claimed, Wanted

LEASE = 1_000


def event(id_: str, key: str | None = None, type_: str = "usage", at: int = 10, source: str = "cli") -> Event:
    return Event(id_, type_, at, source, key, {"id": id_})


def add(transaction: Transaction, item: Event, now: int = 10) -> None:
    transaction.add_event(item, encode(item.payload), "[]", now)


def accept(store: Store, *items: Event, now: int = 10) -> None:
    with store.transaction() as transaction:
        for item in items:
            add(transaction, item, now)


def run(number: int = 1, outcome: str = "queued", pipeline: str = "p", replayed_at: int | None = None) -> NewRun:
    return NewRun(number, pipeline, "1", "text", outcome, None, None, "[]", replayed_at)


def message(id_: str, target: str = "#a", thread: NewThread | None = None) -> NewDelivery:
    return NewDelivery(id_, "p", "slack", target, '{"text": "hi"}', thread=thread)


def queue(store: Store, id_: str, *messages: NewDelivery, at: int = 10, now: int = 10) -> Queued:
    """Accept an event whose run queues messages."""
    with store.transaction() as transaction:
        add(transaction, event(id_, at=at), now)
        transaction.add_run(id_, run(), now)
        for item in messages:
            transaction.add_delivery(id_, 1, item, now, now)
    return transaction.queued


def claim(
    store: Store, now: int = 20, wanted: Wanted | None = None, owner: str = "me", pace: int = 0
) -> Claimed | None:
    return store.outbox.claim(wanted or Wanted(), now, LEASE, lambda kind: pace, owner)


def arrived(at: int = 21, ts: str = "1.1") -> Attempt:
    return Attempt(at, 1, "sent", "delivered", True, at, receipt={"channel": "C1", "ts": ts})


def failed(at: int = 21, due_at: int = 50, status: Status = "retrying") -> Attempt:
    return Attempt(at, 1, "retry", status, True, due_at, "no", "again")
