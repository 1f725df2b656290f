"""The cache of the compiled project: right after every edit, and nothing is compiled while nothing was edited.

Each load is a process of its own, as it is for a user.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import ingestlayer_cli
from ingestlayer_cli.project import load
from tests.support.program import PATIENCE
from tests.support.project import DESTINATION, SOUND, age, write

# Each line that it reads is a project; it is loaded by a fork, which has of ours what a start loads before that, and
# of what compiles all but the first module: to import it is most of what a load takes.
LOADER = """
import json, os, sys
import pydantic  # which takes longest
from ingestlayer_cli.system.errors import IngestlayerError
from ingestlayer_cli.project import load, compile
del sys.modules["ingestlayer_cli.project.compile"]
for line in sys.stdin:
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    root, keep = json.loads(line)
    os.chdir(root)
    try:
        project = load(root, keep=keep == "keep")
        said = {"pipelines": project.pipelines, "types": project.types, "retention": project.retention}
    except IngestlayerError as error:
        said = error.document()
    print(json.dumps({**said, "compiled": "ingestlayer_cli.project.compile" in sys.modules}), flush=True)
    os._exit(0)
"""
PACKAGE = Path(ingestlayer_cli.__file__).parent
FILES = [*SOUND, "b.json"]
PROJECT: dict[str, str | bytes | None] = {
    "pipelines/alert.toml": 'match = ["usage"]\n' + DESTINATION + '[destinations.message]\nblocks = "b.json"\n',
    "b.json": '[{"type": "divider"}]',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose cache is kept and fresh."""
    write(tmp_path, PROJECT)
    age(tmp_path)
    assert loaded(tmp_path)["compiled"]
    return tmp_path


class Loader:
    """A process that loads projects by the program, or by a copy of its code."""

    def __init__(self, code: Path | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LOADER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=code,  # where Python looks first
            text=True,
        )

    def load(self, root: Path, keep: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(root), keep]) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._process.stdout.readline())
        return said

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


@functools.cache
def loader() -> Loader:
    return Loader()


@pytest.fixture(scope="module", autouse=True)
def _the_loader_ends() -> Iterator[None]:
    yield
    loader().close()


def loaded(root: Path, keep: str = "keep", code: Path | None = None) -> dict[str, Any]:
    """Load a project in a process of its own."""
    if code is None:
        return loader().load(root, keep)
    with closing(Loader(code)) as other:
        return other.load(root, keep)


def cache(root: Path) -> Path:
    return root / ".ingestlayer" / "project.json"


def test_the_second_load_compiles_nothing(root: Path) -> None:
    assert not loaded(root)["compiled"]


def test_the_second_load_gives_the_same_project(root: Path) -> None:
    first = loaded(root, "no")
    cache(root).unlink()
    assert {**loaded(root, "no"), "compiled": False} == first


def test_a_second_load_in_the_same_process_works_without_a_cache(tmp_path: Path) -> None:
    write(tmp_path, {})
    assert load(str(tmp_path), keep=False).types == load(str(tmp_path), keep=False).types


@pytest.mark.parametrize("name", FILES)
def test_an_edit_of_any_file_is_seen(root: Path, name: str) -> None:
    path = root / name
    path.write_text(path.read_text() + "\n")
    assert loaded(root)["compiled"]


@pytest.mark.parametrize("name", FILES)
def test_an_edit_that_keeps_the_size_is_seen(root: Path, name: str) -> None:
    path = root / name
    path.write_bytes(path.read_bytes())
    assert loaded(root)["compiled"]


def test_what_an_edit_of_the_same_size_says_counts_at_once(root: Path) -> None:
    path = root / "events" / "usage.toml"
    path.write_text(path.read_text().replace('type = "usage"', 'type = "usagf"'))
    assert loaded(root)["types"] == ["usagf"]


def test_two_edits_of_the_same_size_right_after_another_are_both_seen(root: Path) -> None:
    path = root / "events" / "usage.toml"
    text = path.read_text()
    for name in ("usagf", "usagg", "usagh"):
        path.write_text(text.replace('type = "usage"', f'type = "{name}"'))
        assert loaded(root)["types"] == [name]


@pytest.mark.parametrize("name", ["events/usage.toml", "pipelines/second.toml", "events/second.toml"])
def test_a_new_or_removed_file_is_seen(root: Path, name: str) -> None:
    path = root / name
    if path.exists():
        path.unlink()
    else:
        path.write_text('type = "second"\n[fields]\n' if "events" in name else DESTINATION)
        os.utime(path, (1, 1))
    assert loaded(root)["compiled"]


