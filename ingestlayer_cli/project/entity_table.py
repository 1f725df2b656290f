"""`[entities.KIND]`, and how a file is written. Loaded only when a file has changed."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from ..system.errors import as_written, near_miss
from .models import Strict
from .values import Matching, problem

EntityFile = Annotated[str, Matching(r".+\.(csv|json|ndjson|jsonl)(\.gz)?", "a .csv, .json or .ndjson file")]


def _encoding(value: str) -> str:
    import codecs

    try:
        is_text = codecs.lookup(value)._is_text_encoding
    except (LookupError, ValueError):
        is_text = False
    if not is_text:
        near = near_miss(value, ("utf-8", "utf-16", "utf-16-le", "cp1252", "iso-8859-1", "iso-8859-15", "mac-roman"))
        raise problem(f'"{value}" is no encoding{near or ": utf-8, utf-16, cp1252 and iso-8859-1 are some"}', 0)
    return value


def _letter(value: str) -> str:
    if len(value) != 1 or value in "\r\n":
        raise problem(f"must be one character, not {as_written(value)}", 0)
    return value


def _date_form(value: str) -> str:
    from datetime import datetime

    try:
        whole = datetime.strptime(datetime(2027, 1, 31).strftime(value), value).date().isoformat()
    except ValueError:
        whole = ""
    if whole != "2027-01-31":
        raise problem(f'"{value}" is no form of dates: day, month and year are %d, %m and %Y, as in "%d.%m.%Y"', 0)
    return value


Letter = Annotated[str, AfterValidator(_letter)]


class FormatTable(Strict):
    """How a file is written, where its looks do not say it.

    Numbers and dates are never guessed: `validate` and `check` propose what would read the most cells.

        format = { delimiter = ";", encoding = "cp1252", quote = "'", decimal = ",", thousands = "." }

        format = { currency = true, percent = true, dates = "%d.%m.%Y" }
    """

    delimiter: Letter | None = Field(
        default=None, description="What divides the cells of a CSV; without it the comma, or what the header shows."
    )
    encoding: Annotated[str, AfterValidator(_encoding)] | None = Field(
        default=None, description="The encoding of the file; without it UTF-8, or what a byte order mark says."
    )
    quote: Letter | None = Field(default=None, description='What a cell of a CSV is quoted by; without it ".')
    decimal: Literal[".", ","] | None = Field(default=None, description="What stands before the decimals of a number.")
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        default=None, description="What groups the digits of a number; without it such a number is refused."
    )
    currency: bool = Field(default=False, description="Whether numbers may have a sign or code of a currency: $1,900.")
    percent: bool = Field(default=False, description="Whether 85% is read, as 0.85.")
    dates: Annotated[str, AfterValidator(_date_form)] | None = Field(
        default=None, description="How dates are written, of %d, %m and %Y; without it 2027-01-31."
    )

    @model_validator(mode="after")
    def _whole(self) -> "FormatTable":
        """Check what one key alone cannot tell."""
        if self.thousands == (self.decimal or "."):
            raise problem(f'`decimal` and `thousands` are both "{self.thousands}"', path=("thousands",))
        if (self.quote or '"') == (self.delimiter or ","):
            raise problem("`delimiter` and `quote` are the same")
        return self


class EntityTable(Strict):
    """A file of what is known of customers, or of another kind of entity.

    KIND is its name in `$entity.KIND`; the step `enrich.entity` looks a row up by its key.

        [entities.customer]
        file = "customers.csv"
        key = "customer_id"
        types = { mrr = "number", renewal = "date" }
        columns = { customer_id = "Account ID" }
        format = { delimiter = ";", decimal = ",", thousands = "." }
    """

    file: EntityFile = Field(description="The file, in the project's folder or anywhere.")
    key: str = Field(min_length=1, description="The column that tells one row from the others.")
    types: dict[str, Literal["string", "number", "integer", "boolean", "date", "datetime"]] = Field(
        default={}, description="What columns hold; without it a cell is a text."
    )
    columns: dict[str, str] = Field(default={}, description="Our names of the file's columns: our name = theirs.")
    format: FormatTable = Field(default=FormatTable(), description="How the file is written.")

    @model_validator(mode="after")
    def _whole(self) -> "EntityTable":
        """Refuse one column of the file under two names of ours."""
        names: dict[str, str] = {}
        for ours, theirs in self.columns.items():
            if theirs in names:
                raise problem(f'`columns` has "{theirs}" twice, as {names[theirs]} and {ours}')
            names[theirs] = ours
        return self
