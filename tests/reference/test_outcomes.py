"""Statuses, exit codes and kinds of errors: all that there are, and nothing that docs/operating.md does not say."""

import ast
import re
from collections.abc import Iterator
from typing import get_args, get_type_hints

from ingestlayer_cli.model.documents.events import EmitDocument, RunOutcome, Status
from ingestlayer_cli.reference.outcomes import EXITS, STATUSES, errors
from ingestlayer_cli.system.errors import Exit
from tests.support import DOCS, ROOT


def test_every_status_is_explained() -> None:
    assert STATUSES["delivery"].keys() == set(get_args(Status))
    assert STATUSES["run"].keys() == set(get_args(RunOutcome))
    assert STATUSES["event"].keys() >= set(get_args(get_type_hints(EmitDocument)["status"]))


def test_the_exit_codes_are_those_of_the_page_in_its_words() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (DOCS / "operating.md").read_text(), re.MULTILINE)
    assert {int(code): words for code, words in rows} == {int(code): words for code, words in EXITS.items()}
    assert EXITS.keys() == set(Exit)


def kinds() -> Iterator[str]:
    """Yield the kinds of errors that stand in the source."""
    for path in (ROOT / "ingestlayer_cli").rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)) if re.search(r"Error\b|told\(", text) else ():
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                yield from (
                    item.value.value
                    for item in node.body
                    if isinstance(item, ast.Assign)
                    and getattr(item.targets[0], "id", "") == "kind"
                    and isinstance(item.value, ast.Constant)
                    and isinstance(item.value.value, str)
                )
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("RejectedError", "HttpError", "told"):
                given = [item.value for item in node.args if isinstance(item, ast.Constant)]
                yield from (word for word in given[:2] if isinstance(word, str) and re.fullmatch("[a-z_]+", word))


def test_every_kind_of_error_is_explained() -> None:
    found = set(kinds())
    assert {"schema", "usage", "conflict", "rate"} <= found
    assert sorted(found - errors().keys()) == []
