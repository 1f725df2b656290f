"""The side index of a large file answers what reading the file through answers, whatever befalls it."""

import csv
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.entities import index as index_module
from ingestlayer_cli.entities.file import EntityFile
from ingestlayer_cli.entities.table import Row
from ingestlayer_cli.system.errors import ProjectError
from tests.support.entities import ALWAYS_INDEXED, NEVER_INDEXED, look_up, write

KEYS = st.one_of(st.sampled_from(["a", "b", "a,b", 'q"q', "line\nbreak", "é", " "]), st.text(max_size=4))
CELLS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=6)
ROWS = st.lists(st.tuples(KEYS, CELLS, CELLS), max_size=12)


def indexed(path: str, folder: Path, key: str) -> Row | None:
    return look_up(path, key, index_dir=str(folder / "store"), index_from=ALWAYS_INDEXED)


def index_of(folder: Path) -> Path:
    (index,) = (folder / "store").iterdir()
    return index


def csv_of(rows: list[tuple[str, str, str]], line_end: str) -> str:
    text = io.StringIO()
    # Everything in quotes: else a lone carriage return in a cell would stand outside of them.
    writer = csv.writer(text, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(("name", "customer_id", "note"))
    writer.writerows((name, key, note) for key, name, note in rows)
    return text.getvalue()


def read(text: str) -> str | None:
    """Return a text as a cell has it: trimmed, composed, null when empty."""
    return normalize("NFC", text.strip()) or None


def expected(rows: list[tuple[str, str, str]], key: str) -> list[dict[str, str | None]]:
    found = [{"name": read(name), "customer_id": read(text), "note": read(note)} for text, name, note in rows]
    return [row for row in found if row["customer_id"] == read(key)]


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, line_end=st.sampled_from(["\n", "\r\n"]))
def test_index_scan_and_memory_agree_on_any_csv(rows: list[tuple[str, str, str]], line_end: str) -> None:
    rows = [row for row in rows if row[0].strip()]
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), "c.csv", csv_of(rows, line_end))
        for key in {"absent", *(row[0] for row in rows)}:
            memory = look_up(path, key, index_from=NEVER_INDEXED)
            scanned = look_up(path, key, index_from=ALWAYS_INDEXED)
            assert indexed(path, Path(name), key) == scanned == memory
            wanted = expected(rows, key)
            assert (memory.values if memory else None) == (wanted[0] if wanted else None)
            assert len(memory.duplicates if memory else ()) == max(0, len(wanted) - 1)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, form=st.sampled_from(["csv", "json", "ndjson"]), indexed=st.booleans())
def test_many_rows_read_at_once_are_those_that_are_read_one_by_one(
    rows: list[tuple[str, str, str]], form: str, indexed: bool
) -> None:
    rows = [row for row in rows if row[0] and "".join(row).strip()]
    objects = [{"customer_id": key, "name": name, "note": note} for key, name, note in rows]
    texts = {
        "csv": csv_of(rows, "\n"),
        "json": json.dumps(objects),
        "ndjson": "\n" + "".join(json.dumps(item) + "\n" for item in objects),
    }
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), f"c.{form}", texts[form])
        index_from = ALWAYS_INDEXED if indexed else NEVER_INDEXED
        keys = ["absent", "a\0b", *(row[0] for row in rows)]
        with EntityFile("customer", path, "customer_id", {}, f"{name}/store", index_from=index_from) as file:
            file.look_up(keys)
            assert [file.get(key) for key in keys] == [look_up(path, key) for key in keys]


