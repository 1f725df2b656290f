"""Regular expressions that are compiled when they are first used: at most starts most of them are not."""

import re

from .typed import Any, cast


class _Lazy:
    """Stands for a compiled pattern, and becomes one at the first use."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self.pattern, self._flags), name)
        setattr(self, name, found)  # it is asked for once
        return found


def lazy(pattern: str, flags: int = 0) -> re.Pattern[str]:
    """Return what is used as `re.compile` of the same would be; a mistake in it is told at the first use."""
    return cast("re.Pattern[str]", _Lazy(pattern, flags))
