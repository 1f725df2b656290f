"""What the pipelines as they are now would make of one stored event: whether a replay is a remedy."""

from ..engine.given import PastMemory
from ..engine.pipeline import Pipeline
from ..engine.runtime import Runtime
from ..model.events import Event
from ..project.match import matches
from ..store.contract.protocols import Store
from ..system.errors import IngestlayerError


def senders(runtime: Runtime, store: Store, event: Event, idle: list[str]) -> set[str]:
    """Return the pipelines that would send something for an event: active ones, and of these that are not."""
    project = runtime.project
    paused = [
        Pipeline(data, project.connections)
        for data in project.pipelines
        if data["name"] in idle and data["status"] != "active" and matches(data["match"], event.type)
    ]
    memory, firsts = PastMemory(store), store.runs.firsts([event.id], bodies=False)[event.id]
    found = set()
    for pipeline in (*runtime.pipelines(event.type), *paused):
        try:
            run, _ = memory.run_again(pipeline, event, runtime.outside, firsts)
        except IngestlayerError:
            continue  # it would fail
        if run.messages:
            found.add(pipeline.name)
    return found
