"""What `test` prints, reports and refuses."""

import json
import xml.etree.ElementTree as ElementTree

import pytest

from tests.support.folder import Folder
from tests.support.tested import PIPELINE, event, matches_snapshot, write_test

HOSTILE = 'x\\u001b]0;owned\\u0007 [red]y[/red] <&> \\" ]]> \\u202e \\ufffe \\n z'


def several(tested: Folder) -> Folder:
    tests = [
        ("both channels hear of it", event(), 'channels = ["#alerts", "#growth"]'),
        ("a nudge goes to #alerts", event(45), 'channels = ["#alerts"], contains = ["Acme"], messages = 1'),
        ("nothing is used", event(0), 'dropped_by = "dedupe", messages = 0'),
        ("its fields", event(), 'fields = { Used = "120", MRR = "10" }'),
        ("no fit", '{ type = "usage", payload = { custmer = "a" } }', "messages = 1"),
    ]
    text = "".join(
        f'\n[[tests]]\nname = "{name}"\nevent = {given}\nexpect = {{ {expect} }}\n' for name, given, expect in tests
    )
    tested.write("pipelines/alert.toml", PIPELINE + text)
    return tested


# On a terminal


def test_a_run_with_failures_looks_as_it_did(tested: Folder) -> None:
    result = several(tested).here("test")
    assert result.code == 1
    assert result.err == ""
    assert matches_snapshot("test", "failed_80.txt", result.out)


def test_a_golden_that_differs_looks_as_it_did(tested: Folder) -> None:
    write_test(tested, 'body = "golden.json"', 'from_example = "usage"')
    tested.here("test", "--update")
    tested.edit("golden.json", "#growth", "#sales")
    assert matches_snapshot("test", "golden_80.txt", tested.here("test").out)


def test_a_run_without_failures_looks_as_it_did(tested: Folder) -> None:
    write_test(tested, "messages = 2", name="both channels hear of it")
    assert matches_snapshot("test", "passed_80.txt", tested.here("test").out)


def test_the_last_line_counts_as_pytest_does(tested: Folder) -> None:
    last = several(tested).here("test").out.splitlines()[-1]
    assert last.startswith("1 passed, 4 failed in ")
    assert last.endswith(" s")


def test_a_failure_names_the_file_and_line_of_its_test(tested: Folder) -> None:
    out = several(tested).here("test").out
    line = (tested.root / "pipelines/alert.toml").read_text().split('[[tests]]\nname = "nothing')[0].count("\n") + 1
    assert f"FAILED nothing is used\npipelines/alert.toml:{line}\n" in out


def test_no_line_is_wider_than_the_terminal(tested: Folder) -> None:
    assert max(map(len, several(tested).here("test").out.splitlines())) <= 80


def test_quiet_prints_the_failures_and_the_summary(tested: Folder) -> None:
    result = several(tested).here("test", "-q")
    assert "✓ both channels" not in result.out
    assert "FAILED its fields" in result.out
    assert "1 passed, 4 failed" in result.out


def test_an_update_says_what_it_wrote(tested: Folder) -> None:
    write_test(tested, 'body = "golden.json"')
    assert "wrote golden.json\n" in tested.here("test", "--update").out


def hostile(tested: Folder) -> Folder:
    """A failing test whose name, event and expectation try to be markup and terminal codes."""
    payload = f'{{ customer = "acme", used = 120, limit = 100, note = "{HOSTILE}" }}'
    test = f'name = "{HOSTILE}"\nevent = {{ type = "usage", payload = {payload} }}\n'
    expect = f'expect = {{ channels = ["{HOSTILE}"], contains = ["{HOSTILE} more"], fields = {{ A = "{HOSTILE}" }} }}\n'
    tested.write("pipelines/alert.toml", f"{PIPELINE}[[tests]]\n{test}{expect}")
    return tested


def test_values_drive_no_terminal_and_are_no_markup(tested: Folder) -> None:
    out = hostile(tested).here("test").out
    assert not set("\x1b\x07\u202e") & set(out)
    assert "[red]y[/red]" in out


