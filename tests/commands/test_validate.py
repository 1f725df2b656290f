"""How `validate` prints: for people, for programs, in any width."""

import json
import re
from pathlib import Path

import pytest

from tests.support.folder import Folder
from tests.support.validate import BASE, project_of, with_lines

WARNED = with_lines(event="[idempotency]\nkey = '$event.plan'\n")
BROKEN = with_lines(pipeline='chanel = "#b"\n')


def found(folder: Folder, *arguments: str) -> list[dict[str, object]]:
    problems: list[dict[str, object]] = json.loads(folder.here("validate", "--json", *arguments).out)["problems"]
    return problems


def test_json_has_the_place_of_an_error(tmp_path: Path) -> None:
    assert found(project_of(tmp_path, BROKEN)) == [
        {
            "path": "pipelines/alert.toml:9:1",
            "problem": 'unknown key "chanel" (did you mean "channel"?)',
            "file": "pipelines/alert.toml",
            "line": 9,
            "column": 1,
            "severity": "error",
        }
    ]


def test_json_has_the_place_of_a_warning(tmp_path: Path) -> None:
    (problem,) = found(project_of(tmp_path, WARNED))
    assert {name: problem[name] for name in ("path", "line", "column", "severity")} == {
        "path": "events/usage.toml:13:8",
        "line": 13,
        "column": 8,
        "severity": "warning",
    }


def test_json_of_a_problem_in_an_entity_file_has_the_path_inside_the_project(tmp_path: Path) -> None:
    files = {**BASE, "ingestlayer.toml": BASE["ingestlayer.toml"].replace("customers.csv", "data/customers.csv")}
    files["data/customers.csv"] = files.pop("customers.csv") + "a,Anna,a@x.example,1\n"
    (problem,) = found(project_of(tmp_path, files))
    assert (problem["file"], problem["line"], problem["column"]) == ("data/customers.csv", 4, 1)


def test_two_kinds_of_one_file_tell_its_problems_once(tmp_path: Path) -> None:
    text = BASE["ingestlayer.toml"]
    files = with_lines(project=text.replace("customer]", "account]"), csv=BASE["customers.csv"] + "a,A,m,1\n")
    assert [problem["path"] for problem in found(project_of(tmp_path, files))] == [
        "ingestlayer.toml:5:1",
        "customers.csv:4:1",
    ]


@pytest.mark.parametrize(("files", "code", "strict"), [(BASE, 0, 0), (WARNED, 0, 1), (BROKEN, 1, 1)])
def test_warnings_fail_when_it_is_strict(tmp_path: Path, files: dict[str, str], code: int, strict: int) -> None:
    folder = project_of(tmp_path, files)
    assert (folder.here("validate").code, folder.here("validate", "--strict").code) == (code, strict)
    assert folder.here("validate", "--strict", "--json").code == strict


@pytest.mark.parametrize(
    ("files", "words"),
    [(BASE, "no problems"), (WARNED, "1 warning"), (BROKEN, "1 problem")],
    ids=["sound", "warned", "broken"],
)
def test_the_count_stands_on_stderr(tmp_path: Path, files: dict[str, str], words: str) -> None:
    assert project_of(tmp_path, files).here("validate").err.rstrip().endswith(f": {words}")


def test_what_has_no_problems_is_named(tmp_path: Path) -> None:
    said = project_of(tmp_path, BASE).here("validate").err.strip().rpartition("/")[2]
    assert said.endswith(": ingestlayer.toml, 1 event, 1 pipeline, 1 entity file: no problems")


def test_colours_follow_force_color_and_no_color(tmp_path: Path) -> None:
    folder = project_of(tmp_path, {**BROKEN, "events/usage.toml": WARNED["events/usage.toml"]})
    coloured, plain = folder.run("validate", env={"FORCE_COLOR": "1"}), folder.run("validate", env={"NO_COLOR": "1"})
    assert "\x1b[33mevents/usage.toml:13:8" in coloured.out
    assert "\x1b[31mpipelines/alert.toml:9:1" in coloured.out
    assert "\x1b" not in plain.out + plain.err
    assert re.sub(r"\x1b\[\d+m", "", coloured.out) == plain.out


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("before", [0, 30, 75, 200, 5000])
@pytest.mark.parametrize("after", [0, 30, 200])
def test_a_long_line_is_cut_around_the_caret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, before: int, after: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    files = with_lines(pipeline=f'mention = "{"<" * before}$entity.customer.maul{">" * after}"\n')
    _, source, caret = project_of(tmp_path, files).here("validate").out.splitlines()
    assert max(len(source), len(caret)) <= width
    assert source[caret.index("^") :].startswith("$entity.cust")


