"""What holds for every step and every destination; a new one is held to it by being there."""

import inspect
import re
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.destinations.base import Destination
from ingestlayer_cli.model import families
from ingestlayer_cli.model.families import Section
from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.steps.base import Step
from ingestlayer_cli.system.errors import ProjectError
from tests.support import ROOT

MEMBERS = [(family, kind) for family in ("steps", "destinations") for kind in families.kinds(family)]
each = pytest.mark.parametrize(("family", "kind"), MEMBERS, ids=[kind for _, kind in MEMBERS])

# What the examples of the docstrings refer to.
PROJECT = '[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n'
EVENT = """
type = "usage.limit_reached"
[fields]
customer_id = "string"
metric = "string"
limit = "number"
used = "number"
plan = "string"
"""


def examples(family: str, kind: str) -> list[str]:
    """Return the TOML examples of a member's docstring: its indented parts that start with its table."""
    text = inspect.getdoc(families.member(family, kind)) or ""
    parts = re.findall(r"(?:^    .*\n?|^\n(?=    ))+", text, re.MULTILINE)
    return [part for part in map(textwrap.dedent, parts) if part.lstrip().startswith(f"[[{family}]]")]


def checked(root: Path, text: str, file: str = PROJECT) -> dict[str, Any]:
    for name, content in (
        ("ingestlayer.toml", file),
        ("events/usage.toml", EVENT),
        ("pipelines/example.toml", text),
    ):
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return Compiler(str(root)).run()


def problems(root: Path, text: str) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        checked(root, text)
    return [f"{path}: {words}" for path, words in caught.value.details]


def test_there_are_members_of_both_families() -> None:
    assert {"filter", "dedupe", "enrich.entity"} <= set(families.kinds("steps"))
    assert "slack" in families.kinds("destinations")


@each
def test_a_member_is_of_its_family_and_named_like_its_file(family: str, kind: str) -> None:
    member = families.member(family, kind)
    assert issubclass(member, Step if family == "steps" else Destination)
    assert member.__module__ == f"ingestlayer_cli.{family}.{kind.replace('.', '_')}"


@each
def test_a_member_is_documented_with_an_example_of_itself(family: str, kind: str) -> None:
    found = examples(family, kind)
    assert found
    assert all(tomllib.loads(text)[family][0]["use"] == kind for text in found)


@each
def test_every_example_passes_the_check_of_a_project(family: str, kind: str, tmp_path: Path) -> None:
    for text in examples(family, kind):
        (pipeline,) = checked(tmp_path, text)["pipelines"]
        assert pipeline[family][0]["use"] == kind


@each
def test_every_example_can_be_built(family: str, kind: str, tmp_path: Path) -> None:
    for text in examples(family, kind):
        (pipeline,) = checked(tmp_path, text)["pipelines"]
        data = {name: value for name, value in pipeline[family][0].items() if name != "salt"}
        assert isinstance(families.build(family, data), Section)


@each
def test_an_unknown_key_is_refused_with_its_line_and_the_near_miss(family: str, kind: str, tmp_path: Path) -> None:
    text = examples(family, kind)[0]
    key = next(name for name in tomllib.loads(text)[family][0] if name != "use")
    wrong = key + "x"
    found = problems(tmp_path, re.sub(rf"^{key} =", f"{wrong} =", text, count=1, flags=re.MULTILINE))
    line = text[: text.index(f"\n{key} =") + 1].count("\n") + 1
    known = [item for item in found if item.startswith(f"pipelines/example.toml:{line}:")]
    assert any(f'unknown key "{wrong}" (did you mean "{key}"?)' in item for item in known), found


@each
def test_a_value_of_the_wrong_kind_is_refused_with_its_key(family: str, kind: str, tmp_path: Path) -> None:
    text = examples(family, kind)[0]
    data = tomllib.loads(text)[family][0]
    key = next(name for name, value in data.items() if name != "use" and isinstance(value, str | dict))
    found = problems(tmp_path, re.sub(rf"^{key} = .*$", f"{key} = [7]", text, count=1, flags=re.MULTILINE))
    assert any(key in item and "[7]" in item for item in found), found


@each
def test_an_unknown_kind_is_refused_with_the_near_miss(family: str, kind: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, examples(family, kind)[0].replace(f'use = "{kind}"', f'use = "{kind}s"', 1))
    assert f'(did you mean "{kind}"?)' in problem


@each
def test_every_key_is_annotated(family: str, kind: str) -> None:
    member = families.member(family, kind)
    annotated = {name for cls in member.__mro__ for name in getattr(cls, "__annotations__", {})}
    plain = {
        name
        for name, value in vars(member).items()
        if not name.startswith("_") and not callable(value) and not isinstance(value, classmethod | staticmethod)
    }
    assert plain <= annotated


@each
def test_a_member_has_a_test_file(family: str, kind: str) -> None:
    assert (ROOT / "tests" / family / f"test_{kind.replace('.', '_')}.py").is_file()
