"""`[alerts]`: a pipeline that nobody has to write."""

import json
from pathlib import Path

import pytest

from ingestlayer_cli.project.lint.inspect import inspect
from ingestlayer_cli.system.errors import ProjectError
from tests.support.checks import Checked, table
from tests.support.folder import Folder

HOOK = '[alerts.webhook]\nurl = "env:OPS_URL"\nauth = { type = "bearer", secret = "env:OPS_SECRET" }\n'


def checked(tmp_path: Path, alerts: str) -> Checked:
    made = Checked(tmp_path, table() + alerts)
    made.csv(("acme", 1, 10))
    return made


def posted(made: Checked, type_: str = "delivery_dead") -> list[tuple[str, str]]:
    """Return (destination, target) of what the example of an own event comes to."""
    result = made.folder.here("preview", f"ingestlayer.{type_}", "--json")
    assert result.code == 0, result
    return [(it["destination"], it["target"]) for run in result.json["runs"] for it in run["messages"]]


def test_a_channel_is_all_it_takes(tmp_path: Path) -> None:
    made = checked(tmp_path, '[alerts]\nchannel = "#ops"\n')
    assert inspect(str(made.root)) == []
    assert posted(made) == posted(made, "store_full") == [("slack", "#ops")]
    listed = made.folder.here("pipelines", "list", "--json").json["pipelines"]
    assert [(row["name"], row["match"]) for row in listed] == [
        ("alerts", ["usage.limit"]),
        ("ingestlayer.alerts", ["ingestlayer.*"]),
    ]
    shown = made.folder.here("pipelines", "show", "ingestlayer.alerts", "--json").json
    assert (shown["file"], len(shown["destinations"])) == ("ingestlayer.toml", 2)


@pytest.mark.parametrize("channel", ['channel = "#ops"\n', ""])
def test_there_is_a_second_way_out(tmp_path: Path, channel: str) -> None:
    made = checked(tmp_path, f'[alerts]\n{channel}also = "webhook"\n{HOOK}')
    assert posted(made) == [*([("slack", "#ops")] if channel else []), ("webhook", "env:OPS_URL")]


def test_the_second_way_may_be_a_file(tmp_path: Path) -> None:
    made = checked(tmp_path, '[alerts]\nalso = "file"\n[alerts.file]\npath = "troubles.ndjson"\n')
    assert posted(made) == [("file", "troubles.ndjson")]


@pytest.mark.parametrize(
    ("alerts", "line", "words"),
    [
        ('[alerts]\nchanel = "#ops"\n', "chanel", 'unknown key "chanel" (did you mean "channel"?)'),
        ('[alert]\nchannel = "#ops"\n', "[alert]", 'unknown key "alert" (did you mean "alerts"?)'),
        ("[alerts]\n", "[alerts]", 'say where they are told: channel = "#ops"'),
        ('[alerts]\nchannel = "no channel"\n', "channel", 'channel: "no channel" is none'),
        ('[alerts]\nchannel = "$event.subject!"\n', "channel", 'channel: "$event.subject!" is none'),
        ('[alerts]\nalso = "webhok"\n', "also", '(did you mean "webhook"?)'),
        ('[alerts]\nalso = "webhook"\n', "also", "needs a table [alerts.webhook] with its settings"),
        (f'[alerts]\nchannel = "#ops"\n{HOOK}', "[alerts.webhook]", 'used where [alerts] says also = "webhook"'),
        ('[alerts]\nalso = "webhook"\n[alerts.webhook]\nulr = "env:X"\n', "ulr", 'unknown key "ulr"'),
        ('[alerts]\nalso = "webhook"\n[alerts.webhook]\nurl = "ftp://x"\n', "url", "must be an http(s) address"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, alerts: str, line: str, words: str) -> None:
    made = checked(tmp_path, alerts)
    with pytest.raises(ProjectError) as caught:
        _ = made.project
    found = [(path, problem) for path, problem in caught.value.details if words in problem]
    assert found, caught.value.details
    file, number, _ = found[0][0].rsplit(":", 2)
    assert file == "ingestlayer.toml"
    assert (made.root / file).read_text().splitlines()[int(number) - 1].startswith(line)


def test_a_pipeline_of_its_name_is_refused(tmp_path: Path) -> None:
    made = checked(tmp_path, '[alerts]\nchannel = "#ops"\n')
    made.write("pipelines/ingestlayer.alerts.toml", (made.root / "pipelines" / "alerts.toml").read_text())
    (found,) = inspect(str(made.root))
    assert (found.file, "give this one another name" in found.problem) == ("pipelines/ingestlayer.alerts.toml", True)


def test_it_has_no_file_to_edit(tmp_path: Path) -> None:
    made = checked(tmp_path, '[alerts]\nchannel = "#ops"\n')
    for command in ("pause", "resume", "diff", "restore"):
        more = ["79e5"] if command == "restore" else []
        result = made.folder.here("pipelines", command, "ingestlayer.alerts", *more)
        assert (result.code, "stands for [alerts] in ingestlayer.toml" in result.err) == (2, True)


def test_it_is_kept_in_the_cache_and_edited_away(project: Folder) -> None:
    before = (project.root / "ingestlayer.toml").read_text()
    project.write("ingestlayer.toml", before + '[alerts]\nchannel = "#ops"\n')
    for _ in range(2):
        assert len(project.run("pipelines", "list", "--json").json["pipelines"]) == 2
    project.write("ingestlayer.toml", before)
    assert len(project.run("pipelines", "list", "--json").json["pipelines"]) == 1


def test_the_schema_for_editors_has_it(project: Folder) -> None:
    made = json.loads(project.run("validate", "--schema", "project").out)
    table = made["$defs"]["AlertsTable"]["properties"]
    assert set(table) >= {"channel", "also", "webhook", "file"}
