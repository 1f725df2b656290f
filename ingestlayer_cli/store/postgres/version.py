"""Which version a store is of."""

from ...system.errors import StoreError
from .link import PostgresLink
from .schema import VERSION


def version_of(link: PostgresLink) -> int:
    """Return the version of a store, 0 where there is none; StoreError when it is newer than us."""
    with link.errors():
        if not link.execute("SELECT to_regclass(?) IS NOT NULL", ("store",)).fetchone()[0]:
            return 0
        version = int(link.execute("SELECT version FROM store").fetchone()[0])
    if version > VERSION:
        raise StoreError(
            f"the store {link.address.label} is of version {version}, this program knows {VERSION}",
            "it was made by a newer ingestlayer: upgrade this one (pip install -U ingestlayer-cli)",
        )
    return version
