"""What may be wrong around an event: a clear error with the place and the remedy, and nothing lost."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.folder import ACME, PAYLOAD, USAGE, Folder, copied, envelope, line_of
from tests.support.program import PROGRAM, Result, environment

PIPELINE = "pipelines/usage-limit-hits.toml"
EVENT = f"events/{USAGE}.toml"


def broken(project: Folder) -> list[str]:
    """Return the problems that `emit` tells of a broken project, each with its place; the event is kept."""
    result = project.here("emit", USAGE, *ACME)
    assert result.code == 78, result
    assert "ingestlayer validate" in result.err
    assert project.count("events") + project.count("dead_letters") == 1
    return [text[2:] for text in result.err.splitlines() if text.startswith("  ")]


def works(project: Folder) -> None:
    """A good event is accepted and delivered now."""
    result = project.emit(*ACME, "--key", "good", "--json")
    assert (result.code, result.json["status"]) == (0, "accepted")


# The project's files --------------------------------------------------------------------------------------


def test_a_project_without_pipelines_says_what_to_write(project: Folder) -> None:
    (project.root / PIPELINE).unlink()
    (problem,) = broken(project)
    assert problem.startswith("pipelines:1:1: there is no pipeline")
    assert "pipelines/NAME.toml" in problem


def test_a_toml_error_names_file_line_and_column(project: Folder) -> None:
    text = (project.root / PIPELINE).read_text()
    project.write(PIPELINE, text.replace('use = "slack"', 'use = "slack', 1))
    (problem,) = broken(project)
    at = line_of(text, 'use = "slack"')
    assert problem.startswith(f"{PIPELINE}:{at}:")
    assert "is not TOML" in problem


def test_every_problem_of_every_file_is_told_at_once(project: Folder) -> None:
    project.edit(PIPELINE, 'use = "enrich.entity"', 'use = "enrich.entty"')
    project.edit(EVENT, 'used = "number"', 'used = "numbr"')
    project.edit("ingestlayer.toml", 'connection = "terminal"', 'connectoin = "terminal"')
    assert [problem.split(":")[0] for problem in broken(project)] == ["ingestlayer.toml", EVENT, PIPELINE]


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (PIPELINE, "status =", "statsu =", 'did you mean "status"'),
        (PIPELINE, '"active" ', '"activ" ', 'did you mean "active"'),
        (PIPELINE, "enrich.entity", "enrich.entty", 'did you mean "enrich.entity"'),
        (PIPELINE, 'use = "slack"', 'use = "slak"', 'did you mean "slack"'),
        (PIPELINE, "channel =", "chanel =", 'did you mean "channel"'),
        (PIPELINE, "event.used | number", "event.used | nubmer", 'did you mean "number"'),
        (PIPELINE, "$event.plan", "$event.paln", 'did you mean "$event.plan"'),
        (
            PIPELINE,
            "$entity.customer.csm_email",
            "$entity.custmer.csm_email",
            'did you mean "$entity.customer.csm_email"',
        ),
        (PIPELINE, 'match = ["usage.limit_reached"]', 'match = ["usage.limit_reachd"]', f'did you mean "{USAGE}"'),
        (PIPELINE, "$event.limit >= 1", "$event.limit >= ", "expected"),
        (EVENT, 'window = "31d"', 'window = "31"', "30s 5m 1h 24h 7d"),
        (EVENT, 'window = "31d"', "window = 31", "30s 5m 1h 24h 7d"),
        (EVENT, 'plan = "string"', 'plan = "strnig"', 'did you mean "string"'),
        (EVENT, "used = 10250", "usd = 10250", 'did you mean "used"'),
        ("ingestlayer.toml", "[slack]", "[slakc]", 'did you mean "slack"'),
        ("ingestlayer.toml", "customers.csv", "customers.xls", ".csv"),
    ],
)
def test_a_mistake_in_a_file_is_told_with_its_line_and_the_near_miss(
    project: Folder, file: str, old: str, new: str, words: str
) -> None:
    text = (project.root / file).read_text()
    project.edit(file, old, new)
    problems = broken(project)
    assert any(problem.startswith(f"{file}:{line_of(text, old)}:") and words in problem for problem in problems), (
        problems
    )


def test_a_blocks_file_that_is_missing_is_named(project: Folder) -> None:
    project.listen(USAGE)
    with (project.root / f"pipelines/{USAGE}.toml").open("a") as file:
        file.write('message = { blocks = "blocks.json" }\n')
    (problem,) = broken(project)
    assert problem.startswith(f"pipelines/{USAGE}.toml:6:")
    assert "blocks.json cannot be read: No such file or directory" in problem


def test_a_file_that_is_not_utf_8_is_named(project: Folder) -> None:
    (project.root / PIPELINE).write_bytes(b'description = "caf\xe9"')
    (problem,) = broken(project)
    assert problem.startswith(f"{PIPELINE}:")
    assert "UTF-8" in problem


def test_a_type_that_is_declared_twice_names_the_first_file(project: Folder) -> None:
    shutil.copy(project.root / EVENT, project.root / "events/again.toml")
    problems = broken(project)
    assert any("already declared in" in problem for problem in problems)


def test_a_broken_project_with_json_lists_path_and_problem(project: Folder) -> None:
    project.edit(EVENT, "description =", "descirption =")
    result = project.emit(*ACME, "--json")
    assert (result.code, result.err, result.error["kind"]) == (78, "", "project")
    ((path, problem),) = [(detail["path"], detail["problem"]) for detail in result.error["details"]]
    assert path.startswith(f"{EVENT}:")
    assert "descirption" in problem


def test_a_broken_pipeline_with_json_is_a_failed_run_with_the_place(project: Folder) -> None:
    project.edit(PIPELINE, "status =", "statsu =")
    result = project.emit(*ACME, "--json")
    assert (result.code, result.err, result.json["status"]) == (78, "", "accepted")
    (run,) = result.json["runs"]
    assert (run["outcome"], run["deliveries"]) == ("failed", [])
    assert run["reason"].startswith(f"{PIPELINE}:")
    assert "statsu" in run["reason"]


def test_validate_lists_the_same_problems_and_is_exit_1(project: Folder) -> None:
    project.edit(PIPELINE, "status =", "statsu =")
    result = project.run("validate")
    assert result.code == 1
    assert [line for line in result.out.splitlines() if line[0] != " "] == broken(project)


def test_a_mended_project_works_at_once(project: Folder) -> None:
    project.edit(PIPELINE, "status =", "statsu =")
    broken(project)
    project.edit(PIPELINE, "statsu =", "status =")
    works(project)


def test_a_damaged_cache_is_made_anew_in_silence(project: Folder) -> None:
    project.write(".ingestlayer/project.json", '{"version": "0.1.0", "files": [], "proj')
    result = project.emit(*ACME)
    assert (result.code, result.err) == (0, "")


# Entity files ---------------------------------------------------------------------------------------------


def test_a_missing_entity_file_fails_the_run_but_not_the_event(project: Folder) -> None:
    (project.root / "customers.csv").unlink()
    result = project.emit(*ACME, "--json")
    assert result.code == 78
    assert result.json["status"] == "accepted"
    (run,) = result.json["runs"]
    assert (run["outcome"], run["deliveries"]) == ("failed", [])
    assert "customers.csv" in run["reason"]
    assert project.count("events") == 1


def test_words_for_a_failed_run_name_the_file_and_the_remedy(project: Folder) -> None:
    (project.root / "customers.csv").unlink()
    result = project.emit(*ACME)
    assert result.code == 78
    assert "accepted evt_" in result.out
    assert "failed: " in result.out
    assert "customers.csv" in result.out
    assert "hint: " in result.err


def test_quiet_still_tells_of_a_failed_run(project: Folder) -> None:
    (project.root / "customers.csv").unlink()
    result = project.emit(*ACME, "-q")
    assert (result.code, result.out) == (78, "")
    assert "error: usage-limit-hits: " in result.err
    assert "customers.csv" in result.err


def test_validate_names_both_lines_of_a_key_that_stands_twice(project: Folder) -> None:
    with (project.root / "customers.csv").open("a") as file:
        file.write("acme,Acme Two,1,x@y.example,2027-01-01\n")
    result = project.run("validate")
    assert result.code == 1
    problem, source, caret = result.out.splitlines()
    last = len((project.root / "customers.csv").read_text().splitlines())
    assert problem.startswith(f"customers.csv:{last}:1: ")
    assert (source.strip(), caret.strip()) == ("acme,Acme Two,1,x@y.example,2027-01-01", "^")
    assert '"acme"' in problem
    assert "line 2" in problem


def test_the_first_of_two_rows_counts_and_the_event_goes_through(project: Folder) -> None:
    with (project.root / "customers.csv").open("a") as file:
        file.write("acme,Acme Two,1,x@y.example,2027-01-01\n")
    assert "Acme Inc is out of" in project.emit(*ACME).out


# The store ------------------------------------------------------------------------------------------------


def refused_store(project: Folder, words: str, remedy: str) -> None:
    """`emit` says what is wrong with the store and what to do, in words and as JSON."""
    result = project.emit(*ACME)
    assert (result.code, result.out) == (78, ""), result
    message, hint = result.err.splitlines()
    assert message.startswith("error: ")
    assert str(project.store) in message
    assert words in message
    assert remedy in hint
    assert project.emit(*ACME, "--json").error["kind"] == "store"


def test_a_folder_in_the_stores_place_is_told(project: Folder) -> None:
    project.store.mkdir(parents=True)
    refused_store(project, "cannot be opened", "check")
    project.store.rmdir()
    works(project)


def test_a_text_file_in_the_stores_place_is_told_and_left_alone(project: Folder) -> None:
    project.write(".ingestlayer/store.db", "my diary\n" * 100)
    refused_store(project, "is not a SQLite database", "[store] path")
    assert project.store.read_text() == "my diary\n" * 100


def test_a_database_of_another_program_is_told_and_left_alone(project: Folder) -> None:
    connection = sqlite3.connect(project.store)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = project.store.read_bytes()
    refused_store(project, "is a database of another program", "[store] path")
    assert project.store.read_bytes() == before


def test_an_empty_file_in_the_stores_place_becomes_the_store(project: Folder) -> None:
    project.write(".ingestlayer/store.db", "")
    works(project)


def test_a_store_of_a_newer_version_is_told_and_left_alone(project: Folder) -> None:
    works(project)
    connection = sqlite3.connect(project.store)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    refused_store(project, "is of version 99", "upgrade")
    assert project.count("events") == 1


def test_preview_works_without_a_store_and_tells_of_a_newer_one(project: Folder) -> None:
    assert project.run("preview", USAGE, "--json").code == 0
    assert not project.store.exists()
    works(project)
    connection = sqlite3.connect(project.store)
    connection.execute("PRAGMA user_version = 99")
    connection.commit()
    connection.close()
    assert project.run("preview", USAGE, "--json").code == 78


def test_a_damaged_store_is_told(project: Folder) -> None:
    works(project)
    for name in ("store.db-wal", "store.db-shm"):
        (project.store.parent / name).unlink(missing_ok=True)
    data = project.store.read_bytes()
    project.store.write_bytes(data[:100] + os.urandom(len(data) - 100))
    result = project.emit(*ACME)
    assert result.code == 78
    assert str(project.store) in result.err


def test_the_store_may_live_elsewhere(project: Folder) -> None:
    with (project.root / "ingestlayer.toml").open("a") as file:
        file.write('\n[store]\npath = "data/events.db"\n')
    works(project)
    assert (project.root / "data/events.db").exists()
    assert not project.store.exists()


# Disks ----------------------------------------------------------------------------------------------------


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a small file system of its own over a folder."""
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True)
    except OSError as error:
        pytest.skip(f"nothing can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def integrity(project: Folder) -> list[Any]:
    return project.rows("PRAGMA integrity_check")


def fill(project: Folder) -> tuple[int, Result]:
    """Emit large events until one is refused; return how many were accepted, and the refusal."""
    for number in range(100):
        plan = f"--plan={'x' * 20_000}"
        result = project.emit(*ACME, "--key", f"filling-{number}", "--no-deliver", plan)
        if result.code:
            return number, result
    raise AssertionError("the disk does not fill")


def test_a_full_disk_loses_nothing_and_the_program_works_again_with_room(template: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=700k"):
        project = copied(template, tmp_path / "disk" / "project")
        ballast = project.root / "ballast"
        ballast.write_bytes(b"x" * 200_000)
        accepted, result = fill(project)
        assert accepted > 0
        assert (result.code, result.out) == (78, "")
        assert "disk is full" in result.err
        assert "emit again" in result.err
        assert project.count("events") == accepted
        assert integrity(project) == [("ok",)]
        ballast.unlink()
        assert project.emit(*ACME, "--key", "afterwards", "--no-deliver", "-q").code == 0
        assert project.count("events") == accepted + 1
        assert integrity(project) == [("ok",)]


def test_a_disk_that_is_full_in_the_middle_of_a_batch_keeps_whole_transactions(template: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=3m"):
        project = copied(template, tmp_path / "disk" / "project")
        lines = [envelope(number, payload={**PAYLOAD, "plan": "x" * 1_000}) for number in range(5_000)]  # 5 MB
        batch = tmp_path / "events.ndjson"
        batch.write_text("".join(json.dumps(line) + "\n" for line in lines))
        result = project.run("emit", "--batch", batch, "--no-deliver", "--json")
        assert (result.code, result.error["kind"]) == (78, "store")
        assert "disk is full" in result.error["message"]
        kept = project.count("events")
        assert kept % 1000 == 0 or kept < 5_000
        assert project.count("runs") == kept
        assert integrity(project) == [("ok",)]


def test_no_room_for_a_new_store_is_told(template: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=256k"):
        project = copied(template, tmp_path / "disk" / "project")
        with (project.root / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"x" * 4096)
        result = project.emit(*ACME)
        assert result.code == 78
        assert "disk is full" in result.err
        (project.root / "ballast").unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a folder one that nobody may write to: root is bound by a mount alone."""
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    done = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.decode().strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_read_only_folder_is_told_for_a_new_store(project: Folder) -> None:
    shutil.rmtree(project.root / ".ingestlayer")
    with read_only(project.root):
        result = project.emit(*ACME)
        assert (result.code, result.out) == (78, "")
        assert str(project.store.parent) in result.err
        assert "Read-only file system" in result.err or "Permission denied" in result.err
        assert "[store] path" in result.err
    works(project)


def test_a_read_only_folder_is_told_for_a_store_that_is_there(project: Folder) -> None:
    works(project)
    with read_only(project.root):
        result = project.emit(*ACME, "--key", "k")
        assert (result.code, result.out) == (78, "")
        assert str(project.store) in result.err
        assert "permissions" in result.err
    assert project.count("events") == 1


def test_preview_works_in_a_read_only_folder(project: Folder) -> None:
    shutil.rmtree(project.root / ".ingestlayer")
    with read_only(project.root):
        assert project.run("preview", USAGE, "--json").code == 0


def test_init_into_a_read_only_folder_is_told(tmp_path: Path, project: Folder) -> None:
    with read_only(project.root):
        result = project.run("init", "new")
        assert result.code == 2
        assert "cannot be" in result.err


# Values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", '{"used": NaN}'), "NaN is not a JSON number"),
        (("--data", '{"used": Infinity}'), "Infinity is not a JSON number"),
        (("used:=NaN",), "NaN is not a JSON number"),
        (("--used", "NaN"), 'must be a number, not "NaN"'),
        (("--used", "inf"), "must be a number"),
        (("used:=1e999",), "64 bits"),
        (("used:=" + "9" * 30,), "64 bits"),
        (("used:=" + "9" * 5_000,), "the value of used is not JSON"),
        (("--data", "[" * 10_000), "nested too deeply"),
        (("plan:=" + "[" * 100 + "]" * 100,), "deep"),
        ((r'plan:="\ud800"',), "lone surrogate"),
        ((r'plan:={"\ud800": 1}',), "plan"),
        ((b"plan=\xff\xfe",), "not Unicode text"),
        (("--key", "k" * 10_000), "1 to 512 printable characters"),
        (("--key", " "), "1 to 512 printable characters"),
        (("--key", "a\nb"), "1 to 512 printable characters"),
        ((b"--key", b"\xff"), "1 to 512 printable characters"),
        (("--timestamp", "9" * 10_000), "timestamp"),
    ],
)
def test_a_value_that_nothing_could_keep_is_refused_in_few_words(
    shared: Folder, arguments: tuple[Any, ...], words: str
) -> None:
    before = shared.count("dead_letters")
    result = shared.emit(*ACME, *arguments)
    assert (result.code, result.out) == (65, "")
    assert words in result.err
    assert len(result.err) < 1500
    assert shared.count("events") == 0
    assert shared.count("dead_letters") >= before


@pytest.mark.parametrize("type_", ["t" * 10_000, b"\xff\xfe", "a\nb", "\x1b[31m"])
def test_a_type_that_is_none_is_refused_in_few_words(shared: Folder, type_: str | bytes) -> None:
    result = shared.run("emit", type_, "a=b")
    assert (result.code, result.out) == (65, "")
    assert "is not an event type" in result.err
    assert "\x1b" not in result.err
    assert len(result.err) < 500


def test_a_deep_payload_within_the_limit_is_kept_whole(project: Folder) -> None:
    project.declare("deep.thing", '[fields]\ntree = "array"')
    tree = "[" * 50 + "]" * 50
    result = project.run("emit", "deep.thing", f"tree:={tree}", "--json")
    assert result.code == 0
    assert project.rows("SELECT payload FROM events") == [(f'{{"tree":{tree}}}',)]


def test_the_largest_integers_of_64_bits_are_kept_whole(project: Folder) -> None:
    result = project.emit(*ACME, "used:=18446744073709551615", "limit:=-9223372036854775808", "--json")
    assert result.code == 0
    payload = result.json["event"]["payload"]
    assert (payload["used"], payload["limit"]) == (2**64 - 1, -(2**63))


def test_a_payload_over_a_megabyte_is_refused_by_its_size(project: Folder) -> None:
    project.write("big.json", json.dumps({**PAYLOAD, "plan": "x" * 1_100_000}))
    result = project.emit("--data", "@big.json", "--json")
    assert (result.code, result.error["kind"]) == (65, "size")
    assert "1,048,576 bytes" in result.error["message"]


def test_data_that_is_no_json_comes_with_a_remedy(shared: Folder) -> None:
    assert "hint: " in shared.emit("--data", "{'used': 1}").err
    assert "sys.set_int_max_str_digits" not in shared.emit("used:=" + "9" * 5_000).err


# Streams --------------------------------------------------------------------------------------------------


def into_a_closed_pipe(project: Folder, *arguments: str) -> tuple[int, str]:
    """Run the program when the reader of its output has left already; return exit code and stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [PROGRAM, *arguments],
            cwd=project.root,
            stdin=subprocess.DEVNULL,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment(),
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_event_is_delivered_though_the_reader_of_the_output_left(project: Folder, more: tuple[str, ...]) -> None:
    assert into_a_closed_pipe(project, "emit", USAGE, *ACME, *more) == (0, "")
    assert project.rows("SELECT status, lease_until FROM deliveries") == [("shown", None)]
    works_again = project.emit(*ACME, "--metric", "seats", "--json").json
    assert works_again["runs"][0]["deliveries"][0]["status"] == "shown"


def test_a_batch_is_accepted_whole_though_the_reader_of_the_output_left(project: Folder) -> None:
    project.write("events.ndjson", "".join(json.dumps(envelope(number)) + "\n" for number in range(3)))
    assert into_a_closed_pipe(project, "emit", "--batch", "events.ndjson") == (0, "")
    assert project.rows("SELECT status FROM deliveries") == [("shown",)] * 3


def test_the_exit_code_survives_a_reader_that_left(project: Folder) -> None:
    (project.root / "customers.csv").unlink()
    assert into_a_closed_pipe(project, "emit", USAGE, *ACME, "--json")[0] == 78


@pytest.mark.parametrize("command", [("--help",), ("emit", "--help"), ("preview", USAGE), ("events", "list")])
def test_a_reader_that_left_is_no_error_of_other_commands(shared: Folder, command: tuple[str, ...]) -> None:
    assert into_a_closed_pipe(shared, *command) == (0, "")


def test_a_closed_stdin_is_no_crash(shared: Folder) -> None:
    result = shared.emit("--data", "-")
    assert result.code == 65


def test_no_tracebacks_without_debug_and_one_with_it(project: Folder) -> None:
    done = subprocess.run(
        [PROGRAM, "--debug", "emit", "no.such"], cwd=project.root, capture_output=True, env=environment()
    )
    assert done.returncode != 0
    assert b"Traceback" in done.stderr
    assert b"error: the event type no.such is not declared" in done.stderr


def test_the_program_needs_no_home_and_no_terminal(project: Folder) -> None:
    bare = {"PATH": os.environ["PATH"]}
    done = subprocess.run([PROGRAM, "emit", USAGE, *ACME], cwd=project.root, capture_output=True, env=bare)
    assert (done.returncode, done.stderr) == (0, b"")
    assert sys.version_info >= (3, 11)


def test_an_ascii_terminal_shows_question_marks_instead_of_failing(project: Folder) -> None:
    env = {"PYTHONIOENCODING": "ascii"}
    result = project.emit(*ACME, "--customer", "Zoë", env=env)
    assert result.code == 0
    assert "shown" in result.out


@pytest.mark.parametrize(
    "command",
    [
        "events show",
        "events list --type",
        "events list --key",
        "events list --source",
        "deliveries show",
        "deliveries retry",
        "deliveries list --channel",
        "replay --dry-run",
        "preview --event",
        "entities get customer",
        "why",
        "why --refused --type",
    ],
)
def test_an_argument_that_is_no_text_is_wrong_usage(shared: Folder, command: str) -> None:
    shared.emit("--customer", "acme", "--metric", "seats", "--limit", "1", "--used", "1", "--plan", "pro", "-q")
    result = shared.run(*command.split(), "\udcff", "--json")
    assert (result.code, result.json["error"]["kind"]) == (2, "usage"), result
    assert "is not Unicode text" in result.json["error"]["message"]
