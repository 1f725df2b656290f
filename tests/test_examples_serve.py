"""examples/serve: systemd takes its unit, and its command serves."""

import re
import shutil
import subprocess

import pytest

from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.program import PROGRAM, environment
from tests.support.serving import Serving, usage

UNIT = ROOT / "examples" / "serve" / "ingestlayer-serve.service"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit() -> None:
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_command_serves(project: Folder) -> None:
    start = r"^ExecStart=/usr/bin/env ingestlayer -C /srv/usage serve --port 7070 (.*)$"
    options = re.findall(start, UNIT.read_text(), re.MULTILINE)[0].split()
    with Serving(project, *options) as serving:
        headers = {"X-Forwarded-For": "203.0.113.7"}
        key = serving.key()
        assert serving.post([usage(1)], key).status_code == 202
        body = {"events": [usage(2)]}
        headers["Authorization"] = f"Bearer {key}"
        assert serving.client.post("/v1/ingest", json=body, headers=headers).status_code == 202
        assert serving.logged(client="203.0.113.7")["status"] == 202
        # Who is not on this machine may not read what the project is like.
        assert serving.client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"}).status_code == 401


def test_what_is_for_somebody_to_mend_is_not_started_again(project: Folder) -> None:
    codes = re.findall(r"^RestartPreventExitStatus=(.*)$", UNIT.read_text(), re.MULTILINE)[0].split()
    project.write("ingestlayer.toml", "nonsense = 1\n")
    done = subprocess.run(
        [PROGRAM, "serve", "--port", "0"], cwd=project.root, env=environment(), capture_output=True, text=True
    )
    assert str(done.returncode) in codes
