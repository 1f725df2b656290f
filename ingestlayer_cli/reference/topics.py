"""What a topic is."""

import re
from typing import Any, NamedTuple

from ..model.documents.reference import TopicDocument, TopicKind


class Topic(NamedTuple):
    """One thing that is explained: see `TopicDocument`. `text` is Markdown, its examples are indented."""

    name: str
    kind: TopicKind
    title: str
    text: str
    type: str | None = None
    default: Any = None
    required: bool = False
    example: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The first sentence; a page and a section have their titles."""
        if self.kind in ("page", "section"):
            return self.title
        first = " ".join(self.text.partition("\n\n")[0].split())
        return re.split(r"(?<=[.!?]) (?=[A-Z`\[$])", first, maxsplit=1)[0]

    def document(self) -> TopicDocument:
        """Return the topic as `--json` has it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "title": self.title,
            "summary": self.summary,
            "text": self.text,
            "type": self.type,
            "default": self.default,
            "required": self.required,
            "example": self.example,
            "keys": [*self.keys],
        }