@pytest.mark.parametrize("name", FILES)
def test_an_edit_that_breaks_a_file_is_an_error_and_not_the_old_project(root: Path, name: str) -> None:
    (root / name).write_text("{")
    said = loaded(root)
    assert said["error"]["kind"] == "project" if "error" in said else said["pipelines"] == []


@pytest.mark.parametrize("name", FILES)
def test_an_edit_that_keeps_size_and_time_is_seen(root: Path, name: str) -> None:
    path = root / name
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert loaded(root)["compiled"]


def test_another_file_of_the_same_size_and_time_in_its_place_is_seen(root: Path) -> None:
    path = root / "events" / "usage.toml"
    other = root / "other"
    other.write_text(path.read_text().replace('type = "usage"', 'type = "usagf"'))
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert loaded(root)["types"] == ["usagf"]


def test_a_project_is_compiled_again_by_other_code(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    code = tmp_path_factory.mktemp("code")
    shutil.copytree(PACKAGE, code / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    assert loaded(root, code=code)["compiled"]
    assert not loaded(root, code=code)["compiled"]
    for module in ("project/models.py", "steps/filter.py", "destinations/slack/kit.py", "steps/new.py"):
        path = code / PACKAGE.name / module
        before = path.stat() if path.exists() else None
        path.write_bytes(path.read_bytes() if path.exists() else b"")
        if before is not None:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert loaded(root, code=code)["compiled"], module


def rebuilt(root: Path) -> None:
    """The project is loaded as if there were no cache, and then kept again."""
    assert loaded(root)["types"] == ["usage"]
    age(root)
    loaded(root)
    assert not loaded(root)["compiled"]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"\xff\xfe", b"null", b"[]", b"5", b'{"code": 1}', b"[" * 100_000, b"\n", b"{}\n{}"),
        b'{"files": 5, "code": null}\n{}',
    ],
)
def test_a_corrupt_cache_is_rebuilt_silently(root: Path, content: bytes) -> None:
    cache(root).write_bytes(content)
    rebuilt(root)


@pytest.mark.parametrize("kept", [10, 200, -1])
def test_a_truncated_cache_is_rebuilt_silently(root: Path, kept: int) -> None:
    cache(root).write_bytes(cache(root).read_bytes()[:kept])
    rebuilt(root)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"match":["usage"]', b'"match":[1.5, 2.5]'),
        (b'"window":86400000', b'"window":"long"   '),
        (b'"channel":', b'"chanell":'),
        (b'"sum": ', b'"sum": 1'),
    ],
)
def test_a_cache_with_anything_else_in_it_is_rebuilt_silently(root: Path, old: bytes, new: bytes) -> None:
    content = cache(root).read_bytes()
    assert old in content
    cache(root).write_bytes(content.replace(old, new))
    rebuilt(root)


def test_what_is_no_file_in_the_place_of_the_cache_does_not_matter(root: Path) -> None:
    cache(root).unlink()
    os.mkfifo(cache(root))
    rebuilt(root)
    cache(root).unlink()
    cache(root).mkdir()
    assert loaded(root)["types"] == ["usage"]


def test_without_keep_nothing_is_written(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    age(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    loaded(tmp_path, "no")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_cache_that_is_there_is_used_without_keep(root: Path) -> None:
    assert not loaded(root, "no")["compiled"]


def test_a_broken_project_leaves_no_cache(tmp_path: Path) -> None:
    write(tmp_path, {"ingestlayer.toml": "a = 1"})
    age(tmp_path)
    loaded(tmp_path)
    assert not cache(tmp_path).exists()


def test_a_file_of_this_moment_is_not_kept_because_its_next_edit_may_look_the_same(tmp_path: Path) -> None:
    write(tmp_path, PROJECT)
    then = 4_000_000_000
    os.utime(tmp_path / "b.json", (then, then))
    loaded(tmp_path)
    assert not cache(tmp_path).exists()


def test_where_the_cache_cannot_be_written_the_project_loads_all_the_same(tmp_path: Path) -> None:
    write(tmp_path, {**PROJECT, ".ingestlayer": "a file in its place"})
    age(tmp_path)
    assert loaded(tmp_path)["types"] == ["usage"]
