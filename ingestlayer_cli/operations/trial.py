"""What a backtest tries without an edit: a digest of every destination that may have one, and budgets of channels."""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..destinations.base import Destination
from ..model import families
from ..system.clock import parse_duration
from ..system.errors import UsageError
from ..system.rates import parse_rate
from ..system.typed import Directions, TomlTable


class Trial(NamedTuple):
    """`digest` is a table of it, compiled, or None; `budgets` has rates by channel without its #."""

    digest: dict[str, int] | None = None
    budgets: Mapping[str, str] = MappingProxyType({})

    def of(self, data: TomlTable) -> TomlTable:
        """Return a compiled pipeline as it is tried."""
        if self.digest is None:
            return data
        return {**data, "destinations": [_gathering(row, self.digest) for row in data["destinations"]]}


def trial_of(digest: str | None, budgets: Iterable[str]) -> Trial:
    """Read what is to be tried, as options have it; UsageError for what is none."""
    return Trial(None if digest is None else _digest(digest), dict(map(_budget, budgets)))


def _digest(text: str) -> dict[str, int]:
    """Read `1h`, `run` or `09:00`."""
    if text == "run":
        return {"window": 0}
    if of_day := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text, re.ASCII):
        return {"at": int(of_day[1]) * 60 + int(of_day[2])}
    try:
        return {"window": parse_duration(text)}
    except ValueError:
        words = f"--digest {text}: no digest goes like that"
        raise UsageError(words, "write how long it gathers, 1h or run, or when it goes, 09:00") from None


def _budget(text: str) -> tuple[str, str]:
    """Read `#alerts=20/h`."""
    channel, _, rate = text.partition("=")
    try:
        is_whole = parse_rate(rate.strip()).most.is_integer()
    except ValueError:
        is_whole = False
    if not channel.strip("# ") or not is_whole:
        raise UsageError(f"--budget {text}: no budget is written like that", "--budget '#alerts=20/h'")
    return channel.strip().removeprefix("#"), rate.strip()


def _gathering(row: Directions, table: dict[str, int]) -> Directions:
    """Return a compiled destination with a digest; one that has threads, or is of a kind without, as it is."""
    member = families.member("destinations", row["use"])
    if "thread" in row or member.gathered is Destination.gathered:
        return row
    own = {name: value for name, value in (row.get("digest") or {}).items() if name not in ("window", "at")}
    return {**row, "digest": {**own, **table}}
