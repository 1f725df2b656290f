"""Results: the documents of `--json`, with their fields as attributes too."""

from .errors import Exit
from .typed import Any


class Document(dict[str, Any]):
    """A JSON object whose names are attributes: `result.runs[0].deliveries[0].status`.

    Beside the document itself it carries the exit codes that hold and hints for people.
    """

    __slots__ = ("exit_codes", "hints")

    def __init__(self, /, **values: Any) -> None:
        super().__init__(values)
        self.exit_codes: list[Exit] = []
        self.hints: list[str] = []

    def __getattr__(self, name: str) -> Any:
        try:
            return _wrapped(self[name])
        except KeyError:
            raise AttributeError(name) from None


def _wrapped(value: Any) -> Any:
    if isinstance(value, dict) and not isinstance(value, Document):
        return Document(**value)
    return [_wrapped(item) for item in value] if isinstance(value, list) else value
