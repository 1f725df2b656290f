"""The pages of ingestlayer_cli/docs: every command that they show is run, and what they show is what comes out.

UPDATE_README=1 writes the outputs anew.
"""

import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from typer.main import get_command

from ingestlayer_cli.app import app
from ingestlayer_cli.commands.arguments import EMIT, PREVIEW
from ingestlayer_cli.commands.check import CHECK
from tests.newcomer import README
from tests.support import DOCS, ROOT
from tests.support.folder import Folder
from tests.support.serving import Serving
from tests.support.session import CONSOLE, Session, checked, with_program

PAGES = [README, *sorted(DOCS.glob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
OWN = {"emit": EMIT, "preview": PREVIEW, "check": CHECK}  # which read their arguments themselves
EXPORT = """\
Customer ID;Metric;Used this month;Plan limit
acme;api-calls;"10,250";"10,000"
globex;seats;46;50
initech;storage;"1,250";"5,000"
hooli;storage;5;
"""


def below(page: str, heading: str, kind: str) -> list[str]:
    """Return the blocks of a kind below a heading of a page."""
    text = (DOCS / page).read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    return re.findall(rf"^```{kind}\n(.*?)^```$", re.split(r"^## ", text, flags=re.M)[0], re.M | re.S)


@pytest.mark.parametrize("page", [path.name for path in DOCS.glob("*.md") if CONSOLE.search(path.read_text())])
def test_the_console_blocks_show_what_the_commands_print(tmp_path: Path, page: str) -> None:
    shell = Session(tmp_path, with_program())
    (tmp_path / "usage.csv").write_text(EXPORT)
    shell.run("ingestlayer init demo")
    text, now = checked(DOCS / page, lambda command: shell.run(command).said)
    assert now == text


def test_the_table_and_the_line_of_the_crontab_tell_a_crossing_once(tmp_path: Path) -> None:
    shell = Session(tmp_path, with_program())
    shell.run("ingestlayer init")
    text = (DOCS / "checks.md").read_text(encoding="utf-8")
    table = text.partition("```toml\n")[2].partition("```")[0]
    line, deliver = re.findall(r"(?<=```crontab\n).*(?=\n```)", text)
    with (tmp_path / "ingestlayer.toml").open("a") as file:
        file.write("\n" + table)
    (tmp_path / "usage.csv").write_text("customer_id,metric,used,limit,plan\nacme,seats,9,10,pro\n")
    command = line.split(maxsplit=5)[5]
    assert command.startswith("/opt/ingestlayer/bin/ingestlayer -C /srv/usage check ")
    here = command.replace("/opt/ingestlayer/bin/", "").replace("/srv/usage", str(tmp_path))
    assert [shell.run(here) for _ in range(3)] == [(0, "")] * 3
    assert deliver.split(maxsplit=5)[5] == command.replace(" check ", " deliver ")
    assert len(shell.run("ingestlayer deliveries list --status shown").said.splitlines()) == 1


def test_the_reminder_and_what_is_judged_again_are_valid(project: Folder) -> None:
    _, block = below("pipelines.md", "## One message, not thousands", "toml")
    hours = '\n[hours.business]\ndays = "mon-fri"\nfrom = "09:00"\nto = "18:00"\n'
    project.write("ingestlayer.toml", (project.root / "ingestlayer.toml").read_text() + hours)
    project.write("pipelines/monday.toml", f'match = ["usage.limit_reached"]\n{block}')
    assert project.here("validate").code == 0  # but for the warning that two pipelines post the same


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Session(tmp_path, with_program()).run("ingestlayer init")
    monkeypatch.chdir(tmp_path)
    for path in (README, DOCS / "programs.md"):
        code = path.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
        exec(compile(code, path.name, "exec"), {})
        assert re.search(r"^(accepted|duplicate)\b", capsys.readouterr().out, re.MULTILINE)


def test_the_curl_example_is_accepted(project: Folder) -> None:
    (command,) = below("programs.md", "## From other programs", "sh")
    with Serving(project, "--no-deliver") as serving:
        named = {"INGESTLAYER_URL": serving.url, "INGESTLAYER_KEY": serving.key()}
        shell = Session(project.root, with_program(named))
        assert '"status": "accepted"' in shell.run(command.replace("curl ", "curl --silent ", 1)).said


def test_the_table_of_a_source_takes_what_its_service_sends(project: Folder) -> None:
    (table,) = below("programs.md", "## The HTTP door", "toml")
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


def anchors(page: Path) -> set[str]:
    """Return what may stand behind the # of a link to a page: its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def links(page: Path) -> Iterator[str]:
    """Return where the links and pictures of a page lead."""
    yield from re.findall(r"(?:\]\(|src=\")([^)\s\"]+)[)\"]", page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_that_the_words_name_are_there(page: Path) -> None:
    """Those in the blocks are run; of these the names and the options are looked for."""
    for text in re.findall(r"`ingestlayer ([^`]+)`", page.read_text(encoding="utf-8")):
        command, words = get_command(app), shlex.split(text)
        while words and (inner := getattr(command, "commands", {}).get(words[0])):
            command, words = inner, words[1:]
        known = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
        known |= {option.flag for option in OWN.get(command.name or "", ())}
        assert [word for word in words if word.startswith("-") and word not in known] == [], text
        assert not getattr(command, "commands", None) or words[:1] in ([], ["COMMAND"]) or words[0][0] == "-", text
