"""Our folder of the user's state (XDG Base Directory Specification)."""

import os
from contextlib import suppress


def state_folder() -> str | None:
    """Return our folder of the user's state, None when the user has none.

    Without HOME the password database tells it, as for a shell: a job under `env -i` finds what was kept.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(base):  # the specification: a relative path is to be ignored
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        base = os.path.join(home, ".local", "state")
    return os.path.join(base, "ingestlayer")


def make_folder(path: str) -> None:
    """Make a folder and those above it that are missing, each for its owner alone, whatever the umask; or OSError."""
    if not os.path.isdir(path):
        make_folder(os.path.dirname(path))
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
