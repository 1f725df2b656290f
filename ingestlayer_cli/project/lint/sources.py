"""What `[sources.NAME]` lacks here, and who may send to it."""

import os
from collections.abc import Iterator

from ..facts import Facts
from ..find import FILE
from ..findings import Finding, finding


def inspect(facts: Facts) -> Iterator[Finding]:
    """Yield the secrets that are not known here, and the sources that take anything from anybody."""
    for name, table in (facts.settings.sources if facts.settings else {}).items():
        place = facts.sources[FILE].place
        for secret in table.secret:
            where, _, variable = secret.partition(":")
            if where == "env" and not os.environ.get(variable, "").strip():
                words = f"{variable} is not set here: a `serve` that does not see it takes nothing from {name}"
                found = finding(place(("sources", name, "secret"), 0), words, "warning")
                yield found._replace(is_expected=True)
        if table.verify == "none":
            words = f"whoever reaches /in/{name} may send: it is for tests, or behind something that checks"
            yield finding(place(("sources", name, "verify"), 0), words, "warning")
