"""A batch holds the store for a short time only, whatever its lines are."""

from collections.abc import Iterator

import pytest

from ingestlayer_cli.engine import chunks, flow
from ingestlayer_cli.engine.batch import NdjsonBatch
from ingestlayer_cli.model.gate import Line, Raw
from tests.support.posting import TYPE, Posting, envelope, payload


def test_a_transaction_whose_time_is_over_takes_no_further_line(
    posting: Posting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from another connection, each time that a line is refused: what came before it is committed by then."""
    monkeypatch.setattr(chunks, "HELD", -1)
    seen = []
    events = [envelope(0), {}, envelope(1), envelope(2), {}, envelope(0)]
    with posting.batch(events).open("rb") as file, posting.runtime() as runtime:
        lines = NdjsonBatch(file, None, "test").chunks()
        result = flow.emit_batch(runtime, lines, False, rejected=lambda *_: seen.append(len(posting.ids)))
    assert seen == [1, 3]
    assert (result["accepted"], result["duplicates"], result["rejected"]) == (3, 1, 2)
    assert [row["line"] for row in result["rejects"]] == [2, 5]
    assert posting.sql("SELECT count(*) FROM dead_letters") == [(2,)]


def test_lines_of_a_short_time_share_a_transaction(posting: Posting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "HELD", 1e9)
    seen = []
    with posting.batch([{}, envelope(0), envelope(1)]).open("rb") as file, posting.runtime() as runtime:
        lines = NdjsonBatch(file, None, "test").chunks()
        flow.emit_batch(runtime, lines, False, rejected=lambda *_: seen.append(len(posting.ids)))
    assert seen == [2]


def test_an_interrupted_batch_tells_how_far_it_came(posting: Posting) -> None:
    def interrupted() -> Iterator[list[Line]]:
        with posting.batch([envelope(0)]).open("rb") as file:
            yield from NdjsonBatch(file, None, "test").chunks()
        raise KeyboardInterrupt

    with posting.runtime() as runtime, pytest.raises(KeyboardInterrupt) as caught:
        flow.emit_batch(runtime, interrupted())
    assert caught.value.__notes__ == ["stopped after line 1: 1 accepted"]


def test_what_their_own_iterable_raises_is_raised(posting: Posting) -> None:
    def broken() -> Iterator[list[Line]]:
        yield from ()
        raise LookupError("theirs")

    with posting.runtime() as runtime, pytest.raises(LookupError):
        flow.emit_batch(runtime, broken())


def test_an_interrupt_between_the_commit_and_the_count_says_what_is_not_known(
    posting: Posting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def one_by_one() -> Iterator[list[Line]]:
        for number in (1, 2, 3):
            yield [Line(number, Raw(TYPE, payload(number)), None, b"{}")]

    add = chunks.Batch._add

    def interrupted(self: chunks.Batch, done: chunks._Done) -> None:
        if done.last == 2:
            raise KeyboardInterrupt
        add(self, done)

    monkeypatch.setattr(chunks.Batch, "_add", interrupted)
    with posting.runtime() as runtime, pytest.raises(KeyboardInterrupt) as caught:
        flow.emit_batch(runtime, one_by_one())
    assert len(posting.ids) == 2
    words = "stopped after line 1: 1 accepted; of the next 1 line it is not known"
    assert caught.value.__notes__ == [words]
