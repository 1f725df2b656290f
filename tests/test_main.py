"""Ctrl-C while the program is still being loaded: no traceback, exit 130."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import PATIENCE, environment, ingestlayer

INTERRUPTED = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == wanted:
            os.kill(os.getpid(), signal.SIGINT)

wanted = sys.argv.pop()
sys.meta_path.insert(0, Interrupting())
from ingestlayer_cli.__main__ import start
start()
"""


@pytest.mark.parametrize(
    "module", ["ingestlayer_cli.main", "ingestlayer_cli.system.console", "ingestlayer_cli.system.errors"]
)
def test_ctrl_c_while_a_module_is_loaded_leaves_quietly(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, module], env=environment(), capture_output=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


@pytest.mark.parametrize(
    ("words", "moved"),
    [
        (("check", "-C", "."), "-C stands before the command: ingestlayer -C . check"),
        (("validate", "-C", "."), "-C stands before the command: ingestlayer -C . validate"),
        (("events", "list", "-C", "x", "--json"), "-C stands before the command: ingestlayer -C x events list …"),
        (("emit", "-C", ".", "usage"), "-C stands before the command: ingestlayer -C . emit …"),
        (("deliver", "--debug"), "--debug stands before the command: ingestlayer --debug deliver"),
    ],
)
def test_an_option_behind_the_command_is_told_its_place(words: tuple[str, ...], moved: str, tmp_path: Path) -> None:
    (tmp_path / "ingestlayer.toml").write_text("")
    result = ingestlayer(*words, cwd=tmp_path)
    assert result.code == 2
    assert moved in result.said


def test_an_option_that_a_command_has_no_use_for_is_told_no_place(tmp_path: Path) -> None:
    assert "stands before" not in ingestlayer("deliver", "--debgu", cwd=tmp_path).err
