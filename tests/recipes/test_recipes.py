"""Every recipe by itself, and all of them in one project."""

import random
import tomllib
from pathlib import Path

import pytest

from ingestlayer_cli import recipes
from ingestlayer_cli.system.errors import ProjectError, UsageError
from tests.support.folder import Folder

NAMES = recipes.names()
ASKED_FOR = [
    *("usage-limit-hits", "user-signups", "waitlist-signups", "new-subscriptions", "canceled-subscriptions"),
    *("successful-payments", "failed-payments", "trial-conversions", "form-submissions", "feature-usage"),
    *("file-uploads", "failed-logins", "support-escalations", "webhook-events", "quota-check"),
]

each = pytest.mark.parametrize("name", NAMES)


def made(root: Path, *names: str) -> Folder:
    for name in names:
        recipes.write(name, str(root))
    return Folder(root)


# Whose customers are others: Acme Inc is somebody else here, and nobody has an owner or a channel.
OTHERS = """
[entities.customer]
file = "accounts.csv"
key = "customer_id"
types = { mrr = "number", renewal = "date" }
"""
ACCOUNTS = """
customer_id,name,mrr,csm_email,renewal,plan,status,slack_channel
acme,Other Ltd,1,,2030-01-01,free,canceled,#elsewhere
initech,Third Ltd,2,,,free,,
stranger,Known Ltd,99999,ann@other.example,,pro,,#stranger
"""


