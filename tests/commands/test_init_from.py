"""`init --from`: from an export as it is to alerts by cron, in one command and no file edited."""

import json
import os
import shlex
import sqlite3
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.folder import Folder
from tests.support.program import PROGRAM, Result, environment, here, ingestlayer
from tests.support.terminal import Terminal

EXPORT = """\
Customer ID;Metric;Used this month;Plan limit;Used %
acme;api-calls;"10,250";"10,000";102.5%
globex;seats;46;50;92%
initech;storage;"1,250";"5,000";25%
hooli;storage;5;;
acme;seats;12;50;24%
"""
CUSTOMERS = """\
Account ID,Account Name,CSM Email
acme,Acme Inc,maya@ourcompany.example
globex,Globex GmbH,jon@ourcompany.example
"""
FLAGS: tuple[str, ...] = (
    "--key",
    "Customer ID",
    "--metric",
    "Metric",
    "--used",
    "Used this month",
    "--limit",
    "Plan limit",
    "--format",
)
FLAGS += ('delimiter = ";", thousands = ","', "--levels", "0.8,1", "--period", "month", "--channel", "#alerts")
FLAGS += ("--customers", "none")


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    (tmp_path / "usage.csv").write_text(EXPORT)
    return tmp_path


def init(root: Path, *arguments: str) -> Result:
    return ingestlayer("init", "quota", "--from", *arguments, cwd=root)


def crossed(root: Path) -> dict[str, float]:
    """Return what the first check of a made project finds: the level of each key that newly reaches one."""
    result = here(root / "quota", "check", "--dry-run", "--json")
    (check,) = result.json["checks"]
    assert check["problems"] == [], check
    return {row["key"]: row["level"] for row in check["crossed"]}


def sound(root: Path) -> None:
    """A made project passes its own tests, and `validate`."""
    result = here(root / "quota", "validate", "--strict", "--json")
    assert (result.code, result.json) == (0, {"problems": []})
    tested = here(root / "quota", "test", "--json")
    assert tested.code == 0, tested.out
    assert tested.json["passed"] >= 3


# The newcomer ---------------------------------------------------------------------------------------------


def test_from_an_export_to_cron_in_one_command(exported: Path) -> None:
    (exported / "customers.csv").write_text(CUSTOMERS)
    made = init(exported, "usage.csv", "--yes")
    assert made.code == 0, made.err
    assert "would be emitted at 100%" in made.out
    sound(exported)
    # The lines of the crontab, as cron runs them: from somewhere else, with nothing of the shell.
    lines = [line.split(maxsplit=5)[5] for line in made.out.splitlines() if line.startswith("  ") and " -C " in line]
    assert len(lines) == 3
    for line in [*lines, *lines]:
        words = shlex.split(line)
        assert words[0] == PROGRAM
        done = ingestlayer(*(word for word in words[1:] if word not in (">", "/dev/null")), cwd=Path("/"))
        assert done.code == 0, (line, done)
    project = Folder(exported / "quota")
    told = project.run("deliveries", "list", "--status", "shown", "--json").out.splitlines()
    assert len(told) == 2
    titles = [text for (text,) in project.rows("SELECT json_extract(body, '$.text') FROM deliveries ORDER BY rowid")]
    assert "Acme Inc is at 102.5% of api-calls" in str(titles)
    assert "maya@ourcompany.example" in str(project.rows("SELECT body FROM deliveries"))


def test_a_level_that_is_armed_again_is_told_again(exported: Path) -> None:
    """The crossing of the pipeline drops nothing that the check tells, a fall below a level among it."""
    assert init(exported, "usage.csv", *FLAGS).code == 0
    project = Folder(exported / "quota")
    for used, sent in (("46", 2), ("10", 3), ("47", 4), ("50", 5), ("48", 5), ("46", 6), ("50", 7)):
        text = EXPORT.replace("globex;seats;46", f"globex;seats;{used}")
        (exported / "usage.csv").write_text(text)
        for _ in range(2):  # a fall is believed when it was seen twice
            assert project.here("check", "-q").code == 0
        assert project.rows("SELECT count(*) FROM deliveries") == [(sent,)], used


