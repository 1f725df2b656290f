"""file: whole lines below the project's folder, whoever else writes, and whatever breaks off."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.destinations.file import sender as _file_api
from ingestlayer_cli.destinations.file.paths import MOST, problem_of, segment
from ingestlayer_cli.destinations.file.sender import Files
from ingestlayer_cli.model.events import encode
from ingestlayer_cli.model.sending import Doubt, Found, Outgoing, Refused, Retry, Sent
from tests.support.bench import Bench
from tests.support.program import environment, ran_at_once, wait_until

PATH = "alerts/all.ndjson"


def destination(path: str = PATH) -> str:
    return f"[[destinations]]\nuse = \"file\"\npath = '{path}'\n"


@pytest.fixture
def filing(bench: Bench) -> Bench:
    """A project that writes to one file, and whose Slack is this terminal."""
    bench.connect("terminal")
    bench.pipeline(destination())
    return bench


def lines(root: Path, path: str = PATH) -> list[str]:
    text = (root / path).read_bytes().decode()
    assert text.endswith("\n")
    return text[:-1].split("\n")


def outgoing(body: dict[str, object], path: str = PATH, id_: str = "dlv_1") -> Outgoing:
    return Outgoing(id_, path, body, {})


# Lines ----------------------------------------------------------------------------------------------------


def test_a_line_is_the_body_as_it_is_stored(filing: Bench) -> None:
    result = filing.emit({"customer_id": "acme", "note": "a\nb\u2028 é"})
    assert (result.code, result.delivery["status"], result.delivery["target"]) == (0, "delivered", PATH)
    assert [(line,) for line in lines(filing.root)] == filing.rows("SELECT body FROM deliveries")
    event = result.json["event"]
    assert json.loads(lines(filing.root)[0]) == {name: event[name] for name in ("id", "type", "received_at", "payload")}


def test_lines_are_appended_in_the_order_of_acceptance(filing: Bench) -> None:
    for number in range(5):
        filing.emit({"n": number})
    assert [json.loads(line)["payload"]["n"] for line in lines(filing.root)] == list(range(5))


def test_a_transform_makes_the_line(filing: Bench) -> None:
    filing.pipeline('[[steps]]\nuse = "transform"\nbody = { who = "$event.customer_id" }\n' + destination())
    filing.emit({"customer_id": "acme"})
    assert lines(filing.root) == ['{"who":"acme"}']


def test_a_torn_last_line_is_ended_first(filing: Bench) -> None:
    filing.write(PATH, '{"whole":1}\n{"torn":')
    filing.emit({"n": 1})
    first, torn, last = lines(filing.root)
    assert (first, torn) == ('{"whole":1}', '{"torn":')
    assert json.loads(last)["payload"] == {"n": 1}


def test_what_stood_there_stays(filing: Bench) -> None:
    filing.write(PATH, "another program's\n")
    filing.emit()
    assert lines(filing.root)[0] == "another program's"


def test_no_deliver_writes_nothing(filing: Bench) -> None:
    filing.emit(None, "--no-deliver")
    assert not (filing.root / "alerts").exists()


def test_preview_writes_nothing_and_draws_the_json(filing: Bench) -> None:
    result = filing.run("preview", "a.b", "customer_id=acme")
    assert '"customer_id": "acme"' in result.out
    assert f"file {PATH}" in result.out
    assert not (filing.root / "alerts").exists()


# Paths ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["alerts/$event.type.ndjson", "alerts/${event.type}.ndjson", "./alerts//$event.type.jsonl"]
)
def test_a_path_is_a_template(filing: Bench, path: str) -> None:
    filing.pipeline(destination(path))
    assert filing.emit().delivery["target"] == "alerts/usage.limit_reached." + path.rpartition(".")[2]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("acme", "acme"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("a\\b\x01c", "a%5Cb%01c"),
        ("Zürich AG", "Zürich AG"),
        ("a%2Fb", "a%252Fb"),
        ("", "_"),
        (None, "_"),
        (7.0, "7"),
    ],
)
def test_a_value_is_one_safe_segment(filing: Bench, value: object, name: str) -> None:
    filing.pipeline(destination("alerts/${event.who}.ndjson"))
    assert filing.emit({"who": value}).code == 0
    assert os.listdir(filing.root / "alerts") == [f"{name}.ndjson"]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(value=st.text() | st.text("./\\~%\0 ", max_size=6), other=st.text(max_size=8))
def test_any_value_is_a_name_in_one_folder_and_different_ones_differ(value: str, other: str) -> None:
    name = segment(value)
    assert os.path.normpath(os.path.join("/p", name)) == f"/p/{name}"
    assert name.isprintable() or not name.isascii()
    assert len(name.encode()) <= MOST
    assert (segment(other) == name) == (other == value) or {value, other} <= {"", "_"}


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/x", "../x", "a/../../x", "~/x", "C:/x", "a\\b", "", " ", "a/", "a\tb", "ingestlayer.toml"),
        *("./ingestlayer.toml", "pipelines/alert.toml", "events/x.ndjson", ".ingestlayer/store.db"),
        *("./.ingestlayer/x", "Pipelines/x", ".git/x"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(filing: Bench, path: str) -> None:
    filing.pipeline(destination(path) if "\t" not in path else '[[destinations]]\nuse = "file"\npath = "a\\tb"\n')
    result = filing.run("validate")
    assert result.code == 1
    assert "file: path: " in result.out + result.err


def test_an_entity_file_is_not_written_to(filing: Bench) -> None:
    text = (filing.root / "ingestlayer.toml").read_text()
    filing.write("ingestlayer.toml", text + '[entities.customer]\nfile = "customers.ndjson"\nkey = "id"\n')
    filing.write("customers.ndjson", '{"id": "acme"}\n')
    filing.pipeline(destination("./customers.ndjson"))
    result = filing.run("validate")
    assert result.code == 1
    assert "is read as an entity file" in result.out + result.err


@pytest.mark.parametrize("value", ["ingestlayer.toml", "pipelines"])
def test_a_value_cannot_choose_what_is_the_projects_own(filing: Bench, value: str) -> None:
    filing.pipeline(destination("$event.who" if "." in value else "$event.who/x.ndjson"))
    before = (filing.root / "ingestlayer.toml").read_bytes()
    result = filing.emit({"who": value})
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert (filing.root / "ingestlayer.toml").read_bytes() == before
    assert os.listdir(filing.root / "pipelines") == ["alert.toml"]


def test_a_link_that_leads_out_of_the_project_is_refused(filing: Bench, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (filing.root / "alerts").symlink_to(tmp_path / "outside")
    result = filing.emit()
    assert (result.code, result.delivery["status"]) == (69, "dead")
    assert os.listdir(tmp_path / "outside") == []


def test_a_link_to_the_projects_own_files_is_refused(filing: Bench) -> None:
    (filing.root / "alerts").symlink_to(filing.root / ".ingestlayer")
    assert filing.emit().delivery["status"] == "dead"
    assert problem_of(".ingestlayer/x")


# What goes wrong ------------------------------------------------------------------------------------------


NOBODY = """
import os, sys
from ingestlayer_cli.destinations.file.sender import Files
from ingestlayer_cli.model.sending import Outgoing
if os.geteuid() == 0:
    os.setuid(65534)  # root may write everywhere
