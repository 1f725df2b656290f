"""What a source yields, and what is wrong with one."""

from collections.abc import Iterator

from ..project.check_table import SECRET
from ..system.clock import PERIODS
from ..system.errors import Exit, IngestlayerError
from ..system.typed import TYPE_CHECKING, NamedTuple, Protocol, TomlTable, Values

if TYPE_CHECKING:
    from ..model.documents.checks import Unit

EXCERPT = 200  # characters of what went wrong elsewhere
MORE_TIME = 'give it more: timeout = "5m"'


def remembers(data: TomlTable) -> int | None:
    """Return for how many milliseconds a check of this compiled data holds a level; None: for ever."""
    return PERIODS[data["period"]] if data["period"] else None


class SourceError(IngestlayerError):
    """A source could not be read to its end: nothing of it is believed.

    `since` is the time, in milliseconds, from which on it has said nothing new, where the source knows it.
    """

    kind = "source"
    exit_code = Exit.WAITING
    since: int | None = None


class SourceRow(NamedTuple):
    """One row: its number from 1 and its columns; or why it cannot be read."""

    number: int
    values: Values
    problem: str = ""


class Source(Protocol):
    """Where usage is read from. Opened and closed by each `rows()`."""

    @property
    def name(self) -> str:
        """What errors call it."""

    @property
    def unit(self) -> "Unit":
        """What its rows are counted in: `line` or `row`."""

    @property
    def columns(self) -> list[str] | None:
        """The columns of every row, known once `rows()` has begun; None where each row has its own."""

    @property
    def notes(self) -> list[str]:
        """What was settled by its looks and no setting says, known as `columns` is."""

    def rows(self) -> Iterator[SourceRow]:
        """Yield every row; SourceError when they cannot all be read."""


def with_secrets(text: str) -> str:
    """Return a text with the secrets that it names put in: `Bearer env:TOKEN`."""
    from ..secrets.named import resolve

    return SECRET.sub(lambda found: resolve(found[0]), text)


def excerpt(text: str) -> str:
    """Return the beginning of a text as one line."""
    return " ".join(text.split())[:EXCERPT]
