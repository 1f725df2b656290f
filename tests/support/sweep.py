"""Looking for secrets in everything that a run of the tests has written."""

import mmap
from collections.abc import Iterator
from pathlib import Path

from tests.support.person import MARK


def leaks(folder: Path) -> Iterator[str]:
    """Yield the files that hold a secret: all but those in a folder `outside`, and our own file, if it is private."""
    for path in folder.rglob("*"):
        if path.is_symlink() or not path.is_file() or "outside" in path.parts:
            continue
        mode, size = path.stat().st_mode & 0o777, path.stat().st_size
        is_ours = path.parent.name == "ingestlayer" and path.name == "slack.json" and mode == 0o600
        if size and not is_ours and mode & 0o400 and _holds(path):
            yield f"{path} ({mode:o})"


def _holds(path: Path) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(MARK.encode()) >= 0
