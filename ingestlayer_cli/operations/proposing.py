"""What the columns of a table seem to be, by their names and cells: a proposal, for somebody to say yes or no to.

Pure: names and rows go in, a proposal comes out. What nothing speaks for is not proposed.
"""

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from ..entities.reading.cells import key_text
from ..entities.reading.written import Proposal, numbers_of
from ..language.expressions import to_number
from ..system.typed import TomlTable, Values

PARTS = 3  # what is written as a part of one is hardly ever more
CUSTOMER = "customer_id"  # our name of the column that says whose a row is
UNLIMITED = {"", "-", "–", "—", "0", "∞", "n/a", "na", "none", "null", "unlimited", "no limit", "inf", "infinite"}
# What the words of a column's name speak for, the strongest first.
_KEYS: tuple[str, ...] = (
    "customer id",
    "account id",
    "org id",
    "organization id",
    "organisation id",
    "tenant id",
    "company id",
)
_KEYS += ("workspace id", "client id", "team id", "user id", "customer", "account", "org", "organization")
_KEYS += ("organisation", "tenant", "company", "workspace", "client", "team", "user", "id")
_METRICS = ("metric", "meter", "feature", "resource", "limit name", "limit type", "quota")
_ALSO_METRICS = ("product", "service", "item", "type", "kind", "name")  # where the rows of a customer need one
_USED = ("used", "usage", "consumed", "consumption", "in use")
_ALSO_USED = ("current", "actual", "count", "value", "amount", "quantity")  # where that is the whole name
_LIMITS = ("limit", "quota", "allowance", "included", "allowed", "entitlement", "cap", "max", "maximum", "capacity")
_SHARES = ("percent", "percentage", "pct", "utilization", "utilisation", "share", "ratio", "%")
_NAMES = ("name", "customer name", "account name", "company name", "company", "organization", "customer", "account")
_OWNERS: tuple[str, ...] = (
    "csm email",
    "owner email",
    "account owner email",
    "csm",
    "owner",
    "account owner",
    "account manager",
)
_OWNERS += ("customer success manager", "success manager", "manager", "am email", "am")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_GROUPED = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")


class Sample(NamedTuple):
    """The first rows of a table, and the names of its columns."""

    columns: list[str]
    rows: list[Values]

    def cells(self, column: str) -> list[Any]:
        """Return what the rows have in a column, less what is empty."""
        return [cell for row in self.rows if (cell := row.get(column)) not in (None, "")]


class Usage(NamedTuple):
    """Which column of a table is what. None: nothing speaks for one."""

    key: str | None
    metric: str | None
    used: str | None
    limit: str | None
    percentage: str | None


class Customers(NamedTuple):
    """Which column of a table of customers is what: the key, the name, and who owns them."""

    key: str | None
    name: str | None
    owner: str | None


def usage_of(sample: Sample) -> Usage:
    """Propose which column is the customer, and which ones are used and limit, or else one percentage."""
    numeric = [name for name in sample.columns if _is_numeric(sample.cells(name))]
    texts = [name for name in sample.columns if name not in numeric]
    key = _named([name for name in sample.columns if name in texts or spoken(name).endswith("id")], _KEYS)
    key = key or _first([name for name in texts if _named([name], _METRICS) is None])  # in whatever language
    others = [name for name in numeric if name != key]
    shares = [name for name in others if _is_share(name, sample.cells(name))]
    amounts = [name for name in others if name not in shares]
    limit = _named(amounts, _LIMITS)
    amounts = [name for name in amounts if name != limit]
    used = _named(amounts, _USED) or _first([name for name in amounts if spoken(name) in _ALSO_USED])
    percentage = None if used and limit else _named(shares, _SHARES) or _only(shares)
    if percentage is not None:
        used = limit = None
    return Usage(key, None if key is None else metric_of(sample, key), used, limit, percentage)


def also(sample: Sample, used: str, limit: str) -> tuple[str, str] | None:
    """Return what else seems to be used, and its limit: a table may have a pair of columns for each metric."""
    names = [name for name in sample.columns if name not in (used, limit)]
    seems = usage_of(Sample(names, sample.rows))
    return (seems.used, seems.limit) if seems.used and seems.limit else None


def metric_of(sample: Sample, key: str) -> str | None:
    """Propose the column that tells the rows of one customer from each other, where there are several."""
    others = [name for name in sample.columns if name != key and not _is_numeric(sample.cells(name))]
    named = _named(others, _METRICS)
    if repeated(sample, [key]) is None:
        return named
    telling = [name for name in others if repeated(sample, [key, name]) is None]
    return named if named in telling else _named(telling, _ALSO_METRICS) or _first(telling)


def repeated(sample: Sample, columns: Iterable[str]) -> str | None:
    """Return a key that two rows have, made of these columns; None where each row has its own."""
    names, seen = list(columns), set()
    for row in sample.rows:
        parts = tuple(key_text(row.get(name)) for name in names)
        if None in parts:
            continue
        if parts in seen:
            return ":".join(map(str, parts))
        seen.add(parts)
    return None


def format_of(sample: Sample, columns: Iterable[str]) -> TomlTable:
    """Propose how the numbers in columns are written: the settings that read the most of their cells."""
    proposal = Proposal({})
    for text in _texts(sample, columns):
        if to_number(text) is None:
            if text.lower() not in UNLIMITED:
                proposal.unread(text)
        else:
            proposal.read(text)
    return proposal.settings()


