"""Claiming from a server that may be far away."""

from contextlib import closing
from pathlib import Path

from ingestlayer_cli.store.contract.sending import Claimed
from ingestlayer_cli.store.opening import open_to_write
from tests.store.contract.words import arrived, claim, message, queue
from tests.support.wire import Wire


def test_a_claim_and_its_record_are_few_statements_and_fewer_waits(postgres: str, tmp_path: Path) -> None:
    with closing(open_to_write(postgres)) as store, Wire(store, tmp_path / "said") as wire:
        queue(store, "evt_1", message("dlv_1"))
        taken: list[Claimed | None] = []
        assert wire.of(lambda: taken.append(claim(store))) == (6, 2)
        assert (found := taken[0]) is not None
        assert wire.of(lambda: store.outbox.record(found, arrived(), "me")) == (8, 2)
        assert store.outbox.leased() == []
