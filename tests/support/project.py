"""Projects in a temporary folder."""

import os
import time
from pathlib import Path

import pytest

from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.system.errors import ProjectError

SOUND = {
    "ingestlayer.toml": '[entities.customer]\nfile = "customers.csv"\nkey = "id"\n',
    "events/usage.toml": 'type = "usage"\n[fields]\nused = "number"\nlimit = "number"\nplan = "string?"\n',
    "pipelines/alert.toml": 'match = ["usage"]\n[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n',
}
DESTINATION = '[[destinations]]\nuse = "slack"\nchannel = "#a"\n'


def write(root: Path, files: dict[str, str | bytes | None]) -> Path:
    """Write the sound project with these files in place of its own; None leaves a file out."""
    for name, text in {**SOUND, **files}.items():
        if text is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def problems(root: Path, files: dict[str, str | bytes | None]) -> list[str]:
    """Return every problem of the project as a line, `file:line:column: words`."""
    with pytest.raises(ProjectError) as caught:
        Compiler(str(write(root, files))).run()
    return [f"{path}: {words}" for path, words in caught.value.details]


def age(root: Path) -> None:
    """Give every file of the project the time of an hour ago, and wait until their inodes are old enough to be kept."""
    then = time.time() - 3600
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))
    time.sleep(0.06)