print(Files(sys.argv[1]).send(Outgoing("dlv_1", "a.ndjson", {}, {})))
"""


def test_a_file_that_may_not_be_written_waits_with_a_hint() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        Path(folder, "a.ndjson").touch(0o444)
        result = subprocess.run([sys.executable, "-c", NOBODY, folder], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("NotConnected(why='a.ndjson cannot be written: Permission denied'")
    assert "check the permissions of a.ndjson" in result.stdout


def test_a_full_disk_is_tried_again_and_leaves_no_half_line(filing: Bench) -> None:
    # A limit on the size of files is the full disk that a test can have.
    script = (
        "import resource, signal, sys; from ingestlayer_cli.main import main;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000)); main()"
    )
    filing.write(PATH, "x" * 2_999_989 + "\n")
    command = [sys.executable, "-c", script, "-C", str(filing.root), "emit", "a.b", "x=1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    (delivery,) = json.loads(done.stdout)["runs"][0]["deliveries"]
    assert (done.returncode, delivery["status"], delivery["attempts"]) == (75, "retrying", 1)
    assert (filing.root / PATH).stat().st_size == 2_999_990
    filing.make_due()
    assert filing.run("deliver").code == 0
    assert len(lines(filing.root)) == 2


def test_what_is_no_file_is_refused_for_good(filing: Bench) -> None:
    (filing.root / PATH).mkdir(parents=True)
    assert filing.emit().delivery["status"] == "dead"


def test_a_pipe_is_refused_and_not_waited_for(filing: Bench) -> None:
    (filing.root / "alerts").mkdir()
    os.mkfifo(filing.root / PATH)
    result = filing.emit()
    assert (result.delivery["status"], "no regular file" in result.delivery["error"]) == ("dead", True)


def test_a_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    assert isinstance(Files(str(tmp_path)).send(outgoing({}, "x" * 300)), Refused)


def test_a_lock_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        threading.Timer(0.1, fcntl.flock, (held, fcntl.LOCK_UN)).start()
        started = time.monotonic()
        assert isinstance(Files(str(tmp_path)).send(outgoing({"a": 1}, "a.ndjson")), Sent)
        assert time.monotonic() - started > 0.05


def test_a_lock_that_is_held_for_too_long_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_file_api, "PATIENCE", 0.05)
    with (tmp_path / "a.ndjson").open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        result = Files(str(tmp_path)).send(outgoing({"a": 1}, "a.ndjson"))
    assert isinstance(result, Retry)
    assert "locked" in result.why


def test_a_file_that_was_rotated_while_its_lock_was_held_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=Files(str(tmp_path)).send, args=(outgoing({"a": 1}, "a.ndjson"),))
        thread.start()
        time.sleep(0.1)
        path.rename(tmp_path / "a.ndjson.1")
        fcntl.flock(held, fcntl.LOCK_UN)
        thread.join()
    assert path.read_bytes() == b'{"a":1}\n'
    assert (tmp_path / "a.ndjson.1").read_bytes() == b""


# Looking --------------------------------------------------------------------------------------------------


def test_a_line_that_is_there_is_found_and_another_is_not(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.send(outgoing({"a": 1}))
    doubts = [Doubt(outgoing({"a": 1}, id_="dlv_1"), 0), Doubt(outgoing({"a": 11}, id_="dlv_2"), 0)]
    assert files.find(None, doubts) == Found({"dlv_1": {"path": PATH}})


def test_one_line_tells_of_one_of_two_deliveries_with_the_same_body(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.send(outgoing({"a": 1}))
    found = files.find(None, [Doubt(outgoing({"a": 1}, id_=id_), 0) for id_ in ("dlv_1", "dlv_2")])
    assert isinstance(found, Found)
    assert len(found.receipts) == 1


def test_a_file_that_was_not_written_since_is_not_looked_through(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.send(outgoing({"a": 1}))
    os.utime(tmp_path / PATH, (1_000, 1_000))
    assert files.find(None, [Doubt(outgoing({"a": 1}), 1_000_000_000)]) == Found({})


def test_without_a_file_nothing_is_found(tmp_path: Path) -> None:
    assert Files(str(tmp_path)).find(None, [Doubt(outgoing({}), 0)]) == Found({})


def unknown(filing: Bench) -> None:
    """Make the only delivery one whose sender vanished long ago."""
    filing.change("UPDATE deliveries SET status = 'unknown', settled_at = NULL, queued_at = queued_at - 600000")
    filing.change("UPDATE attempts SET at = at - 600000, outcome = 'unknown'")


def test_a_delivery_whose_line_was_written_is_not_written_again(filing: Bench) -> None:
    filing.emit()
    unknown(filing)
    assert filing.run("deliver").code == 0
    assert len(lines(filing.root)) == 1
    assert filing.rows("SELECT status FROM deliveries") == [("delivered",)]


def test_a_delivery_whose_line_is_not_there_is_written_again(filing: Bench) -> None:
    filing.emit()
    unknown(filing)
    (filing.root / PATH).write_text('{"another":1}\n')
    assert filing.run("deliver").code == 0
    assert len(lines(filing.root)) == 2


# Many at once ---------------------------------------------------------------------------------------------

WRITER = """
import sys
from ingestlayer_cli.destinations.file.sender import Files
from ingestlayer_cli.model.sending import Outgoing, Sent
root, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
files = Files(root)
print("ready", flush=True)
for number in range(count):
    body = {"writer": name, "number": number, "fill": name * (50_000 + number % 7 * 10_000)}
    assert isinstance(files.send(Outgoing("dlv_1", "alerts/all.ndjson", body, {})), Sent)
    print(number, flush=True)
