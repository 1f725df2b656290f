"""Ctrl-C while the program is still being loaded: no traceback, exit 130."""

import subprocess
import sys

import pytest

from tests.support.program import PATIENCE, environment

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