# What is proposed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("usage.csv", "customer_id,metric,used,limit\nacme,seats,99,100\n", {"acme:seats": 0.8}),
        ("usage.csv", "sep=;\nAccount;Used;Limit\nacme;99;100\n", {"acme": 0.8}),
        ("usage.csv", "Kunde ID\tfeature\tused\tlimit\nmüller\tx\t1,5\t1,5\n", {"müller:x": 1}),
        ("usage.csv", "Metric;Used;Limit;Kunde\nseats;9;10;acme\nseats;3;10;globex\n", {"acme:seats": 0.8}),
        ("usage.csv", "Account;Usage\nacme;85%\nglobex;12%\n", {"acme": 0.8}),
        ("usage.csv", "Account,Percent used\nacme,85\nglobex,12\n", {"acme": 0.8}),
        ("usage.csv", "Account,utilization\nacme,1.02\nglobex,0.12\n", {"acme": 1}),
        ("usage.csv", "Org;Used;Quota\nacme;9.100,50;9.500\n", {"acme": 0.8}),
        ("usage.csv", "Org;Used;Quota\nacme;$1,900.00;$1,900.00\n", {"acme": 1}),
        ("usage.ndjson", '{"customer": "acme", "used": 9, "limit": 10}\n', {"acme": 0.8}),
        ("usage.json", '[{"customer": "acme", "used": 9, "limit": 10}]', {"acme": 0.8}),
    ],
)
def test_tables_of_many_kinds_are_read_as_they_are_meant(
    name: str, text: str, found: dict[str, float], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    result = init(tmp_path, name, "--yes")
    assert result.code == 0, result.err
    assert crossed(tmp_path) == found
    sound(tmp_path)


def test_an_export_in_the_letters_of_windows_is_read_and_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_bytes("Kunde;Metric;Used;Limit\nMüller;seats;9;10\n".encode("cp1252"))
    assert init(tmp_path, "usage.csv", "--key", "Kunde", "--yes").code == 0
    assert 'encoding = "cp1252"' in (tmp_path / "quota" / "ingestlayer.toml").read_text()
    assert crossed(tmp_path) == {"Müller:seats": 0.8}


def test_a_database_is_asked(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "app.db")
    connection.executescript("CREATE TABLE u (org, used, cap); INSERT INTO u VALUES ('acme', 9, 10), ('globex', 1, 0)")
    connection.close()
    result = init(tmp_path, "sqlite:///app.db", "--query", "SELECT org, used, cap FROM u", "--yes")
    assert result.code == 0, result.err
    assert crossed(tmp_path) == {"acme": 0.8}
    sound(tmp_path)


def test_names_that_toml_and_templates_would_trip_over(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text('Customer "ID";Used\\;Limit $x\nacme;9;10\n')
    assert init(tmp_path, "usage.csv", "--key", 'Customer "ID"', "--yes").code == 0
    assert crossed(tmp_path) == {"acme": 0.8}
    sound(tmp_path)


def test_a_customer_whose_name_is_a_template_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer,used,limit\n$event.x ${y} \"'#,9,10\n")
    assert init(tmp_path, "usage.csv", "--yes").code == 0
    sound(tmp_path)


@pytest.mark.parametrize("period", ["hour", "day", "week", "quarter", "year", "none"])
def test_every_period_makes_a_sound_project(period: str, exported: Path) -> None:
    assert init(exported, "usage.csv", "--yes", "--period", period, "--levels", "50%,80%,100%,120%").code == 0
    assert crossed(exported) == {"acme:api-calls": 1, "globex:seats": 0.8}
    sound(exported)


def test_a_time_zone_is_that_of_the_project(exported: Path) -> None:
    result = init(exported, "usage.csv", "--yes", "--timezone", "Europe/Berlin")
    assert "--timezone Europe/Berlin" in result.err + result.out
    data = tomllib.loads((exported / "quota" / "ingestlayer.toml").read_text())
    assert data["timezone"] == "Europe/Berlin"
    sound(exported)


def test_a_time_zone_that_is_none_is_refused_with_the_near_miss(exported: Path) -> None:
    result = init(exported, "usage.csv", "--yes", "--timezone", "Berlin")
    assert (result.code, 'did you mean "Europe/Berlin"?' in result.err) == (2, True)
    assert not (exported / "quota").exists()


# What is asked --------------------------------------------------------------------------------------------


def test_a_terminal_asks_each_and_enter_takes_what_is_proposed(exported: Path) -> None:
    env = {**environment(), "COLUMNS": "80"}
    with Terminal(PROGRAM, "init", "quota", "--from", "usage.csv", cwd=exported, env=env) as terminal:
        for question, answer in (
            ("the column of the customer [Customer ID]: ", ""),
            ("the column of what is counted, or none [Metric]: ", ""),
            ("the column of what is used, or none: a percentage [Used this month]: ", "Used this mnth"),
            ('did you mean "Used this month"?', None),
            ("the column of what is used, or none: a percentage [Used this month]: ", ""),
            ("the column of the limit [Plan limit]: ", ""),
            ('how it is written [delimiter = ";", thousands = ","]: ', ""),
            ("the levels, as parts of the limit [0.8,1]: ", "90%,100%"),
            ("each level once a (or none) [month]: ", "week"),
            ("the channel [#alerts]: ", "#growth"),
            ("the file of the customers and their owners, or none [none]: ", ""),
        ):
            terminal.expect(question)
            if answer is not None:
                terminal.type(answer)
        assert terminal.wait() == 0, terminal.text
    text = (exported / "quota" / "ingestlayer.toml").read_text()
    assert "levels = [0.9, 1]" in text
    assert 'period = "week"' in text
    assert 'channel = "#growth"' in (exported / "quota" / "pipelines" / "quota-check.toml").read_text()
    assert crossed(exported) == {"acme:api-calls": 1, "globex:seats": 0.9}
    sound(exported)


def test_ctrl_c_at_a_question_writes_nothing(exported: Path) -> None:
    with Terminal(PROGRAM, "init", "quota", "--from", "usage.csv", cwd=exported, env=environment()) as terminal:
        terminal.expect("[Customer ID]: ")
        assert terminal.interrupt() == 130
    assert not (exported / "quota").exists()


def test_without_a_terminal_the_flags_are_named_and_do_it(exported: Path) -> None:
    result = init(exported, "usage.csv")
    assert result.code == 2
    assert "there is no terminal to ask on" in result.err
    assert not (exported / "quota").exists()
    command = result.err.partition("say it all: ")[2].strip()
    assert shlex.split(command) == ["ingestlayer", "init", "quota", "--from", "usage.csv", *FLAGS]
    assert ingestlayer(*shlex.split(command)[1:], cwd=exported).code == 0
    assert crossed(exported) == {"acme:api-calls": 1, "globex:seats": 0.8}


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("a,b,c\nacme,9,10\n", "--used"),
        ("customer,used,c\nacme,9,10\n", "--limit"),
        ("customer;used;limit\nacme;9.100;10.000\n", "--format"),
        ("used,limit\n9,10\n", "--key"),
        ("metric,used,limit\nseats,9,10\n", "--key"),
    ],
)
def test_what_nothing_speaks_for_is_not_guessed(text: str, flag: str, tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text(text)
    result = init(tmp_path, "usage.csv", "--yes")
    assert result.code == 2
    assert f"say it: {flag} " in result.err
    assert not (tmp_path / "quota").exists()


@pytest.mark.parametrize(("format", "level"), [('decimal = ",", thousands = "."', 0.8), ('decimal = "."', 0.8)])
def test_a_number_that_may_be_two_is_the_one_that_is_said(format: str, level: float, tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer;used;limit\nacme;9.100;10.000\n")
    assert init(tmp_path, "usage.csv", "--yes", "--format", format).code == 0
    assert crossed(tmp_path) == {"acme": level}
    row = here(tmp_path / "quota", "check", "--dry-run", "--json").json["checks"][0]["crossed"][0]
    assert row["why"].startswith("used/limit = 9100/10000" if "thousands" in format else "used/limit = 9.1/10")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("usage.csv", "--yes", "--key", "Custmer ID"), 'no column Custmer ID (did you mean "Customer ID"?)'),
        (("usage.csv", "--yes", "--levels", "80,100"), "a level is a part of the limit"),
        (("usage.csv", "--yes", "--levels", "many"), "many are no levels"),
        (("usage.csv", "--yes", "--period", "monat"), "monat is no period"),
        (("usage.csv", "--yes", "--channel", "alerts"), "alerts is no channel"),
        (("usage.csv", "--yes", "--format", "delimiter = ;"), "is no format"),
        (("usage.csv", "--yes", "--format", 'thousand = ","'), "is no format"),
        (("usage.csv", "--yes", "--percentage", "Used %", "--used", "Used %"), "--percentage stands for"),
        (("usage.csv", "--yes", "--customers", "nobody.csv"), "nobody.csv cannot be read"),
        (("usage.csv", "--yes", "--customers", "crm.xlsx"), "crm.xlsx is no table of customers"),
        (("usage.csv", "--yes", "--used", "Plan limit"), "Plan limit is something else already"),
        (("usage.csv", "--recipe", "quota-check"), "--from makes a project of its own"),
        (("nothing.csv", "--yes"), "nothing.csv cannot be read"),
        (("usage.xlsx", "--yes"), "there are files"),
        (("-", "--yes"), "what can be read again"),
        (("sqlite:///app.db", "--yes"), "a database needs query"),
        (("postgresql://me:secret@db/app", "--query", "SELECT 1", "--yes"), "has a password in it"),
    ],
)
def test_wrong_usage_says_what_and_writes_nothing(arguments: tuple[str, ...], words: str, exported: Path) -> None:
    result = init(exported, *arguments)
    assert result.code == 2, result
    assert words in result.err
    assert "secret" not in result.err.replace("name a secret", "")
    assert not (exported / "quota").exists()


