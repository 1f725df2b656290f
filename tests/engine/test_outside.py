"""Nothing outside the store is read while it is held: a slow disk or a keyring that hangs keeps no other waiting."""

import ast
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.memory import Foreseen, laid_over
from tests.support import ROOT
from tests.support.folder import Folder
from tests.support.pipe import Pipe
from tests.support.program import LONG_AGO, PROGRAM, environment, wait_until

ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
# Whose key is not known before the first step has run.
BY_ANOTHER = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$entity.customer.owner"\n'
OWNERS = "customer_id,name,owner\n" + "".join(f"c{n},Customer {n},o{n}\no{n},Owner {n},\n" for n in range(50))
HASH = '[[steps]]\nuse = "redact.pii"\nsecret = "keyring:REDACTION"\nfields = { name = "hash" }\n'


@pytest.fixture
def chained(pipe: Pipe) -> Pipe:
    pipe.write("customers.csv", OWNERS)
    pipe.steps(ENRICH + BY_ANOTHER, says="$entity.customer.name")
    return pipe


# One process ----------------------------------------------------------------------------------------------


def test_a_row_that_could_not_be_foreseen_is_found(chained: Pipe) -> None:
    chained.emit(customer_id="c7")
    assert chained.messages() == ["Owner 7"]


def test_rows_that_could_not_be_foreseen_are_found_in_a_batch(chained: Pipe) -> None:
    assert chained.batch([{"customer_id": f"c{number}"} for number in range(50)]) == ["queued"] * 50
    assert chained.messages() == [f"Owner {number}" for number in range(50)]
    assert chained.select("SELECT count(*) FROM events") == [(50,)]


def test_rows_that_could_not_be_foreseen_are_found_in_a_replay(chained: Pipe) -> None:
    chained.steps(f'{ENRICH}[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "24h"\n{BY_ANOTHER}')
    for number in range(3):
        chained.emit(customer_id=f"c{number}")
    assert chained.replay().runs == {"queued": 3, "dropped": 0, "failed": 0}


def test_a_secret_is_read_beforehand_and_a_missing_one_fails_its_run_alone(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REDACTION", raising=False)
    pipe.steps(HASH.replace("keyring:", "env:").replace("name", "customer_id"), name="hashing")
    pipe.steps(ENRICH, name="other")
    outcomes = {run.pipeline: run.outcome for run in pipe.emit(customer_id="acme").runs}
    assert outcomes == {"hashing": "failed", "other": "queued"}
    monkeypatch.setenv("REDACTION", "key")
    assert [run.outcome for run in pipe.emit(customer_id="acme").runs] == ["queued", "queued"]


def test_a_file_that_is_asked_for_while_the_store_is_held_is_an_error(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    with Runtime(pipe.project()) as runtime:
        assert runtime.entities.get("customer", "acme") is not None
        with runtime.outside.held(), pytest.raises(RuntimeError, match="while the store is held"):
            runtime.entities.get("customer", "acme")
        assert runtime.entities.get("customer", "acme") is not None


def test_all_that_a_run_asks_for_was_read_before(pipe: Pipe) -> None:
    pipe.steps(ENRICH)
    with Runtime(pipe.project()) as runtime:
        foreseen = Foreseen()
        foreseen.rows["customer"].add("acme")
        runtime.outside.prepare(foreseen)
        pipe.write("customers.csv", "customer_id,name\n")
        with runtime.outside.held():
            row = runtime.outside.row("customer", "acme")
            assert row is not None
            laid_over(row.values, None).clear()  # a copy: the next run sees it whole
            assert runtime.outside.row("customer", "acme").values["name"] == "Acme Inc"  # type: ignore[union-attr]
            assert runtime.outside.file_name("customer") == "customers.csv"


def test_steps_ask_nobody_but_their_context() -> None:
    """By their imports: a step that opened a file itself would do so while the store is held."""
    for path in (ROOT / "ingestlayer_cli" / "steps").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            names = [name for name in names if not name.startswith("entities.reading")]  # how cells are read: no files
            assert not {"os", "pathlib", "secrets", "entities", "named"} & {
                part for n in names for part in n.split(".")
            }


# Several processes ----------------------------------------------------------------------------------------


@pytest.fixture
def quick(project: Folder) -> Folder:
    """A project whose `quick` events need nothing from outside."""
    for type_ in ("quick", "slow"):
        project.declare(type_, '[fields]\nname = "string"')
    project.listen("quick")
    assert project.run("emit", "quick", "--name", "x").code == 0
    return project


def started(project: Folder, **more: str) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    command = [PROGRAM, "emit", "slow", "--name", "x"]
    return subprocess.Popen(command, cwd=project.root, env=environment(more), stdin=null, stdout=null, stderr=null)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Let a process stand still, for as long as we like."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)


def assert_another_emits(project: Folder, still: subprocess.Popen[bytes]) -> None:
    """Emit what is unrelated to a process that stands still: what waits for anything of that one would not end."""
    try:
        assert project.run("emit", "quick", "--name", "x").code == 0
    finally:
        still.send_signal(signal.SIGCONT)


def stopped_as_it_builds(project: Folder, path: Path) -> subprocess.Popen[bytes]:
    """Return a process that stands still in the middle of building an index."""

    def building() -> list[Path]:
        return list((project.root / ".ingestlayer").glob(f"{path.stem}.index.*.tmp"))

    for second in range(20):  # it may be done before it is stopped
        os.utime(path, (LONG_AGO + second,) * 2)
        process = started(project)
        wait_until(lambda it=process: building() or it.poll() is not None)
        stop(process)
        if building():
            return process
        process.send_signal(signal.SIGCONT)
        process.wait()
    raise AssertionError("it is never stopped in time")


def test_while_an_index_is_built_others_emit(quick: Folder) -> None:
    rows = "".join(f"{number},Customer {number}\n" for number in range(200_000))
    path = quick.write("big.csv", f"id,name\n{rows}")
    with (quick.root / "ingestlayer.toml").open("a") as file:
        file.write('\n[entities.big]\nfile = "big.csv"\nkey = "id"\n')
    quick.listen("slow", '[[steps]]\nuse = "enrich.entity"\nkind = "big"\nkey = "$event.name"\n')
    process = stopped_as_it_builds(quick, path)
    assert_another_emits(quick, process)
    assert process.wait(60) == 0
    assert quick.rows("SELECT outcome FROM runs ORDER BY event DESC LIMIT 1") == [("queued",)]


def test_while_a_keyring_hangs_others_emit(quick: Folder, tmp_path: Path) -> None:
    quick.listen("slow", HASH)
    asked = tmp_path / "asked"
    where: dict[str, Any] = {"PYTHONPATH": str(ROOT), "TEST_KEYRING": str(asked)}
    process = started(quick, PYTHON_KEYRING_BACKEND="tests.support.keyrings.Telling", **where)
    wait_until(asked.exists)
    stop(process)
    assert_another_emits(quick, process)
    assert process.wait(60) == 78
    assert quick.rows("SELECT outcome FROM runs ORDER BY event DESC LIMIT 1") == [("failed",)]
