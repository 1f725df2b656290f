"""What to do about the problems of a project's files."""

import re
from collections.abc import Iterable

from ..system.errors import Problem

# Problems of a key or a member that is explained: the one that is missing, or the near miss of one that is unknown.
_EXPLAINED = re.compile(r'the key "(?P<missing>[\w.]+)" is missing|unknown (?:key|step|destination) ".*"\?\)')
_MEANT = re.compile(r'\(did you mean "([\w.]+)"\?\)')


def remedy(problems: Iterable[Problem]) -> str:
    """Return the hint of an error that has these problems; of the first one that is explained it names the topic."""
    for _, words in problems:
        if found := _EXPLAINED.search(words):
            meant = _MEANT.search(words)
            topic = found["missing"] or (meant and meant[1])
            return f"after the edit: ingestlayer validate; what may stand there: ingestlayer explain {topic}"
    return "after the edit: ingestlayer validate"
