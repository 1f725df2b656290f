"""examples/deploy: two machines get what is on main by its script, and a workflow looks at it before."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.program import PROGRAM
from tests.support.workflow import Runner, Workflow

EXAMPLE = ROOT / "examples" / "deploy"
WORKFLOW = EXAMPLE / "github" / "pull-request.yml"
ENV = {
    "PATH": f"{Path(PROGRAM).parent}:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{what}": "team@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


def run(*command: str, cwd: Path, code: int = 0) -> str:
    done = subprocess.run(command, cwd=cwd, env=ENV, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == code, done
    return done.stdout + done.stderr


class Machine(NamedTuple):
    """What /srv/usage is on a machine."""

    root: Path

    def begin(self) -> None:
        """Do what the script says is done once; exports are there."""
        self.root.mkdir()
        run("git", "clone", "-q", "--bare", "../origin.git", "repo.git", cwd=self.root)
        (self.root / "data").mkdir()
        for name in ("customers.csv", "usage.csv"):
            shutil.copy(EXAMPLE / name, self.root / "data")
        first = f"git --git-dir {self.root}/repo.git show main:deploy.sh | sh -s {self.root}"
        run("/bin/sh", "-c", first, cwd=Path("/"))

    def deploy(self, code: int = 0) -> str:
        return run("/bin/sh", str(self.root / "current" / "deploy.sh"), str(self.root), cwd=Path("/"), code=code)

    def cron(self, name: str) -> None:
        """Run every line of one of the crontabs, in its order."""
        for line in re.findall(r"^(?:[\d*/,-]+ +){5}(.+)$", (EXAMPLE / name).read_text(), re.MULTILINE):
            run("/bin/sh", "-c", line.replace("/srv/usage", str(self.root)), cwd=Path("/"))

    def ask(self, *arguments: str, code: int = 0) -> str:
        return run("ingestlayer", "-C", str(self.root / "current"), *arguments, cwd=Path("/"), code=code)

    @property
    def project(self) -> Folder:
        return Folder(self.root / "current")


class Team(NamedTuple):
    """The team's clone, and its machines."""

    clone: Path
    one: Machine
    two: Machine

    def push(self, name: str, old: str, new: str) -> None:
        Folder(self.clone).edit(name, old, new)
        run("git", "commit", "-qam", "an edit", cwd=self.clone)
        run("git", "push", "-q", "origin", "main", cwd=self.clone)


@pytest.fixture
def team(tmp_path: Path) -> Team:
    """The example in a repository of its own, its exports left out as its .gitignore says."""
    clone = tmp_path / "clone"
    shutil.copytree(EXAMPLE, clone, ignore=shutil.ignore_patterns(".ingestlayer"))
    Folder(clone).edit(".gitignore", "#customers.csv\n#usage.csv\n", "customers.csv\nusage.csv\n")
    run("git", "init", "-q", "-b", "main", cwd=clone)
    run("git", "add", ".", cwd=clone)
    run("git", "commit", "-qm", "the project", cwd=clone)
    run("git", "clone", "-q", "--bare", str(clone), str(tmp_path / "origin.git"), cwd=tmp_path)
    run("git", "remote", "add", "origin", str(tmp_path / "origin.git"), cwd=clone)
    return Team(clone, Machine(tmp_path / "one"), Machine(tmp_path / "two"))


def test_every_line_of_both_crontabs_runs(team: Team) -> None:
    team.one.begin()
    team.two.begin()
    team.one.cron("crontab-one")
    team.two.ask("emit", "--batch", str(EXAMPLE / "events.ndjson"), "-q")
    team.two.cron("crontab-two")
    assert team.one.project.rows("SELECT type FROM events") == [("usage.limit_reached",)] * 2
    assert team.two.project.count("events") == 2


def test_a_commit_comes_to_a_machine_and_its_store_and_pauses_stay(team: Team) -> None:
    team.one.begin()
    team.one.ask("check", "-q")
    team.one.ask("pipelines", "pause", "silence")
    team.push("pipelines/plan-limits.toml", "is out of", "has run out of")
    team.one.deploy()
    assert "has run out of" in (team.one.root / "current/pipelines/plan-limits.toml").read_text()
    assert "silence  paused" in team.one.ask("pipelines", "list")
    assert team.one.project.count("events") == 2


def test_a_commit_that_is_not_valid_or_fails_its_tests_stays_away(team: Team) -> None:
    team.one.begin()
    before = os.readlink(team.one.root / "current")
    team.push("pipelines/plan-limits.toml", "is out of $event", "has run out of $event")
    assert "1 failed" in team.one.deploy(code=1)
    team.push("pipelines/silence.toml", "channel", "chanel")
    assert 'pipelines/silence.toml:7:1: unknown key "chanel"' in team.one.deploy(code=1)
    assert os.readlink(team.one.root / "current") == before


def test_what_came_is_not_brought_again_and_a_new_export_is_found(team: Team) -> None:
    team.one.begin()
    (team.one.root / "data/churn.csv").write_text("customer_id\n")
    assert team.one.deploy() == ""
    assert (team.one.root / "current/churn.csv").read_text() == "customer_id\n"


def test_the_workflow_looks_at_a_pull_request_without_the_exports(team: Team, tmp_path: Path) -> None:
    runner = Runner(Workflow(WORKFLOW), tmp_path / "tools")
    checkout = tmp_path / "checkout"
    run("git", "clone", "-q", str(tmp_path / "origin.git"), str(checkout), cwd=tmp_path)
    assert not (checkout / "customers.csv").exists()
    done = runner.run(checkout)
    assert [step.code for step in done] == [0, 0, 0], done
    assert "2 passed" in done[-1].out
    Folder(checkout).edit("pipelines/silence.toml", "channel", "chanel")
    assert "::error file=pipelines/silence.toml,line=7,col=1::" in runner.run(checkout)[1].out


def test_the_hook_that_is_asked_for_is_there() -> None:
    (repo,) = yaml.safe_load((EXAMPLE / ".pre-commit-config.yaml").read_text())["repos"]
    known = [hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())]
    assert [hook["id"] for hook in repo["hooks"]] == known
