"""Which version a store is of."""

from ...system.errors import StoreError
from .link import VERSION_OF, PostgresLink
from .schema import VERSION


def version_of(link: PostgresLink) -> int:
    """Return the version of a store, 0 where there is none; StoreError when it is newer than us."""
    with link.errors():
        if not link.execute("SELECT to_regclass(?) IS NOT NULL", ("store",)).fetchone()[0]:
            return 0
        return known(link, int(link.execute(VERSION_OF).fetchone()[0]))


def known(link: PostgresLink, version: int) -> int:
    """Return a version; StoreError when it is newer than us."""
    if version > VERSION:
        raise StoreError(
            f"the store {link.address.label} is of version {version}, this program knows {VERSION}",
            "it was made by a newer ingestlayer: upgrade this one (pip install -U ingestlayer-cli)",
        )
    return version
