"""Where a store in PostgreSQL is: a place names it, and never holds its password."""

from ...system.typed import NamedTuple

SCHEMA = "ingestlayer"


class Address(NamedTuple):
    """`url` as ingestlayer.toml has it, and the name of the schema."""

    url: str
    schema: str

    @classmethod
    def of(cls, place: str) -> "Address":
        """Read a place: the url and, after #, the schema."""
        url, _, schema = place.rpartition("#")
        return cls(url, schema or SCHEMA)

    @property
    def place(self) -> str:
        return f"{self.url}#{self.schema}"

    @property
    def label(self) -> str:
        """What it is called in words: names only."""
        return self.url if self.schema == SCHEMA else f"{self.url} ({self.schema})"

    def conninfo(self) -> str:
        """Return what libpq connects by; ProjectError where a secret that is named is not there."""
        if self.url.startswith(("env:", "keyring:")):
            from ...secrets.named import resolve

            return resolve(self.url)
        return self.url