"""


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Eight processes that write long lines into one file."""
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(name), "25"], stdout=-1, text=True)
        for name in range(8)
    ]
    yield running
    for process in running:
        process.kill()
        process.communicate()


def parsed(root: Path) -> tuple[list[tuple[str, int]], int]:
    """Return (writer, number) of each whole line, and how many are torn."""
    found, torn = [], 0
    for line in (root / PATH).read_bytes().split(b"\n"):
        try:
            row = json.loads(line)
            assert line == encode(row).encode()
            assert set(row["fill"]) == set(row["writer"])
            found.append((row["writer"], row["number"]))
        except ValueError:
            torn += bool(line)
    return found, torn


def test_eight_processes_append_whole_lines(writers: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    assert [process.wait(60) for process in writers] == [0] * 8
    found, torn = parsed(tmp_path)
    assert torn == 0
    assert sorted(found) == [(str(name), number) for name in range(8) for number in range(25)]


def test_a_writer_that_is_killed_spoils_no_line_of_another(
    writers: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    for process in writers[:3]:
        wait_until(lambda: (tmp_path / PATH).exists())
        time.sleep(0.05)
        process.kill()
    said = [len(process.communicate(timeout=100)[0].split()) - 1 for process in writers]
    found, torn = parsed(tmp_path)
    assert torn <= 3
    assert len(set(found)) == len(found)
    for name, count in enumerate(said):  # what was said to be written is
        assert sum(writer == str(name) for writer, _ in found) >= count


def test_eight_emits_at_once_write_eight_lines(filing: Bench) -> None:
    commands = [("emit", "a.b", f"n={number}") for number in range(8)]
    assert [result.code for result in ran_at_once(commands, filing.root, environment())] == [0] * 8
    numbers = [json.loads(line)["payload"]["n"] for line in lines(filing.root)]
    assert sorted(numbers) == [str(number) for number in range(8)]
