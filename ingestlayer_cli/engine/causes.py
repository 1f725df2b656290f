"""What a failed run waits for: its next time, or that something is another than what it failed by."""

import json
import os

from ..model.events import encode
from ..project.find import FILE
from ..system.stamps import stamp_of
from ..system.typed import TYPE_CHECKING
from .attempts import CURVE

if TYPE_CHECKING:
    from ..project import Project
    from .pipeline import Run


def cause(project: "Project", run: "Run") -> str:
    """Return what a run failed by, as text: its pipeline's name and version, and files of the project with stamps.

    Among them is always the project's own file: it says where everything lies.
    """
    files = {FILE: _own_stamp(project)}
    if run.error is not None and run.error.by is not None:
        path, stamp = run.error.by
        files[os.path.relpath(path, project.root)] = stamp
    return encode([run.pipeline, run.version, files])


def _own_stamp(project: "Project") -> object:
    """Return the stamp of the project's file as it was when it was read, where that is known."""
    known = next((stamp for name, *stamp in project.files or () if name == FILE), None)
    return known or stamp_of(os.path.join(project.root, FILE))


def retry_at(run: "Run", tries: int, now: int) -> int | None:
    """Return when a run that failed so often is tried again; None where no time helps.

    It is never given up: the last pause of the curve is repeated.
    """
    if run.error is not None and run.error.lasting:
        return None
    return now + CURVE[min(tries, len(CURVE)) - 1]


def pipeline_of(text: str) -> str:
    """Return the name of the pipeline in a cause."""
    return str(json.loads(text)[0])


class Causes:
    """Judges causes against the project as it is now.

    Where its files are so broken that it is but what is left of a project, nothing can be told: all of it waits.
    """

    def __init__(self, project: "Project") -> None:
        self.is_told = project.trouble is None
        self._root = project.root
        pipelines = project.pipelines + project.broken
        self._active = {row["name"]: row["version"] for row in pipelines if row["status"] == "active"}

    def is_idle(self, text: str) -> bool:
        """Say whether the pipeline is paused, or gone: its runs wait for it."""
        return self.is_told and pipeline_of(text) not in self._active

    def has_changed(self, text: str) -> bool:
        """Say whether something is another than what the run failed by: it is tried again at once."""
        name, version, files = json.loads(text)
        if self._active.get(name) != version:
            return name in self._active
        return any(stamp_of(os.path.join(self._root, path)) != stamp for path, stamp in files.items())
