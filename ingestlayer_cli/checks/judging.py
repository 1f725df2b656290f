"""Which rows of a source are at a level, and which cannot be judged. Nothing is remembered here."""

import re
from collections.abc import Callable, Container, Iterable, Iterator

from ..entities.reading.cells import key_text, odd_key
from ..entities.reading.faults import visible
from ..entities.reading.written import Proposal, numbers_of
from ..language.conditions import Value, divisors, show
from ..language.expressions import evaluator, refs, to_number
from ..model.crossings import level_of
from ..system.errors import Problem, count_of
from ..system.typed import Any, NamedTuple, TomlTable, Values
from .base import Source, SourceError, SourceRow
from .columns import Reader, Where, column_reader, flattened, names_of_zero, no_column

SHOWN = 20  # rows that are kept because their values are the highest
KEPT = 1_000  # problems that are kept; more are counted
# What would not be told apart in a key of several parts, or is not printable.
_UNSAFE = re.compile(r"[%:\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BITS = (1 << 60) - 1  # of a mark: two of the digits that Python keeps a number in


class Judged(NamedTuple):
    """A row whose value is known. `numbers` are what it was made of, `limits` what it was divided by.

    Its value is null for a key that has no row any more.
    """

    number: int
    key: str
    values: Values
    numbers: Values
    value: Any  # int, float
    limits: list[int | float | None]
    level: float | None


class BadRow(NamedTuple):
    """A row that cannot be judged, and why."""

    number: int
    key: str | None
    words: str


class Judge:
    """Judges the rows of one compiled check, once.

    Memory grows by a number for each row (keys are told apart by it), and by the rows that are returned.
    """

    def __init__(self, data: TomlTable, only: str | None = None) -> None:
        self.total = 0  # rows that the source has
        self.left_out = 0  # by `where`, or by `only`
        self.repeated = 0  # whose key a row above has
        self.problems: list[BadRow] = []
        self.problem_count = 0
        node = flattened(data["value"])
        self._columns: dict[str, str] = data["columns"]
        self._levels: list[float] = data["levels"]
        self._value = Value(node)
        self._run = evaluator(node)
        self._limits = [evaluator(divisor) for divisor in divisors(node)]
        self._operands = self._readers(dict.fromkeys(path[1] for path in refs(node)))
        self._keys = self._readers(data["key"])
        self._named = self._readers(self._columns)
        self._format: TomlTable = data["format"]
        self._plain = numbers_of(self._format)
        self._number = to_number if self._plain is None else self._written
        self._where = None if data["where"] is None else Where(data["where"], self._columns, self._plain)
        self._proposal: Proposal | None = None
        self._only = only
        self._odd = ""  # the first key that is hardly what was meant, and how many there are
        self._odd_count = 0
        self._missing: dict[str, int] = {}  # how often a column was not there
        self._seen: set[int] = set()
        self._highest: list[tuple[int | float, int, Judged]] = []
        self._floor: float = float("-inf")

    def _readers(self, names: Iterable[str]) -> list[tuple[str, Reader]]:
        return [(name, column_reader(self._columns.get(name, name))) for name in names]

    @property
    def highest(self) -> list[Judged]:
        """The rows with the highest values, the highest first."""
        return [row for *_, row in sorted(self._highest, key=lambda item: item[:2], reverse=True)[:SHOWN]]

    def words(self, row: Judged) -> str:
        """Say how a row's value came about: `used/limit = 9700/10000 = 0.97`."""
        if row.value is None:
            return "it has no row any more"
        return self._value.of({"row": row.numbers})[1]

    def rows(
        self, source: Source, held: Container[int], progress: Callable[[int], None] | None = None
    ) -> Iterator[Judged]:
        """Yield the rows that are at a level, and those whose key has a `held` mark; SourceError as the source does."""
        is_checked = False
        for row in source.rows():
            if not is_checked:
                is_checked = True
                self._check_columns(source)
            self.total += 1
            if progress is not None and not self.total % 1000:
                progress(self.total)
            found = BadRow(row.number, None, row.problem) if row.problem else self._row(row, held)
            if isinstance(found, BadRow):
                self._keep(found)
            elif found is not None:
                yield found
        if not is_checked:
            self._check_columns(source)
        for name, count in self._missing.items():
            if count == self.total - self.left_out:
                raise no_column(source, name, self._columns.get(name, name), None)
        if self._where is not None and self.total:
            for name in self._where.unseen:  # a condition of nothing holds for nobody, or for everybody
                raise no_column(source, name, self._columns.get(name, name), self._where.beside)

    def weakness(self, source: Source, least: float) -> SourceError | None:
        """Say what is wrong with a source of whose rows none can be judged, or less than this share."""
        rows = self.total - self.left_out
        judged = rows - self.problem_count + self.repeated
        if not rows or (judged and judged >= rows * least):
            return None
        how_many = f"only {judged:,} of its {count_of(rows, 'row')}" if judged else f"none of its {rows:,} rows"
        how_many = "its only row cannot" if rows == 1 else f"{how_many} can"
        first = self.problems[0]
        words = f"{source.name}: {how_many} be judged: {source.unit} {first.number}: {visible(first.words)}"
        details = [Problem(f"{source.unit} {number}", problem) for number, _, problem in self.problems[:SHOWN]]
        can_be_read = any(problem.key is not None for problem in self.problems)
        remedy = "rows that have no limit are left out by `where`" if can_be_read else "look at how it is exported"
        return SourceError(words, self.proposal or remedy, details)

    def _check_columns(self, source: Source) -> None:
        """Raise SourceError when a source whose rows have the same columns lacks one."""
        if not source.columns:
            return
        wanted = [*(name for name, _ in self._operands), *(name for name, _ in self._keys)]
        wanted += self._where.names if self._where else []
        for name in wanted:
            column = self._columns.get(name, name)
            if column not in source.columns and column.partition(".")[0] not in source.columns:
                raise no_column(source, name, column, source.columns)

    def _row(self, row: SourceRow, held: Container[int]) -> Judged | BadRow | None:
        values = row.values
        if self._where is not None and not self._where.holds(values):
            self.left_out += 1
            return None
        parts = [_trimmed(read(values)) for _, read in self._keys]
        if self._only is not None and self._only not in map(key_text, parts):
            self.left_out += 1
            return None
        key = key_of(parts)
        if key is None:
            return BadRow(row.number, None, self._why_no_key(values, parts))
        mark = mark_of(key)
        if mark in self._seen:
            self.repeated += 1
            return BadRow(row.number, key, f"there is a row of {key} above: that one counts")
        self._seen.add(mark)
        for part in parts:
            if type(part) is str and (odd := odd_key(part)):
                self._odd = self._odd or f"{row.number}: a key {odd}"
                self._odd_count += 1
        numbers: Values = {}
        for name, read in self._operands:
            number = numbers[name] = self._number(read(values))
            if number is None or number < 0:
                return BadRow(row.number, key, f"{key}: {self._why_no_number(name, read(values), values)}")
        value = self._run({"row": numbers})
        value = value if type(value) is float else to_number(value)
        if value is None:
            return BadRow(row.number, key, f"{key}: {self._why_no_value(numbers)}")
        if value < self._levels[0] and value <= self._floor and mark not in held:
            return None
        limits = [to_number(run({"row": numbers})) for run in self._limits]
        texts = {name: part for (name, _), part in zip(self._keys, parts, strict=True) if "." not in name}
        values = {**values, **{name: read(values) for name, read in self._named}, **texts}
        judged = Judged(row.number, key, values, numbers, value, limits, level_of(self._levels, value))
        if value > self._floor:
            self._highest.append((value, -row.number, judged))
            if len(self._highest) >= 10 * SHOWN:
                self._highest = sorted(self._highest, key=lambda item: item[:2], reverse=True)[:SHOWN]
                self._floor = self._highest[-1][0]
        return judged if judged.level is not None or mark in held else None

    def _written(self, found: object) -> int | float | None:
        """Return a number that is written as the source's `format` says."""
        if self._plain is None or not isinstance(found, str):
            return to_number(found)
        return to_number(self._plain(found))

    # What cannot be judged ----------------------------------------------------------------------------

    def _keep(self, problem: BadRow) -> None:
        self.problem_count += 1
        if len(self.problems) < KEPT:
            self.problems.append(problem)

    def _why_no_key(self, values: Values, parts: list[Any]) -> str:
        lacking = [name for (name, _), part in zip(self._keys, parts, strict=True) if part in (None, "")]
        for name in lacking:
            self._note_missing(name, values)
        if lacking:
            return f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing, and is of the key"
        odd = next(name for (name, _), part in zip(self._keys, parts, strict=True) if not key_text(part))
        return f"{odd} is of the key, and neither a text nor a number"

    def _why_no_number(self, name: str, found: object, values: Values) -> str:
        if found is None or found == "":
            self._note_missing(name, values)
            return f"{name} is missing"
        number = self._number(found)
        if number is None:
            self._note_unread(found)
            return f"{name} is {show(found)}, which is no number"
        return f"{name} is negative, {show(number)}"

    def _note_unread(self, found: object) -> None:
        if isinstance(found, str):
            self._proposal = self._proposal or Proposal(self._format)
            self._proposal.unread(found)

    def odd_keys(self, unit: str) -> str:
        """Say which keys are hardly what was meant by them; nothing when none is."""
        more = f"; {self._odd_count - 1:,} more of its keys as odd" if self._odd_count > 1 else ""
        return self._odd and f"{unit} {self._odd}{more}"

    @property
    def proposal(self) -> str:
        """Which setting would read the numbers that are not read; nothing when none would."""
        return self._proposal.words() if self._proposal else ""

    def _why_no_value(self, numbers: Values) -> str:
        scope = {"row": numbers}
        if any(run(scope) == 0 for run in self._limits):
            return f"{' and '.join(names_of_zero(self._value.node, scope)) or 'its limit'} is 0"
        return f"{self._value.of(scope)[1]} is no number"

    def _note_missing(self, name: str, values: Values) -> None:
        if self._columns.get(name, name).partition(".")[0] not in values:
            self._missing[name] = self._missing.get(name, 0) + 1


def mark_of(key: str) -> int:
    """Return the number by which a process tells a key from others, where there are too many to keep them all."""
    return hash(key) & _BITS


def key_of(parts: list[Any]) -> str | None:
    """Return the key of its parts, texts as keys are, so that no two are the same by chance; None if one is missing."""
    texts = [part if type(part) is str else key_text(part) for part in parts]
    if not all(texts):
        return None
    key = ":".join(texts)  # type: ignore[arg-type]  # None is not among them
    if key.count(":") == len(texts) - 1 and "%" not in key and key.isprintable():
        return key
    return ":".join([_UNSAFE.sub(_escaped, text) for text in texts if text])


def _trimmed(part: object) -> Any:
    """Return a text of a key as it is compared, and told; anything else as it is."""
    return key_text(part) if type(part) is str else part


def _escaped(found: "re.Match[str]") -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
