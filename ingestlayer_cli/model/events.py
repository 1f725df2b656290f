"""Events and their ids: plain Python, fast enough for every line of a batch."""

import json
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import count

from ..language.expressions import Scope
from ..system.clock import format_time
from ..system.typed import TYPE_CHECKING, Any, NamedTuple, Payload

if TYPE_CHECKING:
    from .documents.events import EventDocument

# Crockford's base 32, two characters (10 bits) at a time; see https://github.com/ulid/spec
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_AS_PYTHON = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")


def _encoder(ascii: bool) -> Callable[[Any], str]:
    encoder = json.JSONEncoder(ensure_ascii=ascii, separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # `encode` makes its C encoder anew at each call, which takes as long as encoding an event. There is no look-out
    # for circles: what is nested too deeply is a RecursionError.
    texts = json.encoder.encode_basestring_ascii if ascii else json.encoder.encode_basestring
    pieces = make(None, encoder.default, texts, None, ":", ",", False, False, True)
    return lambda value: "".join(pieces(value, 0))


encode = _encoder(ascii=False)
encode_ascii = _encoder(ascii=True)  # of what may be no Unicode: half a character is escaped
quoted = json.encoder.encode_basestring  # of a text, as `encode` does it
received_text = lru_cache(maxsize=64)(format_time)


def new_event_id(now: int) -> str:
    """Return `evt_` and a ULID: 48 bits of milliseconds, 80 random bits; within a millisecond they count up."""
    global _series
    moment, start, numbers = _series
    number = next(numbers)
    if moment != now or number >= 1 << 20:
        random = os.urandom(10)
        start = "evt_" + _ulid(now, int.from_bytes(random, "big"))[:-4]
        number = int.from_bytes(random[-2:], "big")
        _series = now, start, count(number + 1)
    return start + _PAIRS[number >> 10] + _PAIRS[number & 1023]


# The ids of one millisecond: when, what they start with, and the last 20 bits of the next.
_series: tuple[int, str, Iterator[int]] = (-1, "", count())


def _forked() -> None:
    """Begin another series in the child of a fork: its parent goes on with this one."""
    global _series
    _series = (-1, "", count())


os.register_at_fork(after_in_child=_forked)


def delivery_id(event_id: str, salt: int) -> str:
    """Return the id of one delivery of an event: the event's ULID with its 80 random bits mixed with `salt`.

    The salt is fixed for (pipeline, destination, number of the run). So preview shows the very id that emit
    will use, and no delivery can be queued twice.
    """
    last = int(event_id[-4:].translate(_AS_PYTHON), 32) ^ salt & 0xFFFFF
    return _start_of_delivery(event_id[4:-4], salt >> 20) + _PAIRS[last >> 10] + _PAIRS[last & 1023]


@lru_cache(maxsize=64)
def _start_of_delivery(start: str, salt: int) -> str:
    """Return all but its last 20 bits: the events of one millisecond share them."""
    digits = start.translate(_AS_PYTHON)
    return "dlv_" + _ulid(int(digits[:10], 32), (int(digits[10:], 32) ^ salt) << 20)[:-4]


def _ulid(moment: int, random: int) -> str:
    time = "".join([_PAIRS[moment >> shift & 1023] for shift in (40, 30, 20, 10, 0)])
    return time + "".join([_PAIRS[random >> shift & 1023] for shift in (70, 60, 50, 40, 30, 20, 10, 0)])


OURS = "ingestlayer."  # what the types of this program's own events start with
OWN = ("id", "type", "received_at")  # what is ours in an event: no sender's text
HEAD = (*OWN, "source", "idempotency_key")
ENVELOPE = (*HEAD, "payload")


class Event(NamedTuple):
    """An admitted event, whole and immutable. `received_at` is in milliseconds."""

    id: str
    type: str
    received_at: int
    source: str
    key: str | None
    payload: Payload

    def document(self) -> "EventDocument":
        """Return the event as every `--json` shows it."""
        return {
            "id": self.id,
            "type": self.type,
            "received_at": received_text(self.received_at),
            "source": self.source,
            "idempotency_key": self.key,
            "payload": self.payload,
        }

    def scope(self) -> Scope:
        """Return what refs refer to; the envelope's own names win over payload fields."""
        id_, type_, received_at, source, key, payload = self
        event = {
            **payload,
            "id": id_,
            "type": type_,
            "received_at": received_text(received_at),
            "source": source,
            "idempotency_key": key,
            "payload": payload,
        }
        return {"event": event, "entity": {}, "body": payload, "item": None}
