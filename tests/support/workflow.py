"""A workflow of GitHub's, run here: its steps one after the other by bash, its cache a folder."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.program import PROGRAM

_EXPRESSION = re.compile(r"\$\{\{ *(\S+) *\}\}")


class Done(NamedTuple):
    """A step that ran."""

    name: str
    code: int
    out: str
    err: str


class Workflow:
    """The file of a workflow with one job."""

    def __init__(self, path: Path) -> None:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        (job,) = data["jobs"].values()
        self.env: dict[str, str] = data["env"]
        self.steps: list[dict[str, Any]] = job["steps"]


class Runner:
    """Runs a workflow as often as one likes, each time in a new checkout; `tools` is a folder for stand-ins."""

    def __init__(self, workflow: Workflow, tools: Path) -> None:
        self.workflow = workflow
        self._tools = tools
        self._cache = tools / "cache"
        self._runs = 0
        tools.mkdir()
        pip = tools / "pip"
        pip.write_text(f'#!/bin/sh\necho "$*" >> {tools}/installed\n')
        pip.chmod(0o755)

    @property
    def installed(self) -> list[str]:
        """What pip was asked for."""
        return (self._tools / "installed").read_text().splitlines()

    def run(self, checkout: Path) -> list[Done]:
        """Run all steps; after one that failed only those that always run."""
        self._runs += 1
        done: list[Done] = []
        for step in self.workflow.steps:
            if any(it.code for it in done) and step.get("if") != "always()":
                continue
            if "run" in step:
                done.append(self._shell(step, checkout))
            else:
                self._action(step, checkout)
        return done

    def _action(self, step: dict[str, Any], checkout: Path) -> None:
        action = step["uses"]
        if not action.startswith("actions/cache"):
            assert action in ("actions/checkout@v4", "actions/setup-python@v5")
            return
        key = _EXPRESSION.sub(lambda found: f"{found[1]}-{self._runs}", step["with"]["key"])
        if action == "actions/cache/save@v4":
            assert not (self._cache / key).exists(), "a key of the cache is never written twice"
            shutil.copytree(checkout / step["with"]["path"], self._cache / key)
        else:
            assert action == "actions/cache/restore@v4"
            kept = sorted(self._cache.glob(f"{step['with']['restore-keys']}*"), key=os.path.getctime)
            if kept:
                shutil.copytree(kept[-1], checkout / step["with"]["path"])

    def _shell(self, step: dict[str, Any], checkout: Path) -> Done:
        env = {name: _EXPRESSION.sub("", value) for name, value in self.workflow.env.items()}
        env |= {"PATH": f"{self._tools}:{Path(PROGRAM).parent}:/usr/bin:/bin", "HOME": str(self._tools)}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=checkout, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        return Done(step.get("name", step["run"]), done.returncode, done.stdout, done.stderr)