def test_rows_that_were_read_ahead_are_forgotten_when_the_file_changes(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,name\na,old\nb,old\n")
    with EntityFile("customer", path, "customer_id", {}, None) as file:
        file.look_up(["a", "b"])
        write(tmp_path, "c.csv", "customer_id,name\na,new\nb,new\n")
        file.look_up(["b"])
        assert [row and row.values["name"] for row in (file.get("a"), file.get("b"))] == ["new", "new"]


def test_what_is_wrong_with_a_file_is_said_when_a_row_is_asked_for_and_not_before(tmp_path: Path) -> None:
    with EntityFile("customer", str(tmp_path / "none.csv"), "customer_id", {}, None) as file:
        file.look_up(["a", "b"])
        with pytest.raises(ProjectError):
            file.get("a")


@settings(deadline=None, max_examples=40)
@given(rows=ROWS, indent=st.sampled_from([None, 2]), ascii_only=st.booleans(), keyed=st.booleans())
def test_index_scan_and_memory_agree_on_any_json(
    rows: list[tuple[str, str, str]], indent: int | None, ascii_only: bool, keyed: bool
) -> None:
    rows = [row for row in rows if row[0].strip() and row[0].isprintable()]
    records = [{"customer_id": key, "name": name, "note": note} for key, name, note in rows]
    document = {record["customer_id"]: record for record in records} if keyed else records
    with tempfile.TemporaryDirectory() as name:
        path = write(Path(name), "c.json", json.dumps(document, indent=indent, ensure_ascii=ascii_only))
        for key in {"absent", *(row[0] for row in rows)}:
            memory = look_up(path, key, index_from=NEVER_INDEXED)
            scanned = look_up(path, key, index_from=ALWAYS_INDEXED)
            assert indexed(path, Path(name), key) == scanned == memory
            last = document.values() if isinstance(document, dict) else document
            wanted = [record for record in last if read(record["customer_id"]) == read(key)]
            if wanted:
                assert memory is not None
                assert memory.values == wanted[0]


def test_a_row_behind_quoted_line_breaks_is_read_from_the_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", 'customer_id,n\r\na,"é\r\n\r\n,é"\r\n\r\nb,"x\ny"\r\nc,z\r\n')
    indexed(path, tmp_path, "a")
    assert indexed(path, tmp_path, "b") == Row({"customer_id": "b", "n": "x\ny"}, 6)


def test_an_index_is_used_again(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    inode = index_of(tmp_path).stat().st_ino
    indexed(path, tmp_path, "a")
    assert index_of(tmp_path).stat().st_ino == inode


def test_a_changed_file_gets_a_new_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    write(tmp_path, "c.csv", "customer_id\n\n\nb\na\n")
    assert indexed(path, tmp_path, "a") == Row({"customer_id": "a"}, 5)


def test_another_key_column_gets_a_new_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\na,b\n")
    indexed(path, tmp_path, "a")
    store = str(tmp_path / "store")
    row = look_up(path, "b", column="n", index_dir=store, index_from=ALWAYS_INDEXED)
    assert row == Row({"customer_id": "a", "n": "b"}, 2)


def test_kinds_with_characters_that_no_file_name_has_get_an_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    with EntityFile("../a/b?#%", path, "customer_id", {}, str(tmp_path / "store"), index_from=0) as file:
        file.get("a")
    assert index_of(tmp_path).name.endswith(".index")


@pytest.mark.parametrize("keep", [0, 10, 100, 4096, 5000])
def test_a_truncated_index_is_rebuilt_silently(tmp_path: Path, keep: int) -> None:
    path = write(tmp_path, "c.csv", "customer_id\n" + "".join(f"c{n}\n" for n in range(2000)))
    indexed(path, tmp_path, "c1")
    os.truncate(index_of(tmp_path), keep)
    assert indexed(path, tmp_path, "c1999") == Row({"customer_id": "c1999"}, 2001)


@pytest.mark.parametrize("at", [0, 4096, 8192, 12288])
def test_an_index_with_a_page_of_rubbish_is_rebuilt_silently(tmp_path: Path, at: int) -> None:
    path = write(tmp_path, "c.csv", "customer_id\n" + "".join(f"c{n}\n" for n in range(2000)))
    indexed(path, tmp_path, "c1")
    with index_of(tmp_path).open("rb+") as file:
        file.seek(at)
        file.write(b"\xa5" * 4096)
    assert indexed(path, tmp_path, "c1999") == Row({"customer_id": "c1999"}, 2001)


def test_an_index_whose_places_are_wrong_is_rebuilt(tmp_path: Path) -> None:
    import sqlite3

    path = write(tmp_path, "c.csv", "customer_id\na\nb\n")
    indexed(path, tmp_path, "a")
    connection = sqlite3.connect(index_of(tmp_path))
    with connection:
        connection.execute("UPDATE place SET start = start + 1")
    connection.close()
    assert indexed(path, tmp_path, "b") == Row({"customer_id": "b"}, 3)


def test_a_folder_in_the_place_of_the_index_does_not_matter(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    index = index_of(tmp_path)
    index.unlink()
    index.mkdir()
    assert indexed(path, tmp_path, "a") == Row({"customer_id": "a"}, 2)


def test_an_index_folder_that_cannot_be_made_falls_back_to_reading_through(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\nb\n")
    row = look_up(path, "b", index_dir=f"{path}/store", index_from=ALWAYS_INDEXED)
    assert row == Row({"customer_id": "b"}, 3)


def test_without_an_index_folder_every_look_up_is_answered(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\nb\na\n")
    with EntityFile("customer", path, "customer_id", {}, None, index_from=ALWAYS_INDEXED) as file:
        rows = [file.get(key) for key in ("b", "a", "zz", "b")]
    a, b = Row({"customer_id": "a"}, 2, (4,)), Row({"customer_id": "b"}, 3)
    assert rows == [b, a, None, b]


def test_no_unfinished_index_is_left_behind_by_a_broken_file(tmp_path: Path) -> None:
    from ingestlayer_cli.system.errors import ProjectError

    path = write(tmp_path, "c.json", '[{"customer_id": "a"}, ')
    with pytest.raises(ProjectError):
        indexed(path, tmp_path, "a")
    assert list((tmp_path / "store").iterdir()) == []


def test_what_a_killed_builder_left_is_swept(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    leftover = index_of(tmp_path).with_suffix(".index.0123.tmp")
    leftover.touch()
    os.utime(leftover, (1, 1))
    write(tmp_path, "c.csv", "customer_id\nb\n")
    indexed(path, tmp_path, "b")
    assert not leftover.exists()


def test_the_builder_of_another_process_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    unfinished = index_of(tmp_path).with_suffix(".index.0123.tmp")
    unfinished.touch()
    write(tmp_path, "c.csv", "customer_id\nb\n")
    indexed(path, tmp_path, "b")
    assert unfinished.exists()


def test_processes_that_build_at_once_all_answer(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\n" + "".join(f"c{n},{n}\n" for n in range(20_000)))
    code = (
        "import sys; from ingestlayer_cli.entities.file import EntityFile\n"
        "with EntityFile('customer', sys.argv[1], 'customer_id', {}, sys.argv[2], index_from=0) as file:\n"
        "    print(file.get('c19999').line)"
    )
    command = [sys.executable, "-c", code, path, str(tmp_path / "store")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = [process.communicate()[0].strip() for process in processes]
    assert answers == ["20001"] * 4
    assert index_of(tmp_path).suffix == ".index"


def test_who_finds_another_one_building_waits_for_its_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    indexed(path, tmp_path, "a")
    index, built = index_of(tmp_path), tmp_path / "built"
    index.rename(built)
    rows: list[Row | None] = []
    waiting = threading.Thread(target=lambda: rows.append(indexed(path, tmp_path, "a")))
    folder = os.open(index.parent, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    waiting.start()
    time.sleep(0.2)
    shutil.copy2(built, index)
    own = index.stat().st_ino
    os.close(folder)
    waiting.join()
    assert [row.line for row in rows if row] == [2]
    assert index.stat().st_ino == own


def test_a_builder_that_is_stuck_is_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "PATIENCE", 0.05)
    path = write(tmp_path, "c.csv", "customer_id\na\n")
    (tmp_path / "store").mkdir()
    folder = os.open(tmp_path / "store", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    found = indexed(path, tmp_path, "a")
    os.close(folder)
    assert found is not None
    assert index_of(tmp_path).exists()


def test_a_file_rewritten_all_the_time_is_answered_with_one_of_its_states(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,n\na,0\n")
    code = (
        "import os, sys\n"
        "for n in range(400):\n"
        "    with open(sys.argv[1] + '.new', 'w') as file:\n"
        "        file.write('customer_id,n\\n' + 'x,y\\n' * n + f'a,{n}\\n')\n"
        "    os.replace(sys.argv[1] + '.new', sys.argv[1])\n"
    )
    with (
        subprocess.Popen([sys.executable, "-c", code, path]) as writer,
        EntityFile("customer", path, "customer_id", {}, str(tmp_path / "store"), index_from=0) as file,
    ):
        while writer.poll() is None:
            row = file.get("a")
            assert row is not None
            assert row.line == int(row.values["n"]) + 2


def test_an_index_of_other_code_is_built_again(tmp_path: Path) -> None:
    built = Path(index_module.__file__).parent
    copy = tmp_path / "entities"
    shutil.copytree(built, copy)
    table = copy / "reading" / "csv_rows.py"
    table.write_bytes(table.read_bytes() + b"\n")
    asked = "import sys; sys.path.insert(0, sys.argv[1]); import index; print(index.code())"
    said = subprocess.run([sys.executable, "-c", asked, str(copy)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() != index_module.code()


def test_an_edit_that_keeps_size_and_time_gets_a_new_index(tmp_path: Path) -> None:
    path = write(tmp_path, "c.csv", "customer_id,name\na,Acme\n")
    os.utime(path, (1, 1))
    assert indexed(path, tmp_path, "a") is not None
    Path(path).write_text("customer_id,name\nb,Acme\n")
    os.utime(path, (1, 1))
    assert indexed(path, tmp_path, "a") is None
