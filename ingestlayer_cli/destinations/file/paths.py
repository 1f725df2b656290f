"""Paths below the project's folder: what may stand in one, and what a value becomes in it."""

import hashlib

from ...system.addresses import quote

MOST = 100  # characters of a value in a file's name; file systems take 255 bytes

# Folders of the project, and its file, that are not for data.
_KEPT = (".ingestlayer", ".git", "events", "pipelines")
_OWN = "ingestlayer.toml"


def problem_of(path: str) -> str | None:
    """Say why nothing may be written to a path of the project, or None."""
    first, *rest = path.casefold().split("/")
    if first in _KEPT or (first == _OWN and not rest):
        return f"{path.split('/')[0]} is the project's own: name another place"
    return None


def segment(value: str) -> str:
    """Make a value a safe part of a file's name: in one folder, visible, not too long; what differs still does."""
    name = "".join([char if char.isalnum() or char in "-_.~ " else quote(char) for char in value])
    if name[:1] in (".", " ", "~"):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if name.endswith(" "):
        name = name[:-1] + "%20"
    if len(name.encode("utf-8", "replace")) > MOST:
        digest = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()[:12]
        name = f"{name.encode()[: MOST - 13].decode('utf-8', 'ignore')}~{digest}"
    return name or "_"
