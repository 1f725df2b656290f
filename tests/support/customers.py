"""A project with a customer file and a pipeline that writes traits from events."""

import os
from pathlib import Path

from tests.support.folder import Folder
from tests.support.program import LONG_AGO

SETTINGS = """
[events]
undeclared = "accept"
[entities.customer]
file = "customers.csv"
key = "customer_id"
types = { mrr = "number", renewal = "date", active = "boolean" }
"""
CUSTOMERS = """customer_id,name,mrr,renewal
acme,Acme Inc,1900,2027-01-31
globex,Globex GmbH,490,
"""
SEEN = """
match = ["customer.seen"]
[[steps]]
use = "upsert.entity"
kind = "customer"
external_id = "$event.customer_id"
traits = { plan = "$event.plan", mrr = "$event.mrr" }
[[steps]]
use = "upsert.entity"
kind = "workspace"
external_id = "$event.workspace"
traits = { name = "$event.workspace" }
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer_id"
[[destinations]]
use = "slack"
channel = "#seen"
[destinations.message]
text = "${entity.customer.name} on ${entity.customer.plan} with ${entity.customer.mrr}"
"""


class Customers(Folder):
    """The project, and what is asked of it most."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        for name, text in (("ingestlayer.toml", SETTINGS), ("customers.csv", CUSTOMERS), ("pipelines/seen.toml", SEEN)):
            os.utime(self.write(name, text), (LONG_AGO, LONG_AGO))  # settled, so that it is cached

    def seen(self, *arguments: str) -> None:
        """Emit `customer.seen`."""
        result = self.here("emit", "customer.seen", *arguments, "--no-deliver", "--json")
        assert result.code == 0, result

    def entity(self, key: str, kind: str = "customer") -> dict[str, object]:
        """Return what `entities get --json` says."""
        result = self.here("entities", "get", kind, key, "--json")
        assert result.code == 0, result
        document: dict[str, object] = result.json
        return document

    def origins(self, key: str) -> dict[str, str]:
        traits = self.entity(key)["traits"]
        assert isinstance(traits, list)
        return {row["name"]: row["origin"] for row in traits}

    def value(self, key: str, name: str) -> object:
        values = self.entity(key)["values"]
        assert isinstance(values, dict)
        return values.get(name)
