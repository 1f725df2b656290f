"""What a start of the program loads."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.folder import Folder
from tests.support.program import environment

HEAVY = {"typer", "click", "pydantic", "pydantic_core", "rich", "httpx", "slack_sdk", "asyncio", "typing"}


def loaded(project: Folder, *arguments: str, env: Mapping[str, str] | None = None) -> set[str]:
    """Return the top-level packages that a call of the program imports."""
    return {name.partition(".")[0] for name in modules(project.root, *arguments, env=env)}


def modules(root: Path, *arguments: str, env: Mapping[str, str] | None = None) -> set[str]:
    """Return the modules that a call of the program imports."""
    command = [sys.executable, "-X", "importtime", "-m", "ingestlayer_cli", *arguments]
    done = subprocess.run(command, cwd=root, env=environment(env), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}
