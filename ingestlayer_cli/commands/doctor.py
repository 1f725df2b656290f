"""`doctor`: what is wrong with a set-up."""

from typing import TYPE_CHECKING

from .options import Json, Quiet

if TYPE_CHECKING:
    from ..model.documents.projects import DoctorDocument


def doctor(json: Json = False, quiet: Quiet = False) -> int:
    """Look at everything that a set-up needs, and say what is wrong and what to do. Changes nothing.

    Exits with 1 when something is wrong; with -q only that is printed.
    """
    from ..operations.doctor import examine
    from ..render.slack_status import line
    from ..system.clock import Clock
    from ..system.console import say_json
    from ..system.errors import Exit
    from . import settings

    found = []
    for finding in examine(settings.project, Clock()):
        found.append(finding)
        if not json and (finding.mark == "problem" or not quiet):
            line(finding.mark, finding.told, finding.hint)
    if json:
        document: DoctorDocument = {"findings": [finding.document() for finding in found]}
        say_json(document)
    return Exit.FOUND if any(finding.mark == "problem" for finding in found) else Exit.OK
