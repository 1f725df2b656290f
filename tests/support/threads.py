"""Events of threads: the customer is the key, `used` tells the messages of one apart; and what must hold of them."""

import json
from typing import Any, NamedTuple

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.system.clock import Clock
from ingestlayer_cli.system.document import Document
from tests.support.posting import TYPE, Posting
from tests.support.standin import Message, SlackStandin

THREADED = 'thread = "$event.customer_id"\nthread_window = "1h"\nupdate = true\n'
PLAIN = 'thread = "$event.customer_id"\nthread_window = "1h"\n'
LATER = 3700.0  # seconds after which every pause of the curve is over


def accept(runtime: Runtime, key: str, number: int, deliver: bool = False, at: str | None = None) -> Document:
    payload = {"customer_id": key, "metric": "seats", "limit": 1, "used": number, "plan": "alerts"}
    return flow.emit(runtime, Raw(TYPE, payload, f"{key}-{number}", at), deliver)


def emit(
    threaded: Posting, *numbers: int, key: str = "acme", clock: Clock | None = None, at: str | None = None
) -> None:
    """Accept and deliver events of a key, one by one."""
    with threaded.runtime(clock) as runtime:
        for number in numbers:
            accept(runtime, key, number, deliver=True, at=at)


def number_of(body: dict[str, Any]) -> int:
    """Return which event a message is about."""
    (found,) = [
        int(field["text"].splitlines()[-1])
        for block in body["blocks"]
        for field in block.get("fields", [])
        if field["text"].startswith("*used*")
    ]
    return found


def threads(slack: SlackStandin) -> list[tuple[int, list[int]]]:
    """Return (what the first message says, what its replies say) of each thread, by time."""
    tops = [message for message in slack.messages if message.thread_ts is None]
    return [(number_of(top.body), [number_of(reply.body) for reply in slack.replies_to(top)]) for top in tops]


def tops(slack: SlackStandin) -> list[Message]:
    return [message for message in slack.messages if message.thread_ts is None]


def calls(slack: SlackStandin, method: str) -> int:
    return sum(request.method == method for request in slack.requests)


def notes(threaded: Posting) -> list[str | None]:
    """Return the notes of the attempts that were taken."""
    rows = threaded.sql("SELECT error FROM attempts WHERE outcome = 'sent' ORDER BY delivery, number")
    return [note for (note,) in rows]


# What must hold in the end -------------------------------------------------------------------------------------------


class Sent(NamedTuple):
    """A delivery as the store has it."""

    seq: int
    id: str
    key: str
    number: int
    received_at: int
    status: str

    @property
    def age(self) -> tuple[int, int]:
        return self.received_at, self.seq


def deliveries(threaded: Posting) -> list[Sent]:
    """Return all deliveries in the order of their acceptance."""
    rows = threaded.sql(
        "SELECT d.seq, d.id, e.payload, e.received_at, d.status FROM deliveries d JOIN events e ON e.seq = d.event"
        " ORDER BY d.seq"
    )
    found = []
    for seq, id_, payload, received_at, status in rows:
        data = json.loads(payload)
        found.append(Sent(seq, id_, data["customer_id"], data["used"], received_at, status))
    return found


def grouped(sent: list[Sent], window: int) -> list[list[Sent]]:
    """Put together what is one thread: less than a window from the event that began it, the one that began last."""
    groups: list[list[Sent]] = []
    for item in sent:
        fits = [
            group
            for group in groups
            if group[0].key == item.key and abs(item.received_at - group[0].received_at) < window
        ]
        if fits:
            max(fits, key=lambda group: group[0].received_at).append(item)
        else:
            groups.append([item])
    return groups


def assert_threads(
    threaded: Posting, slack: SlackStandin, window: int, by_hand: set[str], may_lose: bool = False
) -> None:
    """Every message once; of a thread one first message that was not deleted, the others under it and in order.

    The first one says what the newest delivered does, and what it said before is a reply, once; unless Slack has
    refused such a reply, so that it `may_lose` that. `by_hand` are deliveries that were sent again by hand.
    """
    sent = deliveries(threaded)
    assert {item.status for item in sent} <= {"delivered", "dead"}
    everything = sorted([*slack.messages, *slack.deleted], key=lambda message: message.ts)
    kept = [str(message.delivery_id) for message in everything if is_kept(message)]
    assert len(kept) == len(set(kept)), "what a first message said is kept twice"
    posted = [message for message in everything if not is_kept(message)]
    by_id: dict[str | None, list[Message]] = {}
    for message in posted:
        by_id.setdefault(message.delivery_id, []).append(message)
    for item in sent:
        assert len(by_id.get(item.id, [])) == (item.status == "delivered"), item
    assert len(posted) == sum(item.status == "delivered" for item in sent)
    for group in grouped(sent, window):
        items = {item.id: item for item in group}
        assert_thread([message for message in posted if message.delivery_id in items], items, slack, by_hand, may_lose)


def is_kept(message: Message) -> bool:
    """Say whether a message is what the first of a thread said, as a reply."""
    return str(message.delivery_id).endswith("/first")


def assert_thread(
    messages: list[Message], items: dict[str, Sent], slack: SlackStandin, by_hand: set[str], may_lose: bool
) -> None:
    first: Message | None = None
    shown: Sent | None = None
    newest: Sent | None = None
    before = 0
    for message in messages:
        item = items[str(message.delivery_id)]
        if message.thread_ts is None:
            assert first is None or first in slack.deleted, "a thread has two first messages"
            first = message
        else:
            assert first is not None
            assert message.thread_ts == first.ts, "a reply is elsewhere"
            assert first.deleted_at is None or message.ts < first.deleted_at, "a reply is under a deleted message"
        if message.thread_ts is None or newest is None or item.age > newest.age:
            shown = item
        newest = shown if shown is item else newest
        if item.id not in by_hand:
            assert item.seq > before, "not in the order of acceptance"
            before = item.seq
    if first is not None and shown is not None and newest is not None and first not in slack.deleted:
        # One that was refused only after the update left its words there.
        refused = {item.number for item in items.values() if item.status == "dead" and item.age > newest.age}
        late = {items[id_].number for id_ in by_hand if id_ in items}
        own = items[str(first.delivery_id)]
        is_said = any(message.delivery_id == f"{own.id}/first" for message in slack.replies_to(first))
        assert number_of(first.body) in {shown.number, *refused, *late} | (set() if is_said else {own.number})
        assert is_said or number_of(first.body) == own.number or may_lose, "what the first message said is lost"