def test_with_colours_values_are_no_markup_either(tested: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = hostile(tested).here("test").out
    assert "\x1b[" in out
    assert "]0;owned\x07" not in out
    assert "[red]y[/red]" in out


def test_a_pipe_gets_no_escapes(tested: Folder) -> None:
    result = several(tested).run("test")
    assert result.code == 1
    assert "\x1b" not in result.out


# As JSON and JUnit XML


def test_json_is_one_document_and_nothing_else(tested: Folder) -> None:
    result = several(tested).here("test", "--json")
    assert result.code == 1
    assert result.err == ""
    document = json.loads(result.out)
    assert (document["passed"], document["failed"]) == (1, 4)
    assert [test["outcome"] for test in document["tests"]] == ["passed"] + ["failed"] * 4


def test_json_of_no_tests_is_an_empty_list(tested: Folder) -> None:
    document = tested.here("test", "--json").json
    assert (document["passed"], document["failed"], document["tests"]) == (0, 0, [])


def test_the_junit_report_counts_and_names_every_test(tested: Folder) -> None:
    report = tested.root / "report.xml"
    assert several(tested).here("test", "--junit", str(report)).code == 1
    root = ElementTree.parse(report).getroot()
    (suite,) = root.findall("testsuite")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("alert", "5", "4")
    assert [case.get("name") for case in suite][:2] == ["both channels hear of it", "a nudge goes to #alerts"]
    assert len(suite.findall("testcase/failure")) == 4


def test_a_junit_failure_says_what_was_expected(tested: Folder) -> None:
    report = tested.root / "report.xml"
    several(tested).here("test", "--junit", str(report))
    text = ElementTree.parse(report).findall(".//failure")[0].text or ""
    assert "expected: #alerts" in text
    assert "got: #growth" in text


def test_the_junit_report_is_well_formed_whatever_the_values(tested: Folder) -> None:
    report = tested.root / "report.xml"
    hostile(tested).here("test", "--junit", str(report))
    (case,) = ElementTree.parse(report).findall(".//testcase")
    assert '[red]y[/red] <&> " ]]>' in (case.get("name") or "")
    assert len(case) == 1


def test_a_junit_report_that_cannot_be_written_is_a_usage_error(tested: Folder) -> None:
    write_test(tested, "messages = 2")
    result = tested.here("test", "--junit", str(tested.root / "no" / "report.xml"))
    assert result.code == 2
    assert "No such file or directory" in result.err


# What a test may hold


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("expect = { messages", "expects = { messages", 'unknown key "expects" (did you mean "expect"?)'),
        ("expect = { messages", "expect = { mesages", 'unknown key "mesages" (did you mean "messages"?)'),
        ("messages = 2", 'dropped_by = "filtr"', 'nothing called "filtr" can drop an event (did you mean "filter"?)'),
        ("messages = 2", "messages = -1", "greater than or equal to 0"),
        ("messages = 2", "", "expects nothing: there are channels, contains"),
        ("messages = 2", 'contains = "x"', "must be a list in brackets"),
        ("messages = 2", 'body = "../x.json"', "is not the name of a .json file inside the project"),
        ("messages = 2", 'body = "/x.json"', "is not the name of a .json file inside the project"),
        ("messages = 2", 'body = "x.toml"', "is not the name of a .json file inside the project"),
        ("messages = 2", "fields = { Plan = 3 }", "must be a text in quotes"),
        ('event = { type = "usage"', 'event = { tpye = "usage"', 'unknown key "tpye" (did you mean "type"?)'),
        ("name = 'a test'", "nam = 'a test'", 'unknown key "nam" (did you mean "name"?)'),
        ("name = 'a test'", "name = 'a'\nwiht = {}", 'unknown key "wiht" (did you mean "with"?)'),
        ("name = 'a test'", "", 'the key "name" is missing'),
        ("name = 'a test'", "name = 'a'\nnow = '3 November'", "is not an RFC 3339 time"),
        ("name = 'a test'", "name = 'a'\nfrom_example = 'usage'", "needs either `event = "),
        ("name = 'a test'", "name = 'a'\nwith = { used = 1 }", "`with` changes an example"),
        ("name = 'a test'", "name = 'a'\nbefore = [{}]", "needs either `type = "),
        (
            "name = 'a test'",
            "name = 'a'\nbefore = [{ from_example = 'usage', payload = {} }]",
            "change fields of it by `with`",
        ),
    ],
)
def test_a_test_that_is_wrong_is_a_problem_of_the_project_with_its_place(
    tested: Folder, old: str, new: str, words: str
) -> None:
    write_test(tested, "messages = 2")
    tested.edit("pipelines/alert.toml", old, new)
    result = tested.here("test", "--json")
    assert result.code == 78
    found = [detail for detail in result.error["details"] if words in detail["problem"]]
    assert found, result.error
    name, line, _ = found[0]["path"].split(":")
    assert name == "pipelines/alert.toml"
    assert int(line) > PIPELINE.count("\n")


def test_the_place_of_an_unknown_key_is_its_own(tested: Folder) -> None:
    write_test(tested, "mesages = 2")
    text = (tested.root / "pipelines/alert.toml").read_text()
    before = text[: text.index("mesages")]
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    (detail,) = tested.here("test", "--json").error["details"]
    assert detail["path"] == f"pipelines/alert.toml:{line}:{column}"