def doubtful(sample: Sample, columns: Iterable[str]) -> str | None:
    """Return a cell that is one number with a decimal point, and another with points between thousands.

    None where a cell beside it shows which is meant.
    """
    found = None
    for text in _texts(sample, columns):
        if "." not in text:
            continue
        if not _GROUPED.fullmatch(text) or text.lstrip("+-").startswith("0"):
            return None
        found = found or text
    return found


def unread(sample: Sample, column: str, format: TomlTable) -> list[str]:
    """Return the cells of a column that are no numbers, as `format` has them."""
    read = reading(format)
    return [str(cell) for cell in sample.cells(column) if read(cell) is None]


def has_unlimited(sample: Sample, limit: str, format: TomlTable) -> bool:
    """Say whether some rows have no limit, or 0: an empty cell, or a word for it."""
    read = reading(format)
    for row in sample.rows:
        cell = row.get(limit)
        if cell is None or read(cell) == 0 or (isinstance(cell, str) and cell.strip().lower() in UNLIMITED):
            return True
    return False


def is_of_hundred(sample: Sample, percentage: str, format: TomlTable) -> bool:
    """Say whether a percentage is written as 85: neither as 0.85 nor, with its sign, as 85%."""
    read = reading(format)
    values = [value for cell in sample.cells(percentage) if not _has_sign(cell) and (value := read(cell)) is not None]
    return max(values, default=0) > PARTS


def mixed(sample: Sample, percentage: str, format: TomlTable) -> tuple[str, str] | None:
    """Return two cells of a percentage that do not go together, 85% and 90: the second would be read as 9,000 %."""
    signed = _first([str(cell) for cell in sample.cells(percentage) if _has_sign(cell)])
    bare = [cell for cell in sample.cells(percentage) if not _has_sign(cell)]
    large = _first([str(cell) for cell in bare if (reading(format)(cell) or 0) > PARTS])
    return (signed, large) if signed and large else None


def reading(format: TomlTable) -> Callable[[Any], int | float | None]:
    """Return what reads a cell as a number, as `format` has it."""
    plain = numbers_of(format)

    def read(cell: object) -> int | float | None:
        return to_number(plain(cell) if plain is not None and isinstance(cell, str) else cell)

    return read


def customers_of(sample: Sample, keys: Collection[Any]) -> Customers:
    """Propose which column of a table of customers has these keys, and which ones are their names and owners."""
    hits = {name: len(shared(sample, name, keys)) for name in sample.columns}
    best = max(sample.columns, key=lambda name: hits[name], default=None)
    key = best if best is not None and hits[best] else _named(sample.columns, _KEYS)
    others = [name for name in sample.columns if name != key]
    mails = [name for name in others if _mostly(sample.cells(name), lambda cell: _EMAIL.fullmatch(str(cell)))]
    owner = _named(mails, _OWNERS) or _named(others, _OWNERS) or _only(mails)
    names = [name for name in others if name != owner and not spoken(name).endswith(" id")]
    return Customers(key, _named(names, _NAMES), owner)


def shared(sample: Sample, column: str, keys: Iterable[Any]) -> set[str | None]:
    """Return those of some keys that a column has, as keys are compared."""
    return {key_text(key) for key in keys} & {key_text(cell) for cell in sample.cells(column)} - {None}


def ours(name: str) -> str:
    """Return our name for a column, that expressions and templates take as it is; nothing where it has no word."""
    word = "_".join(re.findall(r"[a-z0-9]+", spoken(name)))
    return f"_{word}" if word[:1].isdigit() else word


def spoken(name: str) -> str:
    """Return the words of a column's name: `CustomerID` and `customer_id` are `customer id`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"\w+|%", apart.replace("_", " ").lower()))


def _named(columns: list[str], words: tuple[str, ...]) -> str | None:
    """Return the column whose name speaks the most for it: the whole of it, then its end, its start, a part."""
    said = {name: f" {spoken(name)} " for name in columns}
    for fits in (str.__eq__, str.endswith, str.startswith, str.__contains__):
        for word in words:
            for name, told in said.items():
                if fits(told, f" {word} "):
                    return name
    return None


def _texts(sample: Sample, columns: Iterable[str]) -> Iterable[str]:
    return (cell.strip() for name in columns for cell in sample.cells(name) if isinstance(cell, str))


def _is_numeric(cells: list[Any]) -> bool:
    """Say whether a column has numbers, in whatever way they are written."""
    return _mostly([cell for cell in cells if str(cell).strip().lower() not in UNLIMITED], _is_number, share=0.5)


def _is_number(cell: object) -> bool:
    if not isinstance(cell, str):
        return to_number(cell) is not None
    if to_number(cell) is not None:
        return True
    proposal = Proposal({})
    proposal.unread(cell)
    return bool(proposal.settings())


def _is_share(name: str, cells: list[Any]) -> bool:
    return _named([name], _SHARES) is not None or _mostly(cells, _has_sign)


def _has_sign(cell: object) -> bool:
    return isinstance(cell, str) and cell.rstrip().endswith("%")


def _mostly(cells: list[Any], holds: Callable[[Any], Any], share: float = 0.9) -> bool:
    """Say whether something holds for so many of the cells."""
    some = cells[:1000]
    return bool(some) and sum(bool(holds(cell)) for cell in some) >= share * len(some)


def _first(names: list[str]) -> str | None:
    return names[0] if names else None


def _only(names: list[str]) -> str | None:
    return names[0] if len(names) == 1 else None
