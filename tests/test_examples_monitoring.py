"""examples/monitoring: its settings, its crontab and its alerts go with the project of examples/cron."""

import re
import shutil
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.receiver import Receiver

EXAMPLE = ROOT / "examples" / "monitoring"


@pytest.fixture
def project(tmp_path: Path) -> Folder:
    """The project of examples/cron with the settings of the README."""
    root = tmp_path / "usage"
    shutil.copytree(ROOT / "examples" / "cron", root, ignore=shutil.ignore_patterns(".ingestlayer"))
    (root / "usage.csv").touch()
    (settings,) = re.findall(r"```toml\n(.*?)```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    check, others = settings.split("\n\n", 1)
    found = Folder(root)
    head, _, keys = check.partition("\n")
    found.edit("ingestlayer.toml", head, f"{head}\n{keys}")
    found.write("ingestlayer.toml", (root / "ingestlayer.toml").read_text() + f"\n{others}")
    return found


def jobs(folder: Folder) -> list[list[str]]:
    """Return the arguments of the crontab's lines, with the paths of this machine."""
    lines = re.findall(r"^(?:\S+ +){5}/\S+/ingestlayer (.*)$", (EXAMPLE / "crontab").read_text(), re.MULTILINE)
    paths = {"/srv/usage": str(folder.root), "/var/lib/node_exporter": str(folder.root.parent)}
    for old, new in paths.items():
        lines = [line.replace(old, new) for line in lines]
    return [line.split() for line in lines]


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((EXAMPLE / "rules.yml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_its_lines_run_and_the_monitors_are_told(project: Folder, monitor: Receiver) -> None:
    env = {"CHECK_PING_URL": f"{monitor.url}/1", "DELIVER_PING_URL": f"{monitor.url}/2"}
    assert {name for name in env if name in (EXAMPLE / "crontab").read_text()} == {*env}
    assert project.run("validate", "--strict", env=env).code == 0
    for job in jobs(project):
        result = project.run(*job, env=env)
        assert (result.code, result.said) == (0, ""), job
    paths = [path for path, _ in groupby(request.path for request in monitor.requests)]
    assert paths == ["/1/start", "/1", "/2/start", "/2"]


def test_every_alert_is_on_numbers_that_there_are_and_says_what_they_are_of(project: Folder) -> None:
    project.run("check", "-q")
    project.run("deliver", "-q")
    project.write("customers.csv", "")  # of what fails there are numbers, too
    project.run("emit", "--batch", "events.ndjson", "--no-deliver")
    shutil.copy(ROOT / "examples" / "cron" / "customers.csv", project.root)
    project.run("emit", "--batch", "events.ndjson", "--no-deliver", "--source", "again")
    labels: dict[str, set[str]] = {"node_textfile_mtime_seconds": {"file"}}
    for family in text_string_to_metric_families(project.run("metrics").out):
        labels[family.name] = {name for sample in family.samples for name in sample.labels}
    for rule in rules():
        assert {*rule} - {"for"} == {"alert", "expr", "labels", "annotations"}
        names = re.findall(r"(?:ingestlayer|node)_\w+", rule["expr"])
        assert names
        assert [name for name in names if name not in labels] == []
        of = set.intersection(*(labels[name] for name in names))
        used = re.findall(r"(\w+)=", rule["expr"]) + re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))
        assert [name for name in used if name not in of] == [], rule["alert"]


def test_the_collector_reads_the_file_that_the_crontab_writes() -> None:
    (out,) = re.findall(r"--out (\S+)$", (EXAMPLE / "crontab").read_text(), re.MULTILINE)
    assert out.endswith(".prom")
    assert Path(out).parent.as_posix() in (EXAMPLE / "README.md").read_text()
    assert Path(out).name in rules()[0]["expr"]
