"""`validate FILES`, as pre-commit and CI call it."""

import os
import re
from pathlib import Path

import pytest
import yaml

from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.tested import make, write_test
from tests.support.validate import BASE, project_of, with_lines

BROKEN = with_lines(pipeline='chanel = "#b"\n')
WARNED = with_lines(event="[idempotency]\nkey = '$event.plan'\n")
WITHOUT = {name: text for name, text in BASE.items() if name != "customers.csv"}

SOUND = "sound: ingestlayer.toml, 1 event, 1 pipeline, 1 entity file: no problems\n"


@pytest.fixture
def both(tmp_path: Path) -> Folder:
    """A repository with two projects, one of them broken, and files of none."""
    project_of(tmp_path / "sound", BASE)
    project_of(tmp_path / "teams" / "broken", BROKEN)
    folder = Folder(tmp_path)
    folder.write("pyproject.toml", "[project]\n")
    return folder


@pytest.mark.parametrize(
    "name", ["pipelines/alert.toml", "events/usage.toml", "ingestlayer.toml", "customers.csv", "pipelines", "."]
)
def test_any_file_stands_for_the_project_that_it_lies_in(both: Folder, name: str) -> None:
    result = both.run("validate", f"teams/broken/{name}")
    assert result.code == 1
    assert result.out.startswith("teams/broken/pipelines/alert.toml:9:1: unknown key")
    assert result.err == "teams/broken: 1 problem\n"


def test_each_project_is_checked_once(both: Folder) -> None:
    files = ("sound/ingestlayer.toml", "sound/customers.csv", "teams/broken/customers.csv")
    assert both.run("validate", *files).err == f"{SOUND}teams/broken: 1 problem\n"


def test_a_file_of_no_project_is_left_out(both: Folder) -> None:
    result = both.run("validate", "pyproject.toml", "sound/ingestlayer.toml")
    assert result.code == 0
    assert result.err == f"pyproject.toml is no file of a project: it is left out\n{SOUND}"
    assert both.run("validate", "pyproject.toml", "--json").json == {"problems": []}


def test_a_file_that_is_not_there_is_a_usage_error(both: Folder) -> None:
    result = both.run("validate", "sound/pipelines/gone.toml")
    assert result.code == 2
    assert "sound/pipelines/gone.toml: there is no such file" in result.err


def test_files_of_other_projects_than_the_named_one_are_left_out(both: Folder) -> None:
    result = both.run("-C", "sound", "validate", "sound/customers.csv", "teams/broken/customers.csv")
    assert result.code == 0
    assert result.err.endswith(SOUND)


def test_json_names_the_project_of_each_problem(both: Folder) -> None:
    (problem,) = both.run("validate", "sound/customers.csv", "teams/broken/customers.csv", "--json").json["problems"]
    assert (problem["project"], problem["path"]) == ("teams/broken", "pipelines/alert.toml:9:1")
    same = both.run("validate", "teams/broken/customers.csv", "--output-format", "json").json["problems"]
    assert same == [problem]


# GitHub ---------------------------------------------------------------------------------------------------


def test_github_gets_a_command_for_each_problem(both: Folder) -> None:
    place = "teams/broken/pipelines/alert.toml"
    out = both.run("validate", "teams/broken", "--output-format", "github").out
    words = f'{place}:9:1: unknown key "chanel" (did you mean "channel"?)'
    assert out == f"::error file={place},line=9,col=1::{words}\n"


def test_github_gets_paths_from_the_top_of_the_repository(both: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(both.root))
    folder = Folder(both.root / "teams/broken")
    out = folder.run("validate", "--output-format", "github").out
    assert out.startswith("::error file=teams/broken/pipelines/alert.toml,line=9,col=1::")


def test_warnings_are_warnings_of_github(tmp_path: Path) -> None:
    out = project_of(tmp_path, WARNED).run("validate", "--output-format", "github").out
    assert out.startswith("::warning file=events/usage.toml,line=13,col=8::")


def test_what_ends_a_command_is_escaped(tmp_path: Path) -> None:
    folder = project_of(tmp_path / "a,b:c", with_lines(pipeline='"50%\\n::error::x" = 1\n'))
    out = folder.run("validate", ".", "--output-format", "github").out
    assert 'unknown key "50%25' in out
    assert len(out.splitlines()) == 1
    above = Folder(tmp_path).run("validate", "a,b:c", "--output-format", "github").out
    assert above.startswith(
        "::error file=a%2Cb%3Ac/pipelines/alert.toml,line=9,col=1::a,b:c/pipelines/alert.toml:9:1: "
    )


def test_json_and_github_do_not_go_together(tmp_path: Path) -> None:
    assert project_of(tmp_path, BASE).run("validate", "--json", "--output-format", "github").code == 2


# Without entity files -------------------------------------------------------------------------------------


def test_an_entity_file_that_is_not_there_is_a_warning_where_that_is_said(tmp_path: Path) -> None:
    folder = project_of(tmp_path, WITHOUT)
    assert folder.run("validate").code == 1
    result = folder.run("validate", "--no-entities", "--strict")
    assert result.code == 0
    assert result.out.startswith("ingestlayer.toml:2:9: customers.csv is not here: what is used of it is not checked")


def test_other_warnings_fail_a_strict_look_all_the_same(tmp_path: Path) -> None:
    files = {name: text for name, text in WARNED.items() if name != "customers.csv"}
    assert project_of(tmp_path, files).run("validate", "--no-entities", "--strict").code == 1


def test_an_entity_file_that_is_there_is_checked(tmp_path: Path) -> None:
    files = with_lines(csv="id,name,mail,mrr\na,Ann,a@x.example,nine\n")
    assert project_of(tmp_path, files).run("validate", "--no-entities").code == 1


def test_a_test_needs_no_entity_file(tmp_path: Path) -> None:
    folder = make(tmp_path)
    write_test(folder, 'channels = ["#alerts", "#growth"]')
    os.unlink(folder.root / "customers.csv")
    assert folder.run("test").code == 0


def test_a_test_that_wants_what_no_file_says_tells_so(tmp_path: Path) -> None:
    folder = make(tmp_path)
    write_test(folder, 'contains = ["Acme Inc"]')
    os.unlink(folder.root / "customers.csv")
    result = folder.run("test", "--json")
    assert result.code == 1
    (run,) = result.json["tests"][0]["preview"]["runs"]
    assert "customers.csv, which is not here" in run["trace"][0]["note"]


# pre-commit -----------------------------------------------------------------------------------------------


def test_the_hook_of_pre_commit_takes_the_files_of_projects(both: Folder) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    wanted = re.compile(hook["files"])
    names = sorted(str(path.relative_to(both.root)) for path in both.root.rglob("*.*") if path.is_file())
    assert [name for name in names if not wanted.search(name)] == [
        name for name in names if name.endswith("/.gitignore")
    ]
    program, *arguments = hook["entry"].split()
    assert program == "ingestlayer"
    assert both.run(*arguments, *names).code == 1
