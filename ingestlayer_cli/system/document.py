"""Results: the documents of `--json`, with their fields as attributes too."""

from .errors import Exit
from .typed import TYPE_CHECKING, Any, Generic, cast

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # of which a checker knows the default before 3.13
else:
    from .typed import TypeVar

T_co = TypeVar("T_co", covariant=True, default=Any)  # the TypedDict that it is


class Document(dict[str, Any], Generic[T_co]):
    """A JSON object whose names are attributes: `result.runs[0].deliveries[0].status`.

    Beside the document itself it carries the exit codes that hold and hints for people.
    """

    __slots__ = ("exit_codes", "hints")

    def __init__(self, told: "T_co | None" = None) -> None:
        super().__init__(cast(dict[str, Any], told or {}))
        self.exit_codes: list[Exit] = []
        self.hints: list[str] = []

    @property
    def told(self) -> "T_co":
        """The document itself, whose names are known to a type checker."""
        return self  # type: ignore[return-value]

    def __getattr__(self, name: str) -> Any:
        try:
            return _wrapped(self[name])
        except KeyError:
            raise AttributeError(name) from None


def _wrapped(value: object) -> Any:
    if isinstance(value, dict) and not isinstance(value, Document):
        return Document(value)
    return [_wrapped(item) for item in value] if isinstance(value, list) else value
