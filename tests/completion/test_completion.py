"""A shell's question is answered at once, without a word more, and leaves nothing behind."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.completion import completed
from tests.support.folder import USAGE, Folder
from tests.support.program import ingestlayer
from tests.support.startup import HEAVY, loaded


def asked(cwd: Path, *words: str, shell: str = "zsh") -> tuple[int, str, str]:
    result = ingestlayer(*words, cwd=cwd, env={"_INGESTLAYER_COMPLETE": shell})
    return result.code, result.out.replace("\0", " "), result.err


@pytest.mark.parametrize(
    "words", [("em",), ("emit", USAGE, "--"), ("why", ""), ("deliveries", "list", "--channel", "")]
)
def test_nothing_heavy_is_loaded(project: Folder, words: tuple[str, ...]) -> None:
    project.emit("--customer", "acme", "--metric", "seats", "--limit", "100", "--used", "120", "--plan", "pro")
    project.write("pipelines/new.toml", "")  # what is kept of the project is not current
    assert loaded(project, *words, env={"_INGESTLAYER_COMPLETE": "zsh"}) & HEAVY <= {"typing"}  # tomllib has it


def test_nothing_is_written(template: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(template, root, ignore=shutil.ignore_patterns(".ingestlayer"))
    assert completed("ingestlayer why ", root) == []
    assert completed("ingestlayer entities get customer ac", root) == ["acme"]
    assert not (root / ".ingestlayer").exists()


def test_a_store_of_an_older_version_stays_as_it_is(project: Folder) -> None:
    project.emit("--customer", "acme", "--metric", "seats", "--limit", "100", "--used", "120", "--plan", "pro")
    store = project.root / ".ingestlayer" / "store.db"
    with closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA user_version = 6")
    before = store.read_bytes()
    assert completed("ingestlayer why ", project.root) == []
    assert completed("ingestlayer entities get customer ac", project.root) == ["acme"]
    assert store.read_bytes() == before


@pytest.mark.parametrize("broken", ["[[[", "\udcff", None])
def test_a_project_that_is_broken_or_none_still_has_commands_and_options(tmp_path: Path, broken: str | None) -> None:
    if broken is not None:
        (tmp_path / "ingestlayer.toml").write_text(broken, errors="surrogateescape")
    assert asked(tmp_path, "emit", "") == (0, "values ", "")
    assert "--batch" in asked(tmp_path, "emit", "--")[1]
    assert completed("ingestlayer recip", tmp_path) == ["recipes"]


@pytest.mark.parametrize("words", [("nonsense", ""), ("events", "nonsense", ""), ("status", "--nonsense="), ()])
def test_a_line_that_makes_no_sense_is_answered_with_nothing(tmp_path: Path, words: tuple[str, ...]) -> None:
    code, out, err = asked(tmp_path, *words)
    assert (code, out.strip() in ("", "values"), err) == (0, True, "")


def test_a_shell_that_is_not_known_is_answered_with_nothing(tmp_path: Path) -> None:
    assert asked(tmp_path, "em", shell="tcsh") == (0, "", "")


def test_fish_is_not_offered_what_it_would_cut_at_a_tab(project: Folder) -> None:
    (project.root / "customers.csv").write_text("customer_id,name\nacme\tone,A\nacme-two,B\n")
    words = ("entities", "get", "customer", "acme")
    assert asked(project.root, *words, shell="fish")[1].split() == ["values", "acme-two"]
    assert asked(project.root, *words)[1].split() == ["values", "acme", "one", "acme-two"]


@pytest.mark.parametrize("words", [("pipelines", "show", ""), ("entities", "get", "customer", "ac")])
@pytest.mark.parametrize("path", ["~/project", "$HOME/project", "${HOME}/project"])
def test_the_project_may_be_named_by_the_home_folder(
    tmp_path: Path, template: Path, path: str, words: tuple[str, ...]
) -> None:
    shutil.copytree(template, tmp_path / "project")
    env = {"_INGESTLAYER_COMPLETE": "zsh", "HOME": str(tmp_path)}
    out = ingestlayer("-C", path, *words, cwd=tmp_path, env=env).out
    assert out.split("\0")[1] in ("usage-limit-hits", "acme")


def test_words_on_what_is_offered_do_not_act_on_the_terminal(project: Folder) -> None:
    project.declare("user.seen", 'description = "red \\u001b[31m \\u001b]0;title\\u0007\\nline"')
    _, out, _ = asked(project.root, "emit", "user.s")
    assert "user.seen red \ufffd[31m \ufffd]0;title\ufffd\\nline " in out
