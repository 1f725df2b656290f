"""How numbers and dates are written: `decimal`, `thousands`, `currency`, `percent` and `dates` of a `format`.

They are never guessed. What no setting says is proposed: the setting that would read the most cells.
"""

import re
from collections.abc import Callable

from ...system.typed import TomlTable

Plain = Callable[[str], str | None]

_GROUPS = {" ": "[ \u00a0\u202f]", "'": "['\u2019]"}  # what stands for a thousands separator that is typed so
# The ways in which numbers are written, those first that are proposed first: decimal, thousands.
_WAYS = ((".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"))
_DATES = ("%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d %b %Y", "%Y%m%d")


def numbers_of(format: TomlTable) -> Plain | None:
    """Return what writes a number of a file as JSON has it, None for a text that is none; None without a setting."""
    if not any(format.get(name) for name in ("decimal", "thousands", "currency", "percent")):
        return None
    pattern = _pattern(format.get("decimal") or ".", format.get("thousands") or "")
    currency, percent = bool(format.get("currency")), bool(format.get("percent"))

    def plain(text: str) -> str | None:
        text = text.strip()
        if currency:
            text = _without_currency(text)
        is_percentage = percent and text.endswith("%")
        found = pattern.fullmatch(text[:-1].rstrip() if is_percentage else text)
        if found is None:
            return None
        sign, whole, part, power = found.groups(default="")
        number = f"{sign}{re.sub('[^0-9]', '', whole)}{'.' if part else ''}{part}{power}"
        return _hundredth(number) if is_percentage else number

    return plain


def dates_of(format: TomlTable) -> Plain | None:
    """Return what writes a date, or a time, of a file as JSON has it; any other text stays. None without a setting."""
    told: str | None = format.get("dates")
    if not told:
        return None
    has_time = any(mark in told for mark in ("%H", "%I", "%X", "%T"))

    def plain(text: str) -> str:
        from datetime import UTC, datetime

        try:
            moment = datetime.strptime(text.strip(), told)
        except ValueError:
            return text
        if not has_time:
            return moment.date().isoformat()
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()

    return plain


def _pattern(decimal: str, thousands: str) -> "re.Pattern[str]":
    whole = r"\d+"
    if thousands:
        group = _GROUPS.get(thousands, re.escape(thousands))
        whole = rf"\d{{1,3}}(?:{group}\d{{2,3}})*{group}\d{{3}}|\d+"
    return re.compile(rf"([+-]?)({whole})(?:{re.escape(decimal)}(\d+))?([eE][+-]?\d+)?", re.ASCII)


def _without_currency(text: str) -> str:
    """Return a number without the sign or the three letters of a currency before or behind it."""
    from unicodedata import category

    sign = text[:1] if text[:1] in ("+", "-") else ""
    text = text.removeprefix(sign).strip()
    if text and category(text[0]) == "Sc":
        text = text[1:].lstrip()
    elif _is_code(text[:3]):
        text = text[3:].lstrip()
    elif text and category(text[-1]) == "Sc":
        text = text[:-1].rstrip()
    elif _is_code(text[-3:]):
        text = text[:-3].rstrip()
    return sign + text


def _is_code(text: str) -> bool:
    return len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()


def _hundredth(number: str) -> str:
    from decimal import Decimal

    return format(Decimal(number) / 100, "f")


class Proposal:
    """Counts which setting would read the cells of a file that its `format` does not."""

    def __init__(self, format: TomlTable) -> None:
        self._format = {name: value for name, value in format.items() if value not in (None, False)}
        self._plain = 0  # numbers that are read, and those of them that have a point
        self._pointed = 0
        self._kept: dict[
            tuple[str, str], int
        ] = {}  # of these, those that would be numbers without a decimal point, too
        self._unread = 0  # numbers that are not
        self._ways: dict[tuple[str, str], int] = {}
        self._marks: set[str] = set()
        self._patterns = {way: _pattern(*way) for way in _WAYS}
        self._dates = 0
        self._forms: dict[str, int] = {}

    def read(self, text: str) -> None:
        """Note a number that is read."""
        self._plain += 1
        if "." in text:
            self._pointed += 1
            for way, pattern in self._patterns.items():
                if way[0] == "," and pattern.fullmatch(text):
                    self._kept[way] = self._kept.get(way, 0) + 1

    def unread(self, text: str) -> None:
        """Note a cell that should be a number, and is none as the file's `format` has it."""
        self._unread += 1
        bare = _without_currency(text.strip())
        marks = {"currency"} if bare != text.strip() else set()
        if bare.endswith("%"):
            marks.add("percent")
            bare = bare[:-1].rstrip()
        found = [way for way, pattern in self._patterns.items() if pattern.fullmatch(bare)]
        if found:
            self._marks |= marks
        for way in found:
            self._ways[way] = self._ways.get(way, 0) + 1

    def unread_date(self, text: str) -> None:
        """Note a cell that should be a date, and is none."""
        self._dates += 1
        for form in _DATES:
            if dates_of({"dates": form})(text) != text:  # type: ignore[misc]  # there is a setting
                self._forms[form] = self._forms.get(form, 0) + 1

    def settings(self) -> TomlTable:
        """Return the settings that would read the most cells, less those that are there already."""
        return self._best()[0]

    def words(self, written: Callable[[str], str] = "format = {{ {} }}".format) -> str:
        """Say which setting, so written, would read the most cells; nothing when none would read more."""
        parts, also, read, total = self._best()
        if not parts:
            return ""
        settings = {**{name: value for name, value in self._format.items() if name not in parts}, **parts}
        told = ", ".join(f"{name} = {_toml(value)}" for name, value in settings.items())
        return f"{written(told)}{also} would read {read:,} of {total:,}"

    def _best(self) -> tuple[TomlTable, str, int, int]:
        """Return the best settings, which others would do as well, and how many cells they read of how many."""
        parts: TomlTable = {}
        counts, total = [], 0
        way = max((way for way in _WAYS if way in self._ways), key=self._gain, default=None)
        if way is not None and self._gain(way) > 0:
            parts |= {"decimal": way[0]} if way[0] != "." else {}
            parts |= {"thousands": way[1]} if way[1] else {}
            parts |= dict.fromkeys(sorted(self._marks), True)
            counts.append(self._plain + self._gain(way))
            total += self._plain + self._unread
        also = ""
        if self._forms:
            most = max(self._forms.values())
            form, *others = [form for form in _DATES if self._forms.get(form) == most]
            parts["dates"] = form
            also = "".join(f' (or dates = "{other}")' for other in others)
            counts.append(most)
            total += self._dates
        return parts, also, sum(counts), total

    def _gain(self, way: tuple[str, str]) -> int:
        """Return how many more numbers would be read."""
        lost = self._pointed - self._kept.get(way, 0) if way[0] == "," else 0
        return self._ways[way] - lost


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"'
