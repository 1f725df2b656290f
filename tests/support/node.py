"""Node and TypeScript, for what is made for them: installed once, from a lock file, into a cache of the user's."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import PATIENCE, environment

LOCKED = Path(__file__).parent / "npm"
_FILES = ("package.json", "package-lock.json")


@cache
def tools() -> Path:
    """Return the folder of the packages; the test is skipped where npm cannot be had, unless it must be."""
    found = _why_not()
    if found:
        if os.environ.get("INGESTLAYER_NEEDS_NPM"):
            pytest.fail(found)
        pytest.skip(found)
    return _folder() / "node_modules"


@cache
def _why_not() -> str:
    """Install what is locked, if it is not there; say why it cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "there is no Node with npm on this machine"
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "done").exists():
            return ""
        for name in _FILES:
            shutil.copy(LOCKED / name, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        if ended.returncode:
            return f"npm cannot install TypeScript: {ended.stderr.strip()[-300:]}"
        (folder / "done").touch()
    return ""


def _folder() -> Path:
    number = hashlib.sha256(b"".join((LOCKED / name).read_bytes() for name in _FILES)).hexdigest()[:12]
    return cached(f"npm-{number}")


def cached(name: str) -> Path:
    """Return a folder that is there for the next run of the tests, too."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ingestlayer-tests" / name


def installed(package: Path, folder: Path) -> Path:
    """Install a package, and what the tools are, into a program's folder as npm does: by links."""
    modules = folder / "node_modules"
    (modules / "@ingestlayer").mkdir(parents=True, exist_ok=True)
    (modules / "@ingestlayer" / "sdk").symlink_to(package)
    (modules / "@types").symlink_to(tools() / "@types")
    (modules / "undici-types").symlink_to(tools() / "undici-types")
    return folder


def compiled(folder: Path, *arguments: str) -> str:
    """Run tsc in a folder; return what it says: nothing where all is well."""
    tsc = tools() / "typescript" / "bin" / "tsc"
    return _run([str(tsc), *arguments], folder, {}, check=False).stdout


def node(folder: Path, script: str, env: Mapping[str, str] | None = None, name: str = "script.mjs") -> Any:
    """Run a script; return the JSON on its stdout. It must end by itself, without an error."""
    tools()
    (folder / name).write_text(script)
    out = _run(["node", "--unhandled-rejections=strict", name], folder, env or {}).stdout
    return json.loads(out) if out.strip() else None


def _run(
    command: Sequence[str], folder: Path, env: Mapping[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    whole = environment(env)
    ended = subprocess.run(command, cwd=folder, env=whole, capture_output=True, text=True, timeout=PATIENCE)
    assert not check or ended.returncode == 0, ended.stdout + ended.stderr
    return ended