@pytest.mark.parametrize("flags", [("--yes",), ("--key", "x"), ("--query", "SELECT 1"), ("--customers", "x.csv")])
def test_answers_without_a_source_are_wrong_usage(flags: tuple[str, ...], tmp_path: Path) -> None:
    result = ingestlayer("init", *flags, cwd=tmp_path)
    assert result.code == 2
    assert "--from usage.csv" in result.err
    assert list(tmp_path.iterdir()) == []


def test_a_percentage_that_is_written_in_two_ways_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("Account;Usage %\nacme;85%\nglobex;90\n")
    result = init(tmp_path, "usage.csv", "--yes")
    assert (result.code, (tmp_path / "quota").exists()) == (2, False)
    assert "Usage % has 85%, and 90 without the sign" in result.err


def test_a_project_that_is_there_is_left_alone(exported: Path) -> None:
    assert ingestlayer("init", "quota", cwd=exported).code == 0
    before = (exported / "quota" / "ingestlayer.toml").read_text()
    result = init(exported, "usage.csv", "--yes")
    assert result.code == 2
    assert "is there already" in result.err
    assert (exported / "quota" / "ingestlayer.toml").read_text() == before


# What is told ---------------------------------------------------------------------------------------------


def test_json_is_one_document_with_the_answers_and_the_dry_run(exported: Path) -> None:
    document = init(exported, "usage.csv", "--yes", "--json").json
    assert document["answers"]["key"] == "Customer ID"
    assert [row["key"] for row in document["check"]["crossed"]] == ["acme:api-calls", "globex:seats"]
    assert len(document["crontab"]) == 3
    assert document["created"][0] == ".gitignore"


