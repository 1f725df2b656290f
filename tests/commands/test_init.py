"""`init`, finding the project, and the program's own options."""

import subprocess
import sys
from pathlib import Path

import pytest

from ingestlayer_cli import __version__
from tests.support.folder import ACME, USAGE, Folder
from tests.support.program import ingestlayer

FILES = [
    ".gitignore",
    "customers.csv",
    "events/usage.limit_reached.toml",
    "ingestlayer.toml",
    "pipelines/usage-limit-hits.toml",
]


@pytest.fixture
def existing(shared: Folder) -> Path:
    """The folder of a project."""
    return shared.root


def test_init_writes_every_file_of_the_recipe(tmp_path: Path) -> None:
    result = ingestlayer("init", "alerts", cwd=tmp_path)
    assert result.code == 0
    root = tmp_path / "alerts"
    written = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert [name for name in written if not name.startswith(".ingestlayer/schema/")] == FILES
    assert all(f"created {name}" in result.out for name in FILES)


def test_init_ignores_the_store_in_git(existing: Path) -> None:
    assert ".ingestlayer/" in (existing / ".gitignore").read_text().splitlines()


def test_init_says_what_to_run_next_on_stderr(tmp_path: Path) -> None:
    result = ingestlayer("init", "alerts", cwd=tmp_path)
    assert "cd alerts" in result.err
    assert f"ingestlayer preview {USAGE}" in result.err
    assert f"ingestlayer emit {USAGE} --customer acme" in result.err


def test_the_commands_that_init_names_work_as_they_are_printed(tmp_path: Path) -> None:
    said = ingestlayer("init", cwd=tmp_path).err
    commands = [line.split() for line in said.splitlines() if line.startswith("  ingestlayer ")]
    assert len(commands) == 2
    for _, *arguments in commands:
        result = ingestlayer(*arguments, cwd=tmp_path)
        assert result.code == 0
        assert "Acme Inc is out of api-calls" in result.out


def test_init_never_overwrites_a_file(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("mine")
    result = ingestlayer("init", cwd=tmp_path)
    assert result.code == 0
    assert (tmp_path / "customers.csv").read_text() == "mine"
    assert "customers.csv (it was there)" in result.out
    assert "created ingestlayer.toml" in result.out


def test_init_json_lists_what_was_created_and_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("mine")
    document = ingestlayer("init", "--json", cwd=tmp_path).json
    assert document["kept"] == ["customers.csv"]
    assert sorted(document["created"]) == [name for name in FILES if name != "customers.csv"]


def test_init_where_a_file_is_in_the_way_names_it(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("a file")
    result = ingestlayer("init", cwd=tmp_path)
    assert result.code == 2
    assert "events" in result.err
    assert "cannot be written" in result.err


def test_init_with_an_unknown_recipe_names_the_near_miss(tmp_path: Path) -> None:
    result = ingestlayer("init", "--recipe", "usage-limit-hit", cwd=tmp_path)
    assert result.code == 2
    assert 'did you mean "usage-limit-hits"?' in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_fresh_project_is_valid(tmp_path: Path) -> None:
    ingestlayer("init", cwd=tmp_path)
    result = ingestlayer("validate", "--strict", "--json", cwd=tmp_path)
    assert (result.code, result.json) == (0, {"problems": []})


# Finding the project --------------------------------------------------------------------------------------


def test_the_project_is_found_upward(existing: Path) -> None:
    assert ingestlayer("preview", USAGE, "--json", cwd=existing / "events").code == 0


@pytest.mark.parametrize("name", ["", "ingestlayer.toml"])
def test_dash_c_takes_the_folder_or_its_file(existing: Path, tmp_path: Path, name: str) -> None:
    assert ingestlayer("-C", existing / name, "preview", USAGE, "--json", cwd=tmp_path).code == 0


def test_dash_c_works_for_typer_commands_too(existing: Path, tmp_path: Path) -> None:
    assert ingestlayer("-C", existing, "events", "list", cwd=tmp_path).code == 0


def test_dash_c_may_be_relative(existing: Path) -> None:
    assert ingestlayer("-C", existing.name, "preview", USAGE, "--json", cwd=existing.parent).code == 0


@pytest.mark.parametrize("name", ["", "ingestlayer.toml"])
def test_the_environment_names_the_project(existing: Path, tmp_path: Path, name: str) -> None:
    env = {"INGESTLAYER_PROJECT": str(existing / name)}
    assert ingestlayer("preview", USAGE, "--json", cwd=tmp_path, env=env).code == 0


def test_dash_c_wins_over_the_environment(existing: Path, tmp_path: Path) -> None:
    env = {"INGESTLAYER_PROJECT": str(tmp_path / "nowhere")}
    assert ingestlayer("-C", existing, "preview", USAGE, "--json", cwd=tmp_path, env=env).code == 0


def test_no_project_is_exit_78_and_the_hint_names_init(tmp_path: Path) -> None:
    result = ingestlayer("emit", USAGE, *ACME, cwd=tmp_path)
    assert result.code == 78
    assert str(tmp_path) in result.err
    assert "ingestlayer init" in result.err


def test_no_project_with_json_is_one_error_document(tmp_path: Path) -> None:
    result = ingestlayer("emit", USAGE, "--json", cwd=tmp_path)
    assert result.code == 78
    assert result.err == ""
    assert result.error["kind"] == "project"
    assert "ingestlayer init" in result.error["hint"]
    assert result.error.keys() == {"kind", "message", "hint", "details"}


def test_a_named_project_that_is_not_there_is_exit_78(tmp_path: Path) -> None:
    result = ingestlayer("-C", "nowhere", "emit", USAGE, cwd=tmp_path)
    assert result.code == 78
    assert f"no ingestlayer.toml in {tmp_path / 'nowhere'}" in result.err
    assert "ingestlayer init nowhere" in result.err


def test_dash_c_without_a_path_is_wrong_usage(tmp_path: Path) -> None:
    result = ingestlayer("-C", cwd=tmp_path)
    assert (result.code, result.err) == (2, "error: -C needs a path\n")


# The program itself ---------------------------------------------------------------------------------------


def test_version_prints_the_version(tmp_path: Path) -> None:
    assert ingestlayer("--version", cwd=tmp_path) == (0, f"ingestlayer {__version__}\n", "")


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", [(), ("emit",), ("preview",), ("init",), ("events",), ("events", "show")])
def test_help_is_there_under_both_its_names(tmp_path: Path, command: tuple[str, ...], flag: str) -> None:
    result = ingestlayer(*command, flag, cwd=tmp_path)
    assert result.code == 0
    assert " ".join(("Usage: ingestlayer", *command)) in result.out


def test_an_unknown_command_names_the_near_miss(tmp_path: Path) -> None:
    result = ingestlayer("emti", cwd=tmp_path)
    assert result.code == 2
    assert "Did you mean 'emit'?" in result.err


def test_an_unknown_command_with_json_is_one_error_document(tmp_path: Path) -> None:
    result = ingestlayer("emti", "--json", cwd=tmp_path)
    assert (result.code, result.error["kind"]) == (2, "usage")


def test_module_and_script_are_the_same_program(project: Folder) -> None:
    done = subprocess.run([sys.executable, "-m", "ingestlayer_cli", "--version"], capture_output=True, cwd=project.root)
    assert done.stdout.decode() == f"ingestlayer {__version__}\n"
