"""Every command that the README shows is run, and what it shows is what comes out.

UPDATE_README=1 writes the outputs anew.
"""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.support.folder import Folder
from tests.support.serving import Serving

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
VARYING = [
    (re.compile(r"\b(evt|dlv)_[0-9A-Z]{26}"), r"\1_01KAPTE000MEXAMPLE00000000"),
    (re.compile(r"\b(evt|dlv)_[0-9A-Z]{10}  \d\d:\d\d:\d\d"), r"\1_01KAPTE000  09:30:00"),  # of a table
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "2026-11-03T09:30:00.000Z"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC"), "2026-11-03 09:30 UTC"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"), "2026-11-03 09:30:00 UTC"),
    (re.compile(r"taken in \d+ ms by \S+"), "taken in 24 ms by myhost:4711"),
    (re.compile(r"in \d+\.\d\d s"), "in 0.01 s"),
    (re.compile(r"APP   \d\d:\d\d"), "APP   09:30"),
    (re.compile(r"rows, 1 left out, \d{4}-\d\d"), "rows, 1 left out, 2026-11"),
    (re.compile(r"/\S+/bin/ingestlayer -C /\S+/quota"), "/opt/ingestlayer/bin/ingestlayer -C /srv/quota"),
    (re.compile(r"--log /\S+/quota/"), "--log /srv/quota/"),
    (re.compile(r"\bil_[\w-]{43}"), "il_EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXAMPLE-EXA"),
    (re.compile(r"until \d{4}-\d\d-\d\d"), "until 2027-01-01"),
    (re.compile(r"(acme:api-calls|globex:seats):\d{4}-\d\d"), r"\1:2026-11"),
]
EXPORT = """\
Customer ID;Metric;Used this month;Plan limit
acme;api-calls;"10,250";"10,000"
globex;seats;46;50
initech;storage;"1,250";"5,000"
hooli;storage;5;
"""


def normal(text: str) -> str:
    """Put fixed ids and times of the same length in place of those that vary."""
    for pattern, instead in VARYING:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


class Shell:
    """Runs the README's commands one after the other, in the folder where the last `cd` led."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        self.environment = {**kept, "PATH": path, "COLUMNS": "80", "LC_ALL": "C.UTF-8"}

    def run(self, command: str) -> str:
        if command.startswith("cd "):
            self.folder = self.folder / command[3:]
            return ""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.stdout


def played(block: str, shell: Shell) -> str:
    """Return a block with its commands and what they print now."""
    commands = [line for line in block.splitlines() if line.startswith("$ ")]
    shown = ""
    for command in commands:
        output = shell.run(command[2:])
        shown += command + "\n" + (normal(output) if output.strip() else "")
    return shown


def test_the_console_blocks_show_what_the_commands_print(tmp_path: Path) -> None:
    shell, text = Shell(tmp_path), README.read_text()
    (tmp_path / "usage.csv").write_text(EXPORT)
    now = BLOCK.sub(lambda match: played(match[0], shell), text)
    if os.environ.get("UPDATE_README"):
        README.write_text(now)
    assert now == text


def test_the_exit_codes_are_those_of_the_program() -> None:
    from ingestlayer_cli.system.errors import Exit

    table = README.read_text().partition("## Exit codes")[2].partition("##")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(Exit)


def test_the_table_and_the_line_of_the_crontab_tell_a_crossing_once(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("ingestlayer init")
    _, _, cron = README.read_text().partition("## Usage from cron")
    table = cron.partition("```toml\n")[2].partition("```")[0]
    line, deliver = re.findall(r"(?<=```crontab\n).*(?=\n```)", cron)
    with (tmp_path / "ingestlayer.toml").open("a") as file:
        file.write("\n" + table)
    (tmp_path / "usage.csv").write_text("customer_id,metric,used,limit,plan\nacme,seats,9,10,pro\n")
    command = line.split(maxsplit=5)[5]
    assert command.startswith("/opt/ingestlayer/bin/ingestlayer -C /srv/usage check ")
    here = command.replace("/opt/ingestlayer/bin/", "").replace("/srv/usage", str(tmp_path))
    assert [shell.run(here) for _ in range(3)] == ["", "", ""]
    assert deliver.split(maxsplit=5)[5] == command.replace(" check ", " deliver ")
    assert len(shell.run("ingestlayer deliveries list --status shown").splitlines()) == 1


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Shell(tmp_path).run("ingestlayer init")
    monkeypatch.chdir(tmp_path)
    code = README.read_text().partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    assert "\naccepted evt_" in capsys.readouterr().out


def test_the_curl_example_is_accepted(project: Folder) -> None:
    command = README.read_text().partition("### From other programs")[2].partition("```sh\n")[2].partition("```")[0]
    with Serving(project, "--no-deliver") as serving:
        shell = Shell(project.root)
        shell.environment |= {"INGESTLAYER_URL": serving.url, "INGESTLAYER_KEY": serving.key()}
        assert '"status": "accepted"' in shell.run(command.replace("curl ", "curl --silent ", 1))


def test_the_table_of_a_source_takes_what_its_service_sends(project: Folder) -> None:
    table = README.read_text().partition("### The HTTP door")[2].partition("```toml\n")[2].partition("```")[0]
    project.write("ingestlayer.toml", f"{(project.root / 'ingestlayer.toml').read_text()}\n{table}")
    secret, now = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.now(UTC)
    body = json.dumps({"type": "order.paid", "created": 1_700_000_000, "data": {"customer": "acme", "cents": 5100}})
    signature = Webhook(secret).sign("msg_1", now, body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    with Serving(project, "--no-deliver", env={"ORDERS_SECRET": secret}) as serving:
        for status in ("accepted", "duplicate"):
            answered = serving.client.post("/in/orders", content=body, headers=headers)
            assert (answered.status_code, answered.json()["data"]["status"]) == (202, status)
    event = project.run("events", "show", "@last", "--json").json
    assert (event["idempotency_key"], event["payload"]["used"]) == ("msg_1", 51)


def test_the_picture_is_what_preview_draws(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("ingestlayer init")
    picture = README.parent / "examples" / "usage-limits" / "preview.svg"
    command = "ingestlayer preview usage.limit_reached --timestamp 2026-11-03T09:30:00Z --svg preview.svg"
    shell.run(command)
    now = normal((tmp_path / "preview.svg").read_text())
    if os.environ.get("UPDATE_README"):
        picture.write_text(now)
    assert picture.read_text() == now