@pytest.mark.parametrize("text", ["日本語のテキスト", "\ttab\t", "e\u0301a\u0308", "\x1b[31mred"])
def test_the_caret_stands_under_its_place_behind_any_characters(tmp_path: Path, text: str) -> None:
    from rich.cells import cell_len

    files = with_lines(csv=f'id,name,mail,mrr\na,"{text}",a@x.example,nine\n')
    _, source, caret = project_of(tmp_path, files).here("validate").out.splitlines()
    assert source.isprintable()
    before, found_at, _ = source.partition("nine")
    assert found_at
    assert cell_len(before) == caret.index("^")


def test_a_list_that_is_not_closed_is_shown_where_it_begins(tmp_path: Path) -> None:
    result = project_of(tmp_path, {**BASE, "pipelines/alert.toml": "match = [\n"}).here("validate")
    assert result.out.startswith("pipelines/alert.toml:1:9: is not TOML")
    assert result.out.splitlines()[1:] == ["  match = [", "          ^"]


FIELDS = ("customer=a", "used=1", "limit=2", "metric=seats", "paid=true", "day=2026-11-03", "note=x", "bag:={}")


def test_emit_tells_the_same_problems_without_the_source_lines(tmp_path: Path) -> None:
    result = project_of(tmp_path, BROKEN).run("emit", "usage", *FIELDS)
    assert result.code == 78
    assert '  pipelines/alert.toml:9:1: unknown key "chanel" (did you mean "channel"?)\n' in result.err
    assert "^" not in result.err


def test_emit_does_not_mind_what_validate_finds_beyond_the_syntax(tmp_path: Path) -> None:
    files = with_lines(pipeline='when = "1 > 2"\n')
    assert project_of(tmp_path, files).run("emit", "usage", *FIELDS).code == 0


def test_two_hundred_files_are_checked(tmp_path: Path) -> None:
    files = dict(BASE)
    for number in range(100):
        files[f"events/more-{number}.toml"] = f'type = "more.{number}"\n[fields]\nused = "number"\n'
        files[f"pipelines/more-{number}.toml"] = (
            f'match = ["more.{number}", "usage"]\n[[destinations]]\nuse = "slack"\nchannel = "#more"\n'
            f'when = "$event.used == {number}"\n[destinations.message]\ntitle = "$event.used"\n'
        )
    problems = found(project_of(tmp_path, files))
    assert len(problems) == 99
    assert problems[0]["problem"] == ("#more gets usage from pipelines/more-0.toml, too: such an event is posted twice")


def test_the_help_of_emit_shows_how_long_a_text_may_be(tmp_path: Path) -> None:
    result = project_of(tmp_path, BASE).run("emit", "usage", "--help")
    assert "at most 200 characters" in result.out


def test_emit_refuses_a_text_that_is_too_long(tmp_path: Path) -> None:
    fields = ("customer=a", "used=1", "limit=2", "metric=seats", "paid=true", "day=2026-11-03", "bag:={}")
    result = project_of(tmp_path, BASE).run("emit", "usage", *fields, f"note={'x' * 201}", "--json")
    assert result.code == 65
    assert result.error["details"] == [{"path": "note", "problem": "has 201 characters, 200 at most"}]


def test_warnings_alone_say_what_was_checked(tmp_path: Path) -> None:
    said = project_of(tmp_path, WARNED).here("validate").err
    assert said.endswith(": ingestlayer.toml, 1 event, 1 pipeline, 1 entity file: 1 warning\n")


def test_what_has_no_file_is_not_counted(tmp_path: Path) -> None:
    said = project_of(tmp_path, with_lines(project='[alerts]\nchannel = "#ops"\n')).here("validate").err
    assert ": ingestlayer.toml, 1 event, 1 pipeline, 1 entity file: " in said


@pytest.mark.parametrize(("files", "strict"), [(WARNED, False), (WARNED, True), (BROKEN, False), (BASE, True)])
def test_quiet_prints_what_fails_alone(files: dict[str, str], strict: bool, tmp_path: Path) -> None:
    result = project_of(tmp_path, files).here("validate", "-q", *(["--strict"] if strict else []))
    assert (bool(result.out), result.err) == (result.code == 1, "")
    assert ("events/usage.toml:13:8" if files is WARNED and strict else "") in result.out
