"""Keys of the HTTP door, and notes."""

import contextlib

from ingestlayer_cli.store.contract.keys import ApiKey
from ingestlayer_cli.store.contract.protocols import Store

KEY = ApiKey("shop", "ab" * 32, ["usage.*", "trial.lost"], 10, expires_at=99)


def test_a_key_is_found_by_its_hash(store: Store, other: Store) -> None:
    assert store.keys.create(KEY)
    assert other.keys.with_hash(KEY.hash) == KEY
    assert other.keys.with_hash("cd" * 32) is None


def test_a_name_stands_once_and_a_hash_too(store: Store) -> None:
    assert store.keys.create(KEY)
    assert not store.keys.create(KEY._replace(hash="cd" * 32))
    assert not store.keys.create(KEY._replace(name="app"))
    assert store.keys.every() == [KEY]


def test_a_key_is_revoked_once(store: Store, other: Store) -> None:
    store.keys.create(KEY)
    assert (other.keys.revoke("shop", 20), store.keys.revoke("shop", 30), store.keys.revoke("app", 30)) == (
        True,
        False,
        False,
    )
    assert store.keys.with_hash(KEY.hash) == KEY._replace(revoked_at=20)


def test_the_last_use_of_a_key_is_the_latest_that_anybody_told(store: Store, other: Store) -> None:
    for name in ("shop", "app"):
        store.keys.create(KEY._replace(name=name, hash=name))
    store.keys.used({"shop": 30, "app": 31})
    other.keys.used({"shop": 20})
    assert [(key.name, key.last_used_at) for key in store.keys.every()] == [("app", 31), ("shop", 30)]


def test_a_note_is_what_was_noted_last(store: Store, other: Store) -> None:
    assert (store.note("check", "x"), store.notes("check")) == (None, {})
    for value in ({"rows": 1}, {"rows": 2}):
        with store.transaction() as transaction:
            transaction.write_note("check", "x", value, 10)
            transaction.write_note("deliver", "y", "é", 10)
            assert transaction.note("check", "x") == value
    assert (other.note("check", "x"), other.notes("check")) == ({"rows": 2}, {"x": {"rows": 2}})
    with other.transaction() as transaction:
        transaction.drop_note("check", "x")
        transaction.drop_note("check", "nobody")
    assert (store.note("check", "x"), store.note("deliver", "y")) == (None, "é")


def test_a_note_of_a_transaction_that_failed_is_not_there(store: Store) -> None:
    with contextlib.suppress(ZeroDivisionError), store.transaction() as transaction:
        transaction.write_note("check", "x", 1, 10)
        raise ZeroDivisionError
    assert store.note("check", "x") is None


def test_a_transaction_reads_the_notes_of_a_topic(store: Store, other: Store) -> None:
    with store.transaction() as transaction:
        transaction.write_note("paused", "alert", {"by": "jo"}, 1)
        transaction.write_note("else", "other", 1, 1)
    with other.transaction() as transaction:
        assert transaction.notes("paused") == {"alert": {"by": "jo"}}
