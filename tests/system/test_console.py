"""Standard streams: closed, full or left, in any encoding, they change no exit code and no byte of JSON."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.system.console import as_json
from tests.support.folder import ACME, USAGE, Folder
from tests.support.program import PATIENCE, PROGRAM, Result, environment

REFUSED = (*ACME, "--metric", "none")
NAME = "Zoë 会社 €"
ACTING = "a\x1b[2Jb\x9b2Jc\x85d\u202ee\u2066f\u2028g\x7fh"


def run(folder: Path, shell: str, *arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run the program as a shell would: in `shell`, "$@" stands for the program and its arguments."""
    command = ["bash", "-c", shell, "bash", PROGRAM, *arguments]
    done = subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, env=environment(env), timeout=PATIENCE
    )
    result = Result(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode())
    assert "Traceback" not in result.said
    assert "defect" not in result.said
    assert "Exception ignored" not in result.said
    return result


WAYS = {
    "no stdout": '"$@" >&-',
    "no stderr": '"$@" 2>&-',
    "no stdin": '"$@" <&-',
    "none at all": '"$@" <&- >&- 2>&-',
    "a full stdout": '"$@" > /dev/full',
    "a full stderr": '"$@" 2> /dev/full',
    "both full": '"$@" > /dev/full 2>&1',
    "a reader who left": '"$@" | true; exit ${PIPESTATUS[0]}',
    "nobody left to read errors": '"$@" 2>&1 > /dev/null | true; exit ${PIPESTATUS[0]}',
}


@pytest.mark.parametrize("way", WAYS)
def test_no_stream_changes_the_exit_code(project: Folder, way: str) -> None:
    assert run(project.root, WAYS[way], "emit", USAGE, *ACME, "--used", "10001").code == 0
    assert run(project.root, WAYS[way], "emit", USAGE, *REFUSED).code == 65
    assert run(project.root, WAYS[way], "emit", USAGE, *REFUSED, "--json", "-q").code == 65
    assert run(project.root, WAYS[way], "events", "list", "--no-such").code == 2
    assert run(project.root, WAYS[way], "--help").code == 0
    assert project.rows("SELECT count(*), (SELECT count(*) FROM dead_letters) FROM events") == [(1, 2)]


def test_a_message_that_waits_is_told_by_the_exit_code_though_nobody_reads(project: Folder) -> None:
    project.edit(
        "ingestlayer.toml", 'connection = "terminal"', 'connection = "bot"\napi_url = "http://127.0.0.1:9/api/"'
    )
    for way in WAYS.values():
        assert run(project.root, way, "emit", USAGE, *ACME, "--key", way).code == 75


def test_what_a_full_stdout_lost_is_said(project: Folder) -> None:
    result = run(project.root, WAYS["a full stdout"], "recipes")
    assert "warning: stdout: No space left on device: what was printed is not whole\n" in result.err


def test_a_file_never_gets_the_number_of_a_closed_stream(project: Folder) -> None:
    """What is printed would be written into it."""
    (project.root / "batch.ndjson").write_text('{"no": "type"}\n')
    way = '"$@" <&- >&- 2>&-'
    assert run(project.root, way, "emit", "--batch", "batch.ndjson", "--rejects", "no.ndjson").code == 65
    assert [json.loads(line)["line"] for line in (project.root / "no.ndjson").read_text().splitlines()] == [1]
    assert project.run("events", "list").code == 0