def test_two_rows_of_one_key_are_named(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer,used,limit\nacme,9,10\nacme,1,10\n")
    result = init(tmp_path, "usage.csv", "--yes")
    assert "usage.csv has two rows of acme" in result.err


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer,API used,API limit,Seats used,Seats limit\nacme,9,10,1,2\n")
    (tmp_path / "crm.csv").write_text("Account ID,Name\n0017,Acme Inc\n")
    result = init(tmp_path, "usage.csv", "--customers", "crm.csv", "--yes")
    assert result.code == 0
    assert "usage.csv: Seats used and Seats limit seem to be another pair" in result.err
    assert "crm.csv has none of the customers of usage.csv in Account ID" in result.err


def test_customers_may_be_an_object_by_key(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer,used,limit\nacme,9,10\n")
    (tmp_path / "crm.json").write_text('{"acme": {"name": "Acme Inc", "owner": "maya@our.example"}}')
    assert init(tmp_path, "usage.csv", "--customers", "crm.json", "--yes").code == 0
    sound(tmp_path)
    assert "Acme Inc is at 90%" in here(tmp_path / "quota", "check").out


def test_a_terminal_is_asked_what_a_number_is_that_may_be_two(tmp_path: Path) -> None:
    (tmp_path / "usage.csv").write_text("customer,used,limit\nacme,9.100,10.000\n")
    flags = ("--metric", "none", "--levels", "0.8,1", "--period", "day", "--channel", "#a", "--customers", "none")
    command = (PROGRAM, "init", "quota", "--from", "usage.csv", "--key", "customer", "--used", "used", *flags)
    with Terminal(*command, cwd=tmp_path, env=environment()) as terminal:
        terminal.expect("the column of the limit [limit]: ")
        terminal.type("")
        terminal.expect('9.100 is 9100 (decimal = ",", thousands = ".") or a fraction (decimal = "."): ')
        terminal.type('decimal = ",", thousands = "."')
        assert terminal.wait() == 0, terminal.text
    row = here(tmp_path / "quota", "check", "--dry-run", "--json").json["checks"][0]["crossed"][0]
    assert row["why"].startswith("used/limit = 9100/10000")


def test_a_source_is_named_as_the_project_finds_it(exported: Path) -> None:
    def source(folder: str, named: str) -> Any:
        assert ingestlayer("init", folder, "--from", named, "--yes", "--json", cwd=exported).code == 0
        text = (exported / folder / "ingestlayer.toml").read_text()
        return json.loads(
            next(line for line in text.splitlines() if line.startswith("source")).split(" = ")[1].split(" #")[0]
        )

    assert source(".", "usage.csv") == "usage.csv"
    assert source("a/b", "./usage.csv") == "../../usage.csv"
    assert source("c", str(exported / "usage.csv")) == str(exported / "usage.csv")
    os.symlink(exported / "usage.csv", exported / "latest.csv")
    assert source("d", "latest.csv") == "../latest.csv"
