"""The JSON Schemas for editors: they take what the program takes, and are where the files say."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli import recipes
from ingestlayer_cli.model import families
from ingestlayer_cli.project.jsonschema import KINDS, schema_of
from tests.support import ROOT
from tests.support.folder import USAGE, Folder
from tests.support.program import ingestlayer
from tests.support.validate import BASE, project_of

FILES = sorted(
    path
    for root in (ROOT / "examples", Path(recipes.__file__).parent)
    for path in root.rglob("*.toml")
    if ".ingestlayer" not in path.parts and path.name != "recipe.toml" and path.parent.name != "entities"
)
PIPELINE = {"destinations": [{"use": "slack", "channel": "#a"}]}
EVENT = {"type": "usage", "fields": {"used": "number"}}


def kind_of(path: Path) -> str:
    return {"events": "event", "pipelines": "pipeline"}.get(path.parent.name, "project")


def refused(kind: str, data: dict[str, Any]) -> list[str]:
    """Return where a document does not fit the schema."""
    return [error.json_path for error in Draft202012Validator(schema_of(kind)).iter_errors(data)]


WHOLE = [path for path in FILES if path.parent.name not in ("checks", "sources")]  # those are put into a project's file


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_of_the_draft_that_it_names(kind: str) -> None:
    Draft202012Validator.check_schema(schema_of(kind))
    assert schema_of(kind)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", FILES, ids=lambda path: "/".join(path.parts[-3:]))
def test_the_files_of_examples_and_recipes_fit(path: Path) -> None:
    assert refused(kind_of(path), tomllib.loads(path.read_text())) == []


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: "/".join(path.parts[-3:]))
def test_the_files_of_examples_and_recipes_name_their_schema(path: Path, tmp_path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("#:schema ")
    parent = tmp_path if kind_of(path) == "project" else tmp_path / path.parent.name
    named = (parent / first.removeprefix("#:schema ")).resolve()
    assert named == tmp_path.resolve() / ".ingestlayer" / "schema" / f"{kind_of(path)}.json"


@pytest.mark.parametrize("name", [name for name in BASE if name.endswith(".toml")])
def test_the_files_of_a_project_fit(name: str) -> None:
    assert refused(kind_of(Path(name)), tomllib.loads(BASE[name])) == []


@pytest.mark.parametrize("family", ["steps", "destinations"])
def test_every_member_of_a_family_has_its_schema_with_its_reference(family: str) -> None:
    made = schema_of("pipeline")
    for kind in families.kinds(family):
        table = made["$defs"][f"{family}.{kind}"]
        assert table["properties"]["use"]["const"] == kind
        assert table["description"].startswith(str(families.member(family, kind).__doc__).splitlines()[0])


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("pipeline", {"mtch": ["usage"]}),
        ("pipeline", {"match": ["us*"]}),
        ("pipeline", {"status": "actve"}),
        ("pipeline", {"steps": [{"use": "dedup", "key": "x", "window": "1h"}]}),
        ("pipeline", {"steps": [{"use": "dedupe", "key": "x", "window": "1"}]}),
        ("pipeline", {"steps": [{"use": "dedupe", "key": "x"}]}),
        ("pipeline", {"steps": [{"key": "x"}]}),
        ("pipeline", {"destinations": [{"use": "slack", "chanel": "#a"}]}),
        ("pipeline", {"destinations": [{"use": "slack", "channel": "#a", "message": {"buttons": [{"text": "x"}]}}]}),
        ("event", {**EVENT, "fields": {"used": "nmber"}}),
        ("event", {**EVENT, "fields": {"used": {"optional": True}}}),
        ("event", {**EVENT, "fields": {"used": {"type": "string", "max_length": 0}}}),
        ("event", {"fields": {}}),
        ("project", {"slack": {"connection": "termnal"}}),
        ("project", {"entities": {"c": {"file": "c.xls", "key": "k"}}}),
        ("project", {"store": {"retention": "90"}}),
    ],
)
def test_what_the_program_refuses_does_not_fit(kind: str, data: dict[str, Any]) -> None:
    assert refused(kind, data) != []


@pytest.mark.parametrize("kind", KINDS)
def test_validate_prints_a_schema_without_a_project(kind: str, tmp_path: Path) -> None:
    result = ingestlayer("validate", "--schema", kind, cwd=tmp_path)
    assert (result.code, result.json, result.err) == (0, schema_of(kind), "")


def test_an_unknown_schema_names_the_near_miss(tmp_path: Path) -> None:
    result = ingestlayer("validate", "--schema", "pipelin", cwd=tmp_path)
    assert result.code == 2
    assert 'did you mean "pipeline"?' in result.err


# Where editors find them ----------------------------------------------------------------------------------


def kept(root: Path) -> dict[str, Any]:
    """Return the schemas that a project keeps."""
    return {path.stem: json.loads(path.read_text()) for path in (root / ".ingestlayer" / "schema").glob("*.json")}


def test_init_writes_the_schemas(tmp_path: Path) -> None:
    ingestlayer("init", "project", cwd=tmp_path)
    assert kept(tmp_path / "project") == {kind: schema_of(kind) for kind in KINDS}


def test_init_does_not_count_the_schemas_among_its_files(tmp_path: Path) -> None:
    document = ingestlayer("init", "--json", cwd=tmp_path).json
    assert not [name for name in document["created"] if "schema" in name]


def test_validate_writes_schemas_that_are_missing_or_stale(tmp_path: Path) -> None:
    folder = project_of(tmp_path, BASE)
    folder.write(".ingestlayer/schema/event.json", "{}")
    folder.here("validate")
    assert kept(tmp_path) == {kind: schema_of(kind) for kind in KINDS}


def test_validate_leaves_schemas_that_are_good(tmp_path: Path) -> None:
    folder = project_of(tmp_path, BASE)
    folder.here("validate")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / ".ingestlayer" / "schema").iterdir()}
    folder.here("validate")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / ".ingestlayer" / "schema").iterdir()} == before


def test_where_schemas_cannot_be_written_validate_works_all_the_same(tmp_path: Path) -> None:
    folder = project_of(tmp_path, {**BASE, ".ingestlayer": "a file in its place"})
    assert folder.here("validate").code == 0


def test_a_preview_writes_no_schemas(project: Folder) -> None:
    for path in (project.root / ".ingestlayer" / "schema").iterdir():
        path.unlink()
    assert project.run("preview", USAGE).code == 0
    assert kept(project.root) == {}
