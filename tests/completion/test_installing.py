"""Completion in the shells themselves, as somebody has them who said `--install-completion` and no more."""

import csv
import shutil
from pathlib import Path

import pytest

from tests.support.completion import SHELLS, Shell, linked
from tests.support.folder import USAGE, Folder
from tests.support.program import PROGRAM, ingestlayer

# A customer's key, and what is typed of it.
ODD = {
    "b`touch made`": "b",
    "$(touch made)": "\\$",
    "two words": "two",
    "sin'gle": "sin",
    "naïve": "na",
    "co:lon:x": "co:",
    "eq=x": "eq=",
    "#hash": r"\#",
    "hey!x": "hey",
}
QUOTED = {"v`touch 'it` x": '"v', "w$HOME 'it": "'w"}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, project: Folder, tmp_path: Path) -> Shell:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    return Shell(request.param, tmp_path / "home", project.root)


def test_the_first_tab_and_all_after_it_complete_a_program_that_is_called_by_a_path(shell: Shell) -> None:
    program = linked(shell.cwd)
    found = shell.typed(
        f"{program} emit usage.li",
        f"./{program} deliv",
        f"{program} pipelines show ",
        f"{program} emit {USAGE} --metric sea",
        f"{program} emit {USAGE} metric=sea",
        f"{program} emit {USAGE} met",
        f"{program} emit {USAGE} --batch=cust",
        f"{program} emit {USAGE} --data @cust",
        f"{program} deliveries list --channel '#ale",
    )
    assert [words[-1] for words in found] == [
        USAGE,
        "deliver",
        "usage-limit-hits",
        "seats",
        "metric=seats",
        "metric=",
        "--batch=customers.csv",
        "@customers.csv",
        "#alerts",
    ]


def test_a_path_with_blanks_or_a_variable_completes_however_it_is_quoted(shell: Shell) -> None:
    tools = shell.home / "my tools"
    tools.mkdir()
    (tools / "ingestlayer").symlink_to(PROGRAM)
    ways = ("~/my\\ tools/ingestlayer", "'../home/my tools/ingestlayer'", '"$HOME/my tools/ingestlayer"')
    typed = [f"{way} pipelines show usa" for way in ways]
    assert [words[-1] for words in shell.typed(*typed)] == ["usage-limit-hits"] * len(ways)


def test_what_is_inserted_means_the_value_and_does_nothing(shell: Shell) -> None:
    odd = [*ODD, *QUOTED]
    with (shell.cwd / "customers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["customer_id", "name"], *([key, "Acme"] for key in odd)])
    program = f"{linked(shell.cwd)} entities get customer "
    starts = ODD | QUOTED
    found = shell.typed(*(program + start for start in starts.values()))
    assert [words[-1] for words in found] == list(starts)
    assert not (shell.cwd / "made").exists()


def test_it_says_where_it_wrote_and_how_to_undo_it_and_adds_its_line_once(tmp_path: Path) -> None:
    (tmp_path / ".zshrc").write_text("setopt autocd")
    env = {"HOME": str(tmp_path), "SHELL": "/bin/zsh"}
    first, again = (ingestlayer("--install-completion", "zsh", cwd=tmp_path, env=env) for _ in range(2))
    script = tmp_path / ".local" / "share" / "ingestlayer" / "completion.zsh"
    assert first.out == f"wrote {script}\nadded a line to {tmp_path}/.zshrc\n"
    assert f"to undo it: remove {script}, and its line from {tmp_path}/.zshrc" in first.err
    assert again.out == f"wrote {script}\nits line is in {tmp_path}/.zshrc already\n"
    assert (tmp_path / ".zshrc").read_text() == (
        f"setopt autocd\n[ ! -r {script} ] || . {script}  # completion of ingestlayer\n"
    )
    assert ingestlayer("--show-completion", "zsh", cwd=tmp_path, env=env).out == script.read_text()


def test_a_shell_without_completion_is_named(tmp_path: Path) -> None:
    result = ingestlayer("--install-completion", "fsh", cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert result.code == 2
    assert 'no completion for fsh (did you mean "fish"?): bash, zsh, fish have it' in result.err


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / ".local").write_text("a file where a folder belongs")
    result = ingestlayer("--install-completion", "bash", cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert result.code == 78
    assert "completion.bash cannot be written" in result.err
    assert "ingestlayer --show-completion SHELL" in result.err
