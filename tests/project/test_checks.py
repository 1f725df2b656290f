"""What `validate`, and every command before it runs, says of `[checks.NAME]`."""

from pathlib import Path

import pytest

from ingestlayer_cli.project.lint.inspect import inspect
from ingestlayer_cli.system.errors import ProjectError
from tests.support.checks import EVENT, PIPELINE, Checked, table


def found(checked: Checked) -> list[str]:
    return [f"{item.path}: {item.problem}" for item in inspect(str(checked.root))]


def problems(tmp_path: Path, text: str) -> list[str]:
    checked = Checked(tmp_path, text)
    with pytest.raises(ProjectError) as caught:
        _ = checked.project
    return [f"{path}: {words}" for path, words in caught.value.details]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (table(source=""), "needs either `source` or `command`"),
        (table(more='command = ["x"]'), "needs either `source` or `command`"),
        (table(levels="[1.0, 0.8]"), "`levels` are numbers from the lowest to the highest, each once"),
        (table(levels="[0.8, 0.8]"), "`levels` are numbers from the lowest to the highest, each once"),
        (table(levels="[0.8, inf]"), "`levels` are numbers from the lowest to the highest, each once"),
        (table(more="rearm = nan"), "rearm"),
        (table(more="rearm = -1"), "rearm"),
        (table('source = "sqlite:///app.db"'), "a database needs `query`: what to ask it"),
        (table('source = "sqlite://app.db"\nquery = "x"'), "`source` of SQLite is sqlite:///FILE"),
        (table(more='query = "SELECT 1"'), "`query` is of a database"),
        (table('source = "usage.xlsx"'), "`source`: there are files (.csv, .json, .ndjson, .jsonl)"),
        (table(more='next = "next"'), "`headers`, `rows` and `next` are of an https:// source"),
        (table('source = "postgresql://u:pw@h/db"\nquery = "x"'), "the address has a password in it"),
        (table('source = "https://u:pw@h/db"'), "the address has a password in it"),
        (table('source = "https://h"\nheaders = { Authorization = "Bearer x" }'), "must name a secret"),
        (table(more='perriod = "month"'), 'unknown key "perriod" (did you mean "period"?)'),
        (table(more='period = "moth"'), 'not "moth" (did you mean "month"?)'),
        (table(value="$event.used / limit"), "a column has no dollar sign"),
        (table(value="used /"), "value"),
        (table(more='heartbeat = "https://hc-ping.example/pw"'), 'must name a secret, "env:NAME" or "keyring:NAME"'),
        (table(more="heartbeat = 1"), "must name a secret in quotes"),
        (table(more='hartbeat = "env:PING"'), 'unknown key "hartbeat" (did you mean "heartbeat"?)'),
        (table() + '[deliver]\nheartbeat = "pw"', 'must name a secret, "env:NAME" or "keyring:NAME"'),
        (table() + '[delivr]\nheartbeat = "env:PING"', 'unknown key "delivr" (did you mean "deliver"?)'),
        (table(name='"a b"'), "is not a name of letters, digits, _ and -"),
        (table().replace("usage.limit", "usage.limits"), 'usage.limits is not declared (did you mean "usage.limit"?)'),
    ],
)
def test_a_mistake_is_named_at_its_place(tmp_path: Path, text: str, words: str) -> None:
    (found,) = problems(tmp_path, text)
    assert found.startswith("ingestlayer.toml:")
    assert words in found
    assert "pw" not in found


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = table(name="a", levels="[2, 1]") + table(name="b", more="rearn = 1") + table(name="c", key="[]")
    assert len(problems(tmp_path, text)) == 3


def test_an_undeclared_event_may_be_emitted_where_the_project_accepts_it(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table().replace("usage.limit", "usage.other") + '\n[events]\nundeclared = "accept"\n')
    assert checked.crossed(("acme", 9, 10)) == [("acme", 0.8)]
    assert checked.events[0][1]["level"] == 0.8


