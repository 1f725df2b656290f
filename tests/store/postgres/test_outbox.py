"""Claiming from a server that may be far away."""

from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

from ingestlayer_cli.store.contract.sending import Claimed
from ingestlayer_cli.store.opening import open_to_write
from ingestlayer_cli.store.postgres.store import PostgresStore
from tests.store.contract.words import arrived, claim, message, queue


def test_a_claim_and_its_record_are_few_statements_and_fewer_waits(postgres: str, tmp_path: Path) -> None:
    with closing(open_to_write(postgres)) as store, (tmp_path / "said").open("w+") as said:
        assert isinstance(store, PostgresStore)
        queue(store, "evt_1", message("dlv_1"))
        store.link.listen(said.fileno())

        def heard(work: Callable[[], object]) -> tuple[int, int]:
            """Return how many statements it says, and how often it waits for an answer."""
            start = said.seek(0, 2)
            work()
            said.seek(start)
            told = [line.split("\t")[3] for line in said.read().splitlines() if "\tF\t" in line]
            # One that is over may be asked for what is left, by the way.
            waits = sum(word in ("Sync", "Flush") and before != "Sync" for before, word in pairwise(told))
            return told.count("Execute"), waits

        taken: list[Claimed | None] = []
        assert heard(lambda: taken.append(claim(store))) == (7, 3)
        assert (found := taken[0]) is not None
        assert heard(lambda: store.outbox.record(found, arrived(), "me")) == (9, 3)
        assert store.outbox.leased() == []
