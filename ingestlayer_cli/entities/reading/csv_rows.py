"""The rows of a CSV file."""

from collections.abc import Iterator

from ...system.errors import count_of
from ...system.typed import Any, BinaryIO, TomlTable, Values
from .cells import composed
from .faults import EmptyFileError, Fault, Parsed, Record, WholeFileError, visible
from .stream import HEAD, LINE, READ, Lines, Reader, Stream

_MARKS = {";": "semicolons", "\t": "tabs", "|": "bars"}


class Csv(Reader):
    """Cells with a delimiter between them, and their names in the header."""

    def __init__(self, format: TomlTable | None = None, names: dict[str, str] | None = None) -> None:
        super().__init__(format, names)
        self.columns: list[str] = []
        self.header_line = 0  # 0 until the header was read
        self.is_partly_named = False  # a column without a name is what a spreadsheet writes for a stray comma
        self.lines: Lines
        self._dialect: dict[str, Any] = {}

    @property
    def delimiter(self) -> str:
        """What stands between the cells, known once the header was read."""
        found: str = self._dialect["delimiter"]
        return found

    def records(self, file: BinaryIO, is_young: bool = False) -> Iterator[Record]:
        import csv

        csv.field_size_limit(LINE)
        lines = self._opened(file, is_young)
        width, faults = len(self.columns), lines.faults
        after = lines.kept
        while True:
            base = after - 1
            reader = self._reader(lines)
            try:
                for cells in reader:
                    number, after = after, base + reader.line_num + 1
                    fault = None
                    if len(cells) != width or not cells[0].strip() or faults:
                        fault = self._fault(faults, number, after, cells)
                        if fault is None and not any(map(str.strip, cells)):
                            lines.kept = after
                            continue
                    starts, first = lines.starts, lines.first
                    start = starts[number - first]
                    yield number, start, starts[after - first] - start, cells, fault
                    lines.kept = after
                return
            except csv.Error as error:
                # A quote may have eaten the lines below its own: that one is refused, and the others are read again.
                number, after = after, after + 1
                starts, first = lines.starts, lines.first
                start = starts[number - first]
                end = starts[after - first]
                fault = faults.get(number) or self._broken(number, str(error))
                cells = self._loose(self.stream.decoded(lines.text(number, end), "replace"))
                yield number, start, end - start, cells, fault
                lines.kept = after
                lines.again_from(after)

    def prepare(self, file: BinaryIO) -> None:
        self._opened(file, size=HEAD)

    def parse(self, records: list[bytes]) -> list[Parsed]:
        import csv

        self.lines.is_composed = False  # these are no lines that are at hand
        if self.stream.is_carriage:
            records = [data.replace(b"\r", b"\n") for data in records]
        try:
            found = list(csv.reader(map(self.stream.decoded, records), strict=True, **self._dialect))
            if len(found) == len(records):
                return [(cells, self._surplus(1, cells)) for cells in found]
        except (UnicodeDecodeError, csv.Error):
            pass
        return [self._parsed(data) for data in records]

    def values(self, value: list[str]) -> Values:
        """Return the columns of a row, as texts or null."""
        columns = self.columns
        cells = [cell.strip() or None for cell in value] if self.lines.is_composed else texts(value)
        found: Values = dict(zip(columns, cells))  # noqa: B905 - rows may be ragged; to say so takes time
        if len(value) < len(columns):
            found = {**dict.fromkeys(columns), **found}
        if self.is_partly_named:
            found.pop("", None)
        return found

    def position(self, number: int, end: int, cell: int) -> tuple[int, int]:
        """Return line and column, from 1, at which a cell, from 0, of the row that was read last begins.

        Its line is `number`, and at `end` its bytes do.
        """
        text = self.stream.decoded(self.lines.text(number, end), "replace")
        delimiter, quote = self._dialect["delimiter"], self._dialect["quotechar"]
        line, column = number, 1
        quoted, fresh = False, True  # inside a quoted cell; at the start of a cell
        quotes = False  # the cell is one in quotes
        for letter in text:
            if cell == 0:
                break
            if letter == quote and (fresh or quotes):
                quotes, quoted = True, not quoted
            fresh = letter == delimiter and not quoted
            if fresh:
                cell, quotes = cell - 1, False
            line, column = (line + 1, 1) if letter == "\n" else (line, column + 1)
        return line, column

    def must_wait(self, end: int) -> bool:
        """Say whether what stands behind a place, at which a row ends, may be long in coming."""
        return end >= self.lines.starts[-1] and not self.stream.has_more

    # The header ---------------------------------------------------------------------------------------

    def _opened(self, file: BinaryIO, is_young: bool = False, size: int = READ) -> Lines:
        """Read a file up to the end of its header."""
        self.stream = Stream(file, self.format.get("encoding"), size)
        self._dialect = {"delimiter": self.format.get("delimiter", ","), "quotechar": self.format.get("quote", '"')}
        self.header_line, self.notes = 0, []
        lines = self.lines = Lines(self.stream, is_young)
        number, cells = self._first_row(lines)
        told = _delimiter_told(cells, self._dialect["delimiter"])
        if told:
            if "delimiter" not in self.format:
                self._dialect["delimiter"] = told
            number, cells = self._first_row(lines)
        elif "delimiter" not in self.format and len(cells) == 1 and any(mark in cells[0] for mark in _MARKS):
            mark = self._dialect["delimiter"] = max(_MARKS, key=cells[0].count)
            said = mark.replace("\t", "\\t")
            words = f"is read with {_MARKS[mark]} between its cells, as its header has it"
            self.notes.append(f'{words}: format = {{ delimiter = "{said}" }}')
            lines.kept = number
            lines.again_from(number)
            number, cells = self._first_row(lines)
        self._take_header(number, cells)
        return lines

    def _first_row(self, lines: Lines) -> tuple[int, list[str]]:
        """Return the next row that is not blank, with its line."""
        import csv

        after = lines.kept
        base = after - 1
        lines.again_from(after)
        reader = self._reader(lines)
        try:
            for cells in reader:
                number, after = after, base + reader.line_num + 1
                lines.kept = after
                for line in range(number, after):
                    if line in lines.faults:
                        raise WholeFileError(_whole(lines.faults[line]))
                if any(map(str.strip, cells)):
                    lines.again_from(after)
                    return number, cells
        except csv.Error as error:
            raise WholeFileError(_whole(self._broken(after, str(error)))) from None
        raise EmptyFileError

    def _take_header(self, number: int, cells: list[str]) -> None:
        if "\0" in "".join(cells):
            hint = 'say what it is: format = { encoding = "utf-16-le" }'
            raise WholeFileError(Fault(number, 1, "the file holds null characters: it is not UTF-8", hint))
        if cells[0].lstrip()[:9].lower().startswith(("<!doctype", "<html", "<?xml")):
            hint = "look at what writes it: that may have been given a page to sign in at"
            raise WholeFileError(Fault(number, 1, "the file is a web page or XML: no CSV", hint))
        names = [name or "" for name in texts(cells)]
        for at, name in enumerate(names):
            if name and name in names[:at]:
                places = f"as the {_nth(names.index(name))} and the {_nth(at)}"
                words = f'the column "{visible(name)}" stands twice in the header, {places}'
                raise WholeFileError(Fault(number, 1, words, "give one of them another name, or leave it out"))
        ours = set(self.names.values())
        # What a column is mapped to is that column, whatever else has the name.
        self.columns = [self.names.get(name, "" if name in ours else name) for name in names]
        self.header_line = number
        self.is_partly_named = "" in self.columns

    # Rows ---------------------------------------------------------------------------------------------

    def _reader(self, lines: Lines) -> Any:
        import csv
        from itertools import chain

        # Strict: else a quote that is never closed would swallow the rest of the file unnoticed.
        return csv.reader(chain.from_iterable(lines.blocks()), strict=True, **self._dialect)

    def _fault(self, faults: dict[int, Fault], number: int, after: int, cells: list[str]) -> Fault | None:
        if faults:
            for line in range(number, after):
                if line in faults:
                    return faults[line]
        fault = self._surplus(number, cells)
        if fault is not None:
            end = self.lines.starts[after - self.lines.first]
            fault.line, fault.column = self.position(number, end, len(self.columns))
        return fault

    def _surplus(self, number: int, cells: list[str]) -> Fault | None:
        width = len(self.columns)
        if len(cells) > width and any(map(str.strip, cells[width:])):
            return Fault(number, 1, f"the row has {count_of(len(cells), 'cell')}, the header {width}")
        return None

    def _broken(self, number: int, said: str) -> Fault:
        """Return the fault of a row that is none, in our words."""
        if "unexpected end" in said:
            words = "a quote is opened and never closed"
        elif "expected after" in said:
            quote = self._dialect["quotechar"]
            words = f"text follows a closing quote (a quote inside a cell in quotes is written twice: {quote * 2})"
        elif "field limit" in said:
            words = f"a cell is longer than {LINE:,} characters: is its closing quote missing?"
        elif "new-line" in said:
            words = "a carriage return stands alone: lines end in LF or CR LF"
        else:
            words = "it is no CSV"
        return Fault(number, 1, f"the row cannot be read: {words}")

    def _loose(self, text: str) -> list[str]:
        """Return what can be read of the cells of a broken line: its key may be among them."""
        import csv

        try:
            return next(csv.reader([text.split("\n")[0].replace("\r", "")], **self._dialect), [])
        except csv.Error:
            return []

    def _parsed(self, data: bytes) -> Parsed:
        import csv

        fault = None
        try:
            text = self.stream.decoded(data)
        except UnicodeDecodeError as error:
            fault = self.stream.refused(1, data, error.start)
            text = self.stream.decoded(data, "replace")
        try:
            found = list(csv.reader([text], strict=True, **self._dialect))
        except csv.Error as error:
            return self._loose(text), fault or self._broken(1, str(error))
        if len(found) != 1:
            raise ValueError("there is no row, or more than one")
        return found[0], fault or self._surplus(1, found[0])


def texts(cells: list[str]) -> list[str | None]:
    """Return cells as texts: trimmed, composed, null where they are empty."""
    found = [cell.strip() or None for cell in cells]
    return found if "".join(cells).isascii() else [cell and composed(cell) for cell in found]


def _delimiter_told(cells: list[str], delimiter: str) -> str:
    """Return the delimiter that a first line `sep=;` tells; nothing when that is no such line."""
    line = delimiter.join(cells).strip().strip('"')
    return line[4] if len(line) == 5 and line[:4].lower() == "sep=" else ""


def _nth(at: int) -> str:
    number = at + 1
    end = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{end}"


def _whole(fault: Fault) -> Fault:
    """Return the fault of a header as one of the file."""
    words = fault.words.replace("the row", "the header", 1)
    return Fault(fault.line, fault.column, words, fault.hint or "look at its quotes")
