"""Looking into a store by SQL, whatever it is opened as."""

from ingestlayer_cli.store.contract.protocols import Store
from ingestlayer_cli.store.sqlite.store import SqliteStore


def database(store: Store | None) -> SqliteStore:
    """Return a store as the file that it is."""
    assert isinstance(store, SqliteStore)
    return store
