"""What a failed test leaves behind makes no other test red."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT
from tests.support.program import environment

TESTS = """
import gc, sqlite3, subprocess, sys

def test_that_fails():
    file = open(__file__)
    connection = sqlite3.connect(":memory:")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with open("pid", "w") as told:
        told.write(str(process.pid))
    assert not process

def test_that_passes():
    gc.collect()
"""


def test_a_test_that_fails_takes_what_it_left_with_it(tmp_path: Path) -> None:
    (tmp_path / "test_two.py").write_text(TESTS)
    options = ("-n0", "-c", os.devnull, "--rootdir", ".", "-W", "error", "-p", "tests.support.leftovers")
    command = [sys.executable, "-m", "pytest", *options, "test_two.py"]
    env = environment({"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""})
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()
