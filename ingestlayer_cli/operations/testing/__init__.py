"""Running the tests that pipelines carry: the real gate, pipeline and composing, on a clock that stands.

Nothing is stored, sent or written. Earlier events of a test leave their keys and their steps' memory in a
memory of its own; entity rows of a test stand in for the project's files.
"""

import json
import os
from typing import TYPE_CHECKING

from ...engine import flow
from ...engine.runtime import Runtime
from . import goldens
from .cases import Case, CaseOutcome, Failure
from .comparing import compared
from .surroundings import NotRun, Surroundings

if TYPE_CHECKING:
    from ...model.documents.events import PreviewDocument


def run(runtime: Runtime, case: Case, update: bool = False) -> CaseOutcome:
    """Run one test. With `update` a golden body is not compared: the caller writes it."""
    surroundings = Surroundings(runtime, case)
    try:
        event, tested = surroundings.go()
    except NotRun as error:
        return CaseOutcome(case, [error.failure], None)
    preview: PreviewDocument = {"event": event.document(), "runs": [flow.previewed(tested)]}
    if tested.error is not None:
        return CaseOutcome(case, [Failure("run", "a run without an error", tested.error.message)], preview)
    bodies = [json.loads(message.body) for message in tested.messages]
    failures = list(compared(case.data["expect"], tested, bodies, surroundings.waits(event, tested)))
    golden = None
    if name := case.data["expect"].get("body"):
        got = goldens.pretty(bodies[0] if len(bodies) == 1 else bodies)
        path = os.path.join(runtime.project.root, name)
        if not bodies:
            failures.append(Failure("body", f"a message like {name}", "no message"))
        elif update:
            golden = path, got
        else:
            failures += goldens.compared(path, name, got)
    return CaseOutcome(case, failures, preview, golden)