READERS = {
    "an event": ("emit", USAGE, "--data", "-"),
    "a batch": ("emit", "--batch", "-"),
    "a replay": ("replay", "--file", "-", "--yes"),
    "entities": ("entities", "import", "customer", "-"),
    "a token": ("slack", "connect", "--token-stdin"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_closed_stdin_is_no_empty_one(project: Folder, name: str) -> None:
    assert project.emit(*ACME).code == 0
    result = run(project.root, '"$@" <&-', *READERS[name])
    assert (result.code, result.err.splitlines()[0]) == (2, "error: stdin is closed")


def test_who_prints_without_an_end_ends_when_nobody_reads(project: Folder) -> None:
    assert project.emit(*ACME).code == 0
    follow = subprocess.Popen(
        [PROGRAM, "events", "tail", "-f", "--json"], cwd=project.root, stdout=subprocess.PIPE, env=environment()
    )
    assert follow.stdout is not None
    follow.stdout.readline()
    follow.stdout.close()
    for number in range(100):
        project.emit(*ACME, "--key", str(number), "--no-deliver")
        if follow.poll() is not None:
            break
    assert follow.wait(PATIENCE) == 0


# A working directory that is gone ---------------------------------------------------------------------------


GONE = 'mkdir gone && cd gone && rmdir ../gone && "$@"'


@pytest.mark.parametrize("command", [("emit", USAGE, *ACME), ("events", "list"), ("validate",), ("preview", USAGE)])
def test_in_a_folder_that_is_gone_a_project_is_named_by_its_path(project: Folder, command: Sequence[str]) -> None:
    assert run(project.root, GONE, "-C", str(project.root), *command).code == 0
    for place in ((), ("-C", "..")):
        result = run(project.root, GONE, *place, *command)
        assert (result.code, result.err.splitlines()[0]) == (78, "error: the working directory does not exist any more")


# --rejects ----------------------------------------------------------------------------------------------------


def test_a_rejects_file_without_room_changes_no_exit_code(project: Folder) -> None:
    (project.root / "batch.ndjson").write_text('{"no": "type"}\n' * 3)
    result = project.run("emit", "--batch", "batch.ndjson", "--rejects", "/dev/full", "--json")
    assert (result.code, result.json["rejected"], project.count("dead_letters")) == (65, 3, 3)
    assert result.err.count("warning: --rejects /dev/full: No space left on device") == 1


@pytest.mark.parametrize("name", ["ingestlayer.toml", "customers.csv", "events.ndjson", ".ingestlayer/store.db"])
def test_rejects_overwrite_no_file_that_is_not_theirs(project: Folder, name: str) -> None:
    assert project.emit(*ACME).code == 0
    (project.root / "events.ndjson").write_text('{"type": "t", "payload": {}}\n')
    before = (project.root / name).read_bytes()
    (project.root / "batch.ndjson").write_text("{}\n")
    result = project.run("emit", "--batch", "batch.ndjson", "--rejects", name)
    assert (result.code, (project.root / name).read_bytes()) == (2, before)
    assert "would overwrite a file of something else" in result.err


def test_rejects_overwrite_those_of_an_earlier_batch(project: Folder) -> None:
    (project.root / "batch.ndjson").write_text("{}\n" * 2)
    for _ in range(2):
        assert project.run("emit", "--batch", "batch.ndjson", "--rejects", "no.ndjson").code == 65
    assert (project.root / "no.ndjson").read_text().count("\n") == 2


def test_rejects_and_log_are_two_files(project: Folder) -> None:
    (project.root / "batch.ndjson").write_text("{}\n")
    result = project.run("emit", "--batch", "batch.ndjson", "--rejects", "x", "--log", "./x")
    assert (result.code, "two files" in result.err) == (2, True)


# --debug ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "command"),
    [(65, ("emit", USAGE, *REFUSED)), (2, ("events", "list", "--since", "x")), (78, ("-C", "/", "events", "list"))],
)
def test_debug_shows_the_traceback_and_changes_no_exit_code(project: Folder, code: int, command: Sequence[str]) -> None:
    plain = project.run(*command)
    done = subprocess.run(
        [PROGRAM, "--debug", *command], cwd=project.root, capture_output=True, text=True, env=environment()
    )
    assert (plain.code, done.returncode) == (code, code)
    assert "Traceback" in done.stderr
    assert done.stderr.endswith(plain.err)


# JSON ---------------------------------------------------------------------------------------------------------

ENCODINGS = {"ascii": {"PYTHONIOENCODING": "ascii"}, "cp1252": {"PYTHONIOENCODING": "cp1252"}}


@pytest.fixture(scope="module")
def named(made: Any) -> Folder:
    """A project with an event, a customer and a pipeline whose names no old encoding has."""
    folder: Folder = made("named")
    folder.edit("customers.csv", "Acme Inc", NAME)
    assert folder.emit(*ACME, "--key", NAME, "--source", NAME).code == 0
    assert folder.run("entities", "set", "customer", "acme", f"city={NAME}").code == 0
    return folder


COMMANDS = {
    "emit": ("emit", USAGE, *ACME, "--key", NAME, "--json"),
    "preview": ("preview", "--event", "@last", "--json"),
    "blocks": ("preview", "--event", "@last", "--blocks"),
    "events list": ("events", "list", "--json"),
    "events show": ("events", "show", "@last", "--json"),
    "events tail": ("events", "tail", "--json"),
    "events export": ("events", "export"),
    "why": ("why", "@last", "--json"),
    "entities get": ("entities", "get", "customer", "acme", "--json"),
    "entities list": ("entities", "list", "customer", "--json"),
    "an error": ("events", "show", NAME, "--json"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_utf8_whatever_the_terminal_speaks(named: Folder, encoding: str, name: str) -> None:
    plain = named.run(*COMMANDS[name])
    assert NAME in plain.out
    result = named.run(*COMMANDS[name], env=ENCODINGS[encoding])
    assert (result.code, [*map(json.loads, result.out.splitlines())]) == (
        plain.code,
        [*map(json.loads, plain.out.splitlines())],
    )


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_an_export_is_taken_back_whole(named: Folder, made: Any, encoding: str) -> None:
    export = named.run("events", "export", "-q", env=ENCODINGS[encoding]).out.encode()
    other: Folder = made("other")
    result = other.run("emit", "--batch", "-", "--json", "--no-deliver", stdin=export)
    assert (result.code, result.json["accepted"]) == (0, 1)
    assert other.rows("SELECT key, payload FROM events") == named.rows("SELECT key, payload FROM events")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_a_shell_completes_is_utf8(project: Folder, encoding: str) -> None:
    project.declare("shop.sold", f'[fields]\ncity = {{ enum = ["{NAME}"] }}\n')
    env = {"_INGESTLAYER_COMPLETE": "zsh", **ENCODINGS[encoding]}
    out = run(project.root, '"$@"', "emit", "shop.sold", "--city", "Z", env=env).out
    assert out.split("\0")[1] == NAME


def test_words_for_people_lose_only_what_their_terminal_has_not(named: Folder) -> None:
    result = run(named.root, '"$@"', "events", "show", "@last", env={"PYTHONIOENCODING": "cp1252:strict"})
    assert result.code == 0


def test_json_has_no_character_that_acts_on_a_terminal() -> None:
    text = as_json({"a": ACTING, "b": "\ud800", "c": NAME, "d": "\u200d 👩\u200d💻"}, 2)
    assert json.loads(text) == {"a": ACTING, "b": "\ud800", "c": NAME, "d": "\u200d 👩\u200d💻"}
    assert not set(text) & set(ACTING) - set("abcdefgh[2J")
    assert "👩\u200d💻" in text
    text.encode()


def test_streams_of_a_program_that_we_are_part_of_are_left_alone(project: Folder) -> None:
    assert project.here("events", "list").code == 0
