"""The command that adds an extra is for the environment that lacks it."""

import shlex
import subprocess
import sys

import pytest

from ingestlayer_cli.system import extras


def test_the_command_runs_the_pip_of_our_own_python() -> None:
    program, *rest = shlex.split(extras.to_install("serve"))
    assert (program, rest) == (sys.executable, ["-m", "pip", "install", "ingestlayer-cli[serve]"])
    assert subprocess.run([program, "-m", "pip", "--version"], capture_output=True).returncode == 0


def test_without_pip_uv_installs_into_our_own_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    monkeypatch.setattr(sys, "executable", "/opt/my tools/bin/python")
    assert extras.to_install("serve") == "uv pip install --python '/opt/my tools/bin/python' 'ingestlayer-cli[serve]'"
