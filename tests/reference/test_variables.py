"""Every variable of the environment that the program reads is explained."""

import re

from ingestlayer_cli.reference.variables import OTHERS, OURS
from tests.support import DOCS, ROOT

# What is looked at to know where we are: nobody sets it for us.
OF_THE_SYSTEM = {"SHELL", "ZDOTDIR", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"}
OF_COMPLETION = {"_INGESTLAYER_COMPLETE", "_INGESTLAYER_LINE", "_INGESTLAYER_WORD"}  # our own scripts set them


def test_every_variable_that_is_read_is_explained() -> None:
    text = "".join(path.read_text() for path in (ROOT / "ingestlayer_cli").rglob("*.py"))
    read = set(re.findall(r"environ\b(?:\.get\(|\[)\"([A-Z_]+)\"", text))
    pages = "".join(page.read_text() for page in (ROOT / "README.md", *DOCS.glob("*.md")))
    read |= set(re.findall(r"\b(?:SLACK|INGESTLAYER)_[A-Z_]+[A-Z]\b", pages))
    assert "XDG_STATE_HOME" in read
    assert sorted(read - OURS.keys() - OTHERS.keys() - OF_THE_SYSTEM - OF_COMPLETION) == []
