"""`max_length`: what a declaration says of a text is checked, shown, and nowhere else allowed."""

from pathlib import Path

import pytest

from ingestlayer_cli.model.declarations import Declaration, Field
from ingestlayer_cli.project.compile import Compiler
from tests.support.project import problems, write

HEAD = 'type = "usage"\n[fields]\nused = "number"\nlimit = "number"\nplan = "string?"\n'


def declared(root: Path, field: str) -> Declaration:
    files: dict[str, str | bytes | None] = {"events/usage.toml": f"{HEAD}note = {field}\n"}
    return Declaration(Compiler(str(write(root, files))).run()["declarations"]["usage"])


@pytest.mark.parametrize(("text", "found"), [("x" * 5, []), ("é" * 5, []), ("x" * 6, ["has 6 characters, 5 at most"])])
@pytest.mark.parametrize("mark", ["", "?"])
def test_a_text_may_have_so_many_characters(tmp_path: Path, text: str, found: list[str], mark: str) -> None:
    declaration = declared(tmp_path, f'{{ type = "string{mark}", max_length = 5 }}')
    payload = {"used": 1, "limit": 1, "note": text}
    assert [problem.problem for problem in declaration.problems(payload)] == found


def test_a_value_that_is_no_text_is_told_so() -> None:
    assert Field("note", "string", max_length=5).problem(5) == "must be a text, not 5"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ('{ type = "number", max_length = 5 }', 'max_length is of a field with type = "string" and without an enum'),
        ('{ enum = ["a"], max_length = 5 }', 'max_length is of a field with type = "string" and without an enum'),
        ('{ type = "string", max_length = 0 }', "max_length must be a whole number from 1, not 0"),
        ('{ type = "string", max_length = "5" }', 'max_length must be a whole number from 1, not "5"'),
        ('{ type = "string", max_lenght = 5 }', 'unknown key "max_lenght" (did you mean "max_length"?)'),
    ],
)
def test_a_limit_that_cannot_be_is_refused(tmp_path: Path, field: str, words: str) -> None:
    found = problems(tmp_path, {"events/usage.toml": f"{HEAD}note = {field}\n"})
    assert found == [f"events/usage.toml:6:1: fields.note: {words}"]
