"""Making a store in PostgreSQL, and bringing an older one up to date: one process at a time."""

from .link import PostgresLink
from .locks import number_of
from .schema import VERSION, quoted, script
from .version import version_of


def migrate(link: PostgresLink) -> None:
    schema = link.address.schema
    with link.errors():
        link.begin()
        try:
            link.execute("SELECT pg_advisory_xact_lock(?::bigint)", (number_of(schema),))
            version = version_of(link)  # another process may have been first
            if version != VERSION:
                has_schema = link.execute("SELECT to_regnamespace(?) IS NOT NULL", (quoted(schema),)).fetchone()[0]
                link.run_long(script(schema, version, bool(has_schema)))
            link.run("COMMIT")
        except BaseException:
            if not link.is_lost:
                link.run("ROLLBACK")
            raise
