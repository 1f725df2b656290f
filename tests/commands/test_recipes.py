"""`recipes` and `init --recipe`, as they are used."""

from pathlib import Path

import pytest

from ingestlayer_cli import recipes
from tests.support.folder import Folder
from tests.support.program import ingestlayer

NAMES = recipes.names()
NARROW = {"COLUMNS": "80"}


def test_the_list_has_a_line_a_recipe_and_says_how_to_go_on(tmp_path: Path) -> None:
    result = ingestlayer("recipes", cwd=tmp_path, env=NARROW)
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == NAMES
    assert max(map(len, result.out.splitlines())) <= 80
    assert "ingestlayer init --recipe NAME" in result.err


def test_the_list_as_json_has_what_each_is_for_and_its_files(tmp_path: Path) -> None:
    found = ingestlayer("recipes", "--json", cwd=tmp_path).json["recipes"]
    assert [recipe["name"] for recipe in found] == NAMES
    for recipe in found:
        assert recipe.keys() == {"name", "title", "summary", "description", "event", "sample", "files"}
        assert recipe["sample"] in recipe["files"]


def test_a_recipe_is_shown_with_its_purpose_files_and_message(tmp_path: Path) -> None:
    result = ingestlayer("recipes", "failed-payments", cwd=tmp_path, env=NARROW)
    assert result.code == 0
    assert result.out.startswith("Failed payments\nMost failed payments heal on the next try")
    for words in ("pipelines/failed-payments.toml", "customers.csv", "─ #alerts ─", "Acme Inc does not pay: 1,900 EUR"):
        assert words in result.out
    assert "ingestlayer init --recipe failed-payments --add" in result.err
    assert "ingestlayer emit --batch samples/failed-payments.ndjson" in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", ["80", "50"])
def test_a_recipe_fits_the_terminal(name: str, columns: str, tmp_path: Path) -> None:
    out = ingestlayer("recipes", name, cwd=tmp_path, env={"COLUMNS": columns}).out
    assert max(map(len, out.splitlines())) <= int(columns)


def test_a_recipe_in_a_pipe_has_no_escapes(tmp_path: Path) -> None:
    assert "\x1b" not in ingestlayer("recipes", "usage-limit-hits", cwd=tmp_path, env={"TERM": "xterm"}).out


def test_a_recipe_as_json_has_its_preview(tmp_path: Path) -> None:
    document = ingestlayer("recipes", "form-submissions", "--json", cwd=tmp_path).json
    (run,) = document["preview"]["runs"]
    assert [message["target"] for message in run["messages"]] == ["#sales"]


@pytest.mark.parametrize("command", [("recipes", "failed-login"), ("init", "--recipe", "failed-login")])
def test_an_unknown_recipe_is_wrong_usage_with_the_near_miss(command: tuple[str, ...], tmp_path: Path) -> None:
    result = ingestlayer(*command, cwd=tmp_path)
    assert result.code == 2
    assert 'there is no recipe failed-login (did you mean "failed-logins"?)' in result.err
    assert "`ingestlayer recipes` lists them" in result.err
    assert ingestlayer(*command, "--json", cwd=tmp_path).error["kind"] == "usage"


def test_init_of_a_recipe_writes_its_files_and_says_how_to_try_it(tmp_path: Path) -> None:
    result = ingestlayer("init", "--recipe", "failed-logins", cwd=tmp_path)
    assert result.code == 0
    assert result.out.splitlines() == [f"created {file}" for file in sorted(recipes.files("failed-logins"))]
    said = [line.strip() for line in result.err.splitlines() if line.startswith("  ")]
    assert said == ["ingestlayer preview login.failed", "ingestlayer emit --batch samples/failed-logins.ndjson"]
    for command in said:
        assert ingestlayer(*command.split()[1:], cwd=tmp_path).code == 0


def test_a_recipe_is_added_to_the_project_around(tmp_path: Path) -> None:
    ingestlayer("init", cwd=tmp_path)
    result = ingestlayer("init", "--recipe", "feature-usage", "--add", cwd=tmp_path / "events")
    assert result.code == 0
    assert "created pipelines/feature-usage.toml" in result.out
    assert "kept    customers.csv (it was there)" in result.out
    assert "problem" not in result.err
    assert (tmp_path / "pipelines" / "feature-usage.toml").exists()


def test_what_the_project_lacked_is_told(tmp_path: Path) -> None:
    ingestlayer("init", "--recipe", "webhook-events", cwd=tmp_path)
    result = ingestlayer("init", "--recipe", "feature-usage", "--add", cwd=tmp_path)
    assert "changed ingestlayer.toml: the tables that it lacked" in result.out
    assert Folder(tmp_path).here("validate", "--strict").code == 0


def test_a_recipe_that_does_not_fit_the_files_that_are_there_says_so(tmp_path: Path) -> None:
    ingestlayer("init", cwd=tmp_path)
    (tmp_path / "customers.csv").write_text("customer_id,name,mrr,csm_email,renewal\nacme,Acme Inc,1,,\n")
    result = ingestlayer("init", "--recipe", "feature-usage", "--add", cwd=tmp_path)
    assert result.code == 0
    assert "problems in the project as it is now; to see them: ingestlayer validate" in result.err
    assert "has no column plan" in ingestlayer("validate", cwd=tmp_path).out


def test_init_of_a_recipe_leaves_the_project_file_that_is_there_and_names_add(tmp_path: Path) -> None:
    ingestlayer("init", "--recipe", "webhook-events", cwd=tmp_path)
    project = (tmp_path / "ingestlayer.toml").read_text()
    result = ingestlayer("init", "--recipe", "feature-usage", cwd=tmp_path)
    assert result.code == 0
    assert (tmp_path / "ingestlayer.toml").read_text() == project
    assert "kept    ingestlayer.toml (it was there)" in result.out
    assert "--add appends the tables that the recipe needs" in result.err


def test_adding_without_a_project_is_exit_78_and_names_init(tmp_path: Path) -> None:
    result = ingestlayer("init", "--recipe", "feature-usage", "--add", cwd=tmp_path)
    assert result.code == 78
    assert "ingestlayer init" in result.err
    assert list(tmp_path.iterdir()) == []


def test_adding_a_recipe_again_changes_nothing(tmp_path: Path) -> None:
    ingestlayer("init", "--recipe", "feature-usage", cwd=tmp_path)
    document = ingestlayer("init", "--recipe", "feature-usage", "--add", "--json", cwd=tmp_path).json
    assert (document["created"], document["changed"]) == ([], [])
    assert sorted(document["kept"]) == sorted(recipes.files("feature-usage"))
