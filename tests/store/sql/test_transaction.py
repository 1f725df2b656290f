"""What was looked up before a transaction holds in it, unless others have written since."""

from pathlib import Path

from ingestlayer_cli.model.events import Event
from ingestlayer_cli.store.contract.accepting import LookedUp
from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.opening import open_to_write


def taken(store: Store, id_: str, key: str) -> None:
    with store.transaction() as transaction:
        event = Event(id_, "usage.limit_reached", 1, "cli", key, {})
        transaction.add_event(event, "{}", "[]", 1)


def first(store: Store, looked_up: LookedUp, key: str) -> str | None:
    with store.transaction() as transaction:
        transaction.look_ahead(looked_up, {}, {}, {})
        found = transaction.first_with_key("usage.limit_reached", key, 0)
    return found.event.id if found else None


def test_a_key_that_another_takes_after_the_look_is_taken(tmp_path: Path) -> None:
    path = str(tmp_path / "store.db")
    one, other = open_to_write(path), open_to_write(path)
    taken(one, "evt_1", "a")
    looked_up = one.look_up(["a", "b"])
    assert set(looked_up.firsts) == {("usage.limit_reached", "a")}
    taken(other, "evt_2", "b")
    assert [first(one, looked_up, key) for key in "ab"] == ["evt_1", "evt_2"]
    one.close()
    other.close()


def test_what_a_store_wrote_itself_before_the_look_is_found(tmp_path: Path) -> None:
    store = open_to_write(str(tmp_path / "store.db"))
    taken(store, "evt_1", "a")
    taken(store, "evt_2", "b")
    looked_up = store.look_up(["a", "b", "c"])
    assert [first(store, looked_up, key) for key in "abc"] == ["evt_1", "evt_2", None]
    store.close()
