"""The golden bodies of tests: files that are compared, and written anew when they are asked for."""

import json
import os
from collections.abc import Iterator

from ...model.gate import read_json
from ...system.errors import ProjectError, RejectedError
from .cases import CaseOutcome, Failure
from .comparing import unified


def compared(path: str, name: str, got: str) -> Iterator[Failure]:
    try:
        with open(path, "rb") as file:
            expected = pretty(read_json(file.read(), name))
    except FileNotFoundError:
        yield Failure("body", f"the body in {name}", f"{name} does not exist: `ingestlayer test --update` writes it")
    except OSError as error:
        yield Failure("body", f"the body in {name}", f"{name} cannot be read: {error.strerror}")
    except RejectedError as error:
        yield Failure("body", f"the body in {name}", error.message)
    else:
        if expected != got:
            yield Failure("body", f"the body in {name}", "another body", unified(expected, got, name, "got"))


def pretty(body: object) -> str:
    # Sorted: the order of an object's names says nothing, and would fill a diff.
    return json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def update(outcomes: list[CaseOutcome]) -> list[str]:
    """Write the golden bodies of outcomes and return the names of the files that changed.

    Two tests that want different bodies in one file both keep the first; the second fails.
    """
    written: dict[str, str] = {}
    changed = []
    for outcome in outcomes:
        if outcome.golden is None:
            continue
        path, content = outcome.golden
        name = outcome.case.data["expect"]["body"]
        if written.setdefault(path, content) != content:
            diff = unified(written[path], content, name, "got")
            outcome.failures.append(Failure("body", f"the body that an earlier test wrote to {name}", "another", diff))
        elif _write(path, name, content):
            changed.append(name)
    return changed


def _write(path: str, name: str, content: str) -> bool:
    """Write a golden unless it is so already; say whether it was written."""
    try:
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                if file.read() == content:
                    return False
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise ProjectError(f"{name} cannot be written: {error.strerror}", "check its permissions") from None
    return True
