"""Group commit: what comes together is written together, and each caller has an answer of its own."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from ingestlayer_cli.engine import group
from ingestlayer_cli.engine.group import Brought, BusyError, Writer
from ingestlayer_cli.engine.renewing import Renewing
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line, Raw
from ingestlayer_cli.project import load
from ingestlayer_cli.system.errors import StoreError
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.postgres import Cut
from tests.support.posting import Posting
from tests.support.program import wait_until


class Desk:
    """A writer, and what it said. It begins to work when it is started."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.done: list[list[Brought]] = []
        self.troubles: list[Exception] = []
        self.queued = threading.Event()
        root = str(folder.root)
        self.renewing = Renewing(Runtime(load(root)), lambda: Runtime(load(root).sound()), self.troubles.append)
        self.writer = Writer(self.renewing, self.done.append, self.queued.set, self.troubles.append)

    def bring(self, *numbers: int, **more: Any) -> Brought:
        return self.writer.bring([line(number, **more) for number in numbers])

    def wait(self, *brought: Brought) -> None:
        wait_until(lambda: {*brought} <= {one for group in self.done for one in group})


def line(number: int, **more: Any) -> Line:
    payload = {**PAYLOAD, "customer_id": f"customer-{number}", **more}
    return Line(1, Raw(USAGE, payload, f"key-{number}", None, "shop"), None, b"")


@pytest.fixture
def desk(project: Folder) -> Iterator[Desk]:
    made = Desk(project)
    yield made
    made.writer.close()


def test_what_waits_is_written_in_one_transaction(desk: Desk) -> None:
    brought = [desk.bring(number) for number in range(50)]
    desk.writer.start()
    desk.wait(*brought)
    assert [len(group) for group in desk.done] == [50]
    assert desk.folder.count("events") == 50
    assert len({one.answers[0].id for one in brought}) == 50
    assert desk.queued.is_set()


def test_two_callers_with_one_key_hear_of_one_event(desk: Desk) -> None:
    first, second = desk.bring(1), desk.bring(1)
    desk.writer.start()
    desk.wait(first, second)
    assert (first.answers[0].status, second.answers[0].status) == ("accepted", "duplicate")
    assert first.answers[0].id == second.answers[0].id


def test_a_refused_event_fails_none_beside_it(desk: Desk) -> None:
    bad, good = desk.bring(1, limit="10k"), desk.bring(2)
    desk.writer.start()
    desk.wait(bad, good)
    assert (bad.answers[0].status, good.answers[0].status) == ("rejected", "accepted")
    assert desk.folder.count("dead_letters") == 1


def test_an_event_that_nobody_foresaw_fails_none_beside_it(desk: Desk) -> None:
    good = desk.bring(1)
    odd = desk.writer.bring([line(2)._replace(raw=Raw(USAGE, PAYLOAD, "k", None, "x")._replace(timestamp=...))])  # type: ignore[arg-type]
    worse = desk.writer.bring([None])  # type: ignore[list-item]
    desk.writer.start()
    desk.wait(good, odd, worse)
    assert good.answers[0].status == "accepted"
    assert odd.answers[0].status == "rejected"
    assert isinstance(worse.error, AttributeError)
    assert desk.folder.count("events") == 1


def test_what_one_caller_brings_is_in_one_transaction_though_it_takes_long(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "HELD", 0.0)
    brought = [desk.bring(*range(start, start + 10)) for start in (0, 10, 20)]
    desk.writer.start()
    desk.wait(*brought)
    assert [len(group) for group in desk.done] == [1, 1, 1]
    assert desk.folder.count("events") == 30


