"""The newest event of each thing is the same whether few are asked about or many."""

import random
from pathlib import Path
from typing import Any

from ingestlayer_cli.engine.newest import FEW, Newest
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.reading import Selection
from tests.support.clock import at
from tests.support.pipe import Pipe

NOON = at("2026-11-07T12:00:00Z")


class Counting:
    """A store whose looks through its events are counted."""

    def __init__(self, store: Any) -> None:
        self._history = store.history
        self.looks = 0

    @property
    def history(self) -> "Counting":
        return self

    def select(self, *arguments: Any, **more: Any) -> Any:
        self.looks += 1
        return self._history.select(*arguments, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._history, name)


def about(event: Event) -> tuple[Any, ...]:
    return (event.payload["customer_id"],)


def emitted(pipe: Pipe, rng: random.Random, number: int) -> list[Event]:
    """Accept events of a few customers, in no order of their times."""
    for _ in range(number):
        pipe.clock.at = NOON + 1000 * rng.randrange(100)
        pipe.emit(customer_id=f"c{rng.randrange(8)}", used=1)
    with Runtime(load(str(pipe.root), keep=False), clock=pipe.clock) as runtime:
        return [stored.event for stored in runtime.store.history.select(Selection(), newest_first=False)]


def test_many_are_asked_about_in_a_look_for_each_of_few_and_one_for_the_rest(tmp_path: Path) -> None:
    pipe, rng = Pipe(tmp_path), random.Random(7)
    pipe.steps("")
    events = emitted(pipe, rng, 40)
    with Runtime(load(str(pipe.root), keep=False), clock=pipe.clock) as runtime:
        store: Any = Counting(runtime.store)
        newest, looks = Newest(store, about), 0
        for _ in range(2):
            for event in events:
                of_same = [it.received_at for it in events if about(it) == about(event)]
                assert newest.of(event).received_at == max(of_same), event
            looks = looks or store.looks
            events = emitted(pipe, rng, 10)  # those accepted since count, too
        assert looks == FEW + 1