def contents(root: Path) -> dict[str, bytes]:
    """Return the files of a project without what is computed from them."""
    found = (path for path in root.rglob("*") if path.is_file() and ".ingestlayer" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_these_are_the_recipes() -> None:
    assert sorted(ASKED_FOR) == NAMES


# Each by itself -------------------------------------------------------------------------------------------


@each
def test_a_recipe_is_valid(name: str, tmp_path: Path) -> None:
    result = made(tmp_path, name).here("validate", "--strict", "--json")
    assert (result.code, result.json) == (0, {"problems": []})


@each
def test_the_tests_of_a_recipe_pass_and_every_pipeline_has_some(name: str, tmp_path: Path) -> None:
    project = made(tmp_path, name)
    result = project.here("test", "--json")
    assert result.code == 0, result.out
    for path in (project.root / "pipelines").iterdir():
        assert len(tomllib.loads(path.read_text())["tests"]) >= 3


@each
def test_a_recipe_has_a_declaration_with_an_example_a_key_and_a_sample(name: str) -> None:
    recipe, files = recipes.about(name), recipes.files(name)
    assert recipe.sample in files
    assert 8 <= len(files[recipe.sample].splitlines()) <= 40
    declaration = tomllib.loads(files[f"events/{recipe.event}.toml"].decode())
    assert declaration["example"]
    assert declaration["idempotency"]["key"]


@each
def test_the_example_of_a_recipe_ends_in_a_message(name: str, tmp_path: Path) -> None:
    result = made(tmp_path, name).here("preview", recipes.about(name).event, "--json")
    assert result.code == 0
    assert any(run["messages"] for run in result.json["runs"])


@each
def test_the_files_of_a_recipe_are_explained_and_fit_the_screen(name: str) -> None:
    for file, content in recipes.files(name).items():
        if file.endswith(".toml"):
            lines = content.decode().splitlines()
            assert lines[0].startswith("#:schema "), file
            assert all(len(line) <= 120 for line in lines if line.startswith("#")), file
            assert "description = " in content.decode() or file == recipes.PROJECT


@each
def test_a_recipe_fits_its_line_in_the_list(name: str) -> None:
    recipe = recipes.about(name)
    assert max(map(len, NAMES)) + 2 + len(recipe.summary) <= 80
    assert recipe.event in {
        tomllib.loads(content.decode())["type"]
        for file, content in recipes.files(name).items()
        if file.startswith("events/")
    }


def test_an_unknown_recipe_is_refused_with_the_near_miss() -> None:
    with pytest.raises(UsageError) as caught:
        recipes.files("failed-payment")
    assert 'did you mean "failed-payments"?' in caught.value.message


def test_what_several_recipes_have_is_the_same_in_all_of_them() -> None:
    seen: dict[str, bytes] = {}
    for name in NAMES:
        for file, content in recipes.files(name).items():
            if file != recipes.PROJECT:  # some have entities, some have none
                assert seen.setdefault(file, content) == content, file


# Together -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_all_recipes_in_one_project_are_valid_and_pass_their_tests(order: str, tmp_path: Path) -> None:
    names = {"forwards": NAMES, "backwards": NAMES[::-1], "shuffled": random.Random(7).sample(NAMES, len(NAMES))}
    project = made(tmp_path, *names[order])
    result = project.here("validate", "--strict", "--json")
    assert (result.code, result.json) == (0, {"problems": []})
    assert project.here("test", "-q").code == 0


@pytest.mark.parametrize("first", NAMES)
def test_a_recipe_that_is_added_leaves_every_file_as_it_is(first: str, tmp_path: Path) -> None:
    made(tmp_path, first)
    for name in NAMES:
        before = contents(tmp_path)
        written = recipes.write(name, str(tmp_path))
        after = contents(tmp_path)
        assert sorted(set(after) - set(before)) == sorted(written.created)
        changed = [file for file in before if after[file] != before[file]]
        assert changed == written.changed
        if changed:
            assert changed == [recipes.PROJECT]
            assert after[recipes.PROJECT].startswith(before[recipes.PROJECT])
    tables = tomllib.loads((tmp_path / recipes.PROJECT).read_text())["entities"]
    assert list(tables) == ["customer"]


@pytest.mark.parametrize("name", [*NAMES, recipes.STARTER])
def test_the_tests_of_a_recipe_that_is_added_pass_where_customers_are_others(name: str, tmp_path: Path) -> None:
    (tmp_path / recipes.PROJECT).write_text(OTHERS)
    (tmp_path / "accounts.csv").write_text(ACCOUNTS.lstrip())
    recipes.write(name, str(tmp_path))
    result = Folder(tmp_path).here("test", "--json")
    assert result.code == 0, result.out
    (tmp_path / "accounts.csv").unlink()  # as in CI
    assert Folder(tmp_path).here("test", "-q").code == 0


def test_so_they_do_where_columns_and_the_key_have_other_names(tmp_path: Path) -> None:
    (tmp_path / recipes.PROJECT).write_text('[entities.customer]\nfile = "accounts.csv"\nkey = "Account ID"\n')
    (tmp_path / "accounts.csv").write_text("Account ID,Company\n1001,Other Ltd\n")
    for name in [*NAMES, recipes.STARTER]:
        recipes.write(name, str(tmp_path))
    result = Folder(tmp_path).here("test", "--json")
    assert result.code == 0, result.out


@each
def test_without_add_no_file_that_is_there_is_changed(name: str, tmp_path: Path) -> None:
    (tmp_path / recipes.PROJECT).write_text('[slack]\nconnection = "terminal"\n')
    (tmp_path / ".gitignore").write_text("mine\n")
    before = contents(tmp_path)
    written = recipes.write(name, str(tmp_path), add=False)
    assert (written.changed, sorted(written.kept)) == ([], sorted(before))
    assert {file: content for file, content in contents(tmp_path).items() if file in before} == before


def test_a_project_with_windows_line_ends_keeps_them(tmp_path: Path) -> None:
    project = tmp_path / recipes.PROJECT
    project.write_bytes(b'[slack]\r\nconnection = "terminal"')
    recipes.write("feature-usage", str(tmp_path))
    content = project.read_bytes()
    assert content.startswith(b'[slack]\r\nconnection = "terminal"\r\n\r\n#')
    assert content.count(b"\n") == content.count(b"\r\n")
    assert tomllib.loads(content.decode())["entities"]["customer"]["file"] == "customers.csv"


def test_entities_of_ones_own_stay_the_only_ones(tmp_path: Path) -> None:
    own = '[entities.customer]\nfile = "crm.json"\nkey = "id"\n'
    (tmp_path / recipes.PROJECT).write_text(own)
    written = recipes.write("feature-usage", str(tmp_path))
    assert (tmp_path / recipes.PROJECT).read_text() == own
    assert "customers.csv" not in written.created


def test_a_project_file_that_is_no_toml_stops_everything(tmp_path: Path) -> None:
    (tmp_path / recipes.PROJECT).write_text("[slack\n")
    with pytest.raises(ProjectError):
        recipes.write("feature-usage", str(tmp_path))
    assert list(contents(tmp_path)) == [recipes.PROJECT]