def test_columns_that_the_csv_does_not_have_are_near_misses(tmp_path: Path) -> None:
    more = 'columns = { limit = "Limitt" }\nwhere = "plann == 1"'
    checked = Checked(tmp_path, table(value="usd / limit", key='["custmer_id"]', more=more))
    checked.csv(columns="customer_id,used,Limit,plan")
    assert sorted(words.partition(": ")[2] for words in found(checked)) == [
        'usage.csv has no column Limitt (did you mean "Limit"?)',
        'usage.csv has no column custmer_id (did you mean "customer_id"?)',
        'usage.csv has no column plann (did you mean "plan"?)',
        'usage.csv has no column usd (did you mean "used"?)',
    ]
    text = (tmp_path / "ingestlayer.toml").read_text().splitlines()
    for item in inspect(str(tmp_path)):
        word = item.problem.split(" no column ")[1].split()[0]
        assert text[item.line - 1][item.column - 1 :].startswith(word)


def test_a_required_field_that_no_column_fills_is_told(checked: Checked) -> None:
    checked.write("events/usage.limit.toml", EVENT.replace("?", "") + 'plan = "string"\nmore = "string?"\n')
    checked.csv(columns="customer_id,metric,used,limit,planned")
    (words,) = found(checked)
    assert 'usage.limit requires plan, and usage.csv has no such column (did you mean "planned"?)' in words
    assert 'map it, columns = { plan = "…" }' in words


def test_a_sound_project_has_no_findings(checked: Checked) -> None:
    checked.csv(("acme", 1, 2))
    assert found(checked) == []


def test_a_csv_that_is_not_there_yet_is_no_problem(checked: Checked) -> None:
    assert found(checked) == []


# check.stale


@pytest.mark.parametrize("match", ["check.stale", "check.*"])
def test_a_pipeline_may_match_check_stale_without_a_declaration(tmp_path: Path, match: str) -> None:
    checked = Checked(tmp_path, table(more='stale_after = "1d"'))
    text = 'title = "$event.check is silent since ${event.since | date}"\ntext = "$event.error"\n'
    checked.write("pipelines/stale.toml", PIPELINE.format(type=match) + "[destinations.message]\n" + text)
    assert found(checked) == []


def test_a_ref_that_check_stale_does_not_have_is_told(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='stale_after = "1d"'))
    text = '[destinations.message]\ntext = "$event.eror"\n'
    checked.write("pipelines/stale.toml", PIPELINE.format(type="check.stale") + text)
    (words,) = found(checked)
    assert 'check.stale declares no such field (did you mean "$event.error"?)' in words


def test_silence_that_nobody_would_hear_of_is_a_warning(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table(more='stale_after = "1d"'))
    (item,) = inspect(str(tmp_path))
    assert (item.severity, "nobody would hear of it" in item.problem) == ("warning", True)
    assert checked.root == tmp_path


def test_an_own_declaration_must_be_one_that_can_be_filled(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table())
    checked.write("events/check.stale.toml", 'type = "check.stale"\n[fields]\ncheck = "string"\nteam = "string"\n')
    with pytest.raises(ProjectError) as caught:
        _ = checked.project
    ((place, words),) = caught.value.details
    assert place.startswith("events/check.stale.toml:4:1")
    assert words == "check.stale has check, since, error: team must be optional"


def test_check_stale_can_be_previewed(tmp_path: Path) -> None:
    checked = Checked(tmp_path, table())
    checked.write("pipelines/stale.toml", PIPELINE.format(type="check.stale"))
    result = checked.folder.run("preview", "check.stale", "--json")
    assert (result.code, len(result.json["runs"])) == (0, 1)


def test_the_address_of_a_heartbeat_that_is_not_set_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats = 'heartbeat = "env:PING_URL"'
    checked = Checked(tmp_path, table(more=beats) + f"[deliver]\n{beats.replace('PING', 'OTHER')}\n")
    checked.csv(("acme", 1, 10))
    monkeypatch.setenv("OTHER_URL", "https://hc-ping.example/x")
    words = "PING_URL is not set here: a run that does not see it tells its monitor nothing"
    assert [line.partition(": ")[2] for line in found(checked) if "_URL" in line] == [words]
    monkeypatch.setenv("PING_URL", "https://hc-ping.example/x")
    assert not [line for line in found(checked) if "_URL" in line]


def test_what_this_machine_has_not_set_fails_no_strict_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PING_URL", raising=False)
    checked = Checked(tmp_path, table(more='heartbeat = "env:PING_URL"'))
    checked.csv(("acme", 1, 10))
    assert [(it.severity, it.is_expected) for it in inspect(str(tmp_path)) if "PING_URL" in it.problem] == [
        ("warning", True)
    ]