def test_a_store_that_is_held_fails_all_of_them_and_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "PATIENCE", 0.05)
    desk.renewing.runtime.store.has_unfinished()
    held = sqlite3.connect(desk.folder.store, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    brought = [desk.bring(1), desk.bring(2)]
    desk.writer.start()
    desk.wait(*brought)
    assert all(isinstance(one.error, StoreError) for one in brought)
    held.execute("ROLLBACK")
    held.close()
    again = desk.bring(1)
    desk.wait(again)
    assert again.answers[0].status == "accepted"
    assert desk.folder.count("events") == 1


def test_what_waits_may_be_taken_back(desk: Desk) -> None:
    kept, left = desk.bring(1), desk.bring(2)
    assert desk.writer.withdraw(left)
    assert not desk.writer.withdraw(left)
    desk.writer.start()
    desk.wait(kept)
    assert not desk.writer.withdraw(kept)
    assert desk.folder.count("events") == 1


def test_no_more_may_wait_than_there_is_room_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "MOST_WAITING", 3)
    desk.bring(1, 2)
    with pytest.raises(BusyError):
        desk.bring(3, 4)
    last = desk.bring(3)
    desk.writer.start()
    desk.wait(last)
    desk.wait(desk.bring(4, 5))


def test_at_its_end_it_writes_what_waits_and_takes_nothing_more(desk: Desk) -> None:
    brought = [desk.bring(number) for number in range(5)]
    desk.writer.start()
    desk.writer.close()
    assert all(one.answers for one in brought)
    with pytest.raises(BusyError):
        desk.bring(9)


def test_an_edited_declaration_counts_from_the_next_transaction_on(desk: Desk) -> None:
    desk.writer.start()
    desk.wait(first := desk.bring(1, region="eu"))
    desk.folder.edit(f"events/{USAGE}.toml", "[fields]\n", '[fields]\nregion = "string?"\n')
    desk.wait(second := desk.bring(2, region="eu"))
    desk.folder.write("ingestlayer.toml", "nonsense = [")
    desk.wait(third := desk.bring(3, region="eu"))
    assert [it.answers[0].status for it in (first, second, third)] == ["rejected", "accepted", "accepted"]
    assert [type(trouble).__name__ for trouble in desk.troubles] == ["ProjectError"]
    assert desk.renewing.trouble is not None


def test_a_duplicate_whose_run_failed_has_it_run_again(desk: Desk) -> None:
    file = desk.folder.root / "customers.csv"
    content = file.read_bytes()
    file.unlink()
    desk.writer.start()
    desk.wait(desk.bring(1))
    assert desk.folder.count("unfinished") == 1
    file.write_bytes(content)
    desk.wait(again := desk.bring(1))
    assert again.answers[0].status == "duplicate"
    wait_until(lambda: desk.folder.count("unfinished") == 0)


def test_what_fails_after_the_commit_is_not_done_again(desk: Desk) -> None:
    def fail(_: list[Brought]) -> None:
        raise RuntimeError("nobody listens")

    desk.writer._answered = fail
    for number in range(3):
        desk.writer.bring([line(number)._replace(raw=Raw(USAGE, {**PAYLOAD, "used": number}, f"k{number}"))])
    desk.writer.start()
    desk.writer.close()
    assert desk.folder.count("events") == 3
    assert [str(trouble) for trouble in desk.troubles] == ["nobody listens"]


def test_what_is_kept_since_nobody_heard_of_its_commit_is_stored_once(
    shared_posting: Posting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "PATIENCE", 0.05)
    shared_posting.write("events/plain.toml", 'type = "plain"\n[fields]\n')
    shared_posting.accept([0])  # the store is made
    address = urlsplit(os.environ["DATABASE_URL"])
    way = Cut(address.port or 0, after=True, lasts=True)
    monkeypatch.setenv("DATABASE_URL", urlunsplit(address._replace(netloc=f"postgres@127.0.0.1:{way.port}")))
    desk = Desk(Folder(shared_posting.root))
    without_key = desk.writer.bring([line(1)._replace(raw=Raw("plain", {}))])
    desk.writer.start()
    desk.wait(without_key)
    way.lasts = False
    desk.wait(desk.bring(2))  # what is kept comes first
    desk.writer.close()
    way.close()
    assert without_key.answers[0].status == "accepted"
    assert len(shared_posting.ids) == 3
