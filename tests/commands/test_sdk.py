"""`sdk typescript`, `sdk python`, `sdk openapi`."""

import json

import pytest

from tests.support.folder import Folder


@pytest.mark.parametrize("language", ["typescript", "python"])
def test_check_says_whether_a_client_is_up_to_date_with_the_declarations(project: Folder, language: str) -> None:
    made = ("sdk", language, "--out", "client")
    assert project.run(*made, "--check").code == 1  # it is not there
    assert not (project.root / "client").exists()
    assert project.run(*made).code == 0
    assert project.run(*made, "--check").code == 0
    project.edit("events/usage.limit_reached.toml", 'plan = "string"', 'plan = "string?"')
    result = project.run(*made, "--check")
    assert result.code == 1
    assert "stale client/" in result.out
    assert f"ingestlayer sdk {language} --out client" in result.err
    assert project.run(*made).code == 0
    assert project.run(*made, "--check").code == 0


def test_what_is_made_is_the_same_in_any_order_of_the_declarations(project: Folder) -> None:
    project.declare("a.b", '[fields]\nx = "string"\n')
    project.run("sdk", "typescript", "--out", "client")
    (project.root / "events" / "a.b.toml").rename(project.root / "events" / "z.toml")
    assert project.run("sdk", "typescript", "--out", "client", "--check").code == 0


def test_a_project_that_is_broken_makes_no_client(project: Folder) -> None:
    project.edit("events/usage.limit_reached.toml", 'plan = "string"', 'plan = "text"')
    result = project.run("sdk", "typescript", "--out", "client")
    assert result.code == 78
    assert not (project.root / "client").exists()


def test_a_broken_pipeline_is_no_matter_of_a_client(project: Folder) -> None:
    project.edit("pipelines/usage-limit-hits.toml", 'use = "slack"', 'use = "slak"')
    assert project.run("sdk", "typescript", "--out", "client").code == 0


def test_the_folder_of_an_application_is_refused(project: Folder) -> None:
    project.write("package.json", '{"name": "app"}')
    result = project.run("sdk", "typescript", "--out", ".")
    assert result.code == 2
    assert "package.json" in result.err
    assert not (project.root / "index.js").exists()


def test_the_openapi_document_is_printed_or_kept_in_a_file(project: Folder) -> None:
    printed = project.run("sdk", "openapi")
    assert project.run("sdk", "openapi", "--out", "api/openapi.json").code == 0
    assert json.loads((project.root / "api" / "openapi.json").read_text()) == printed.json
    assert project.run("sdk", "openapi", "--out", "api/openapi.json", "--check").code == 0
    project.edit("events/usage.limit_reached.toml", 'plan = "string"', 'plan = "string?"')
    stale = project.run("sdk", "openapi", "--out", "api/openapi.json", "--check")
    assert stale.code == 1
    assert "ingestlayer sdk openapi --out api/openapi.json" in stale.err


def test_check_of_the_openapi_document_needs_its_file(project: Folder) -> None:
    assert project.run("sdk", "openapi", "--check").code == 2
