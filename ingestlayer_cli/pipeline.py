"""A pipeline on one event: its steps in order, then its destinations. Pure but for what the context gives."""

from typing import Any, NamedTuple

from . import families
from .destinations.base import Composing, Destination
from .errors import IngestlayerError
from .events import Event, Remembered, delivery_id, encode
from .steps.base import Context, Drop, Entities, Memory, Step


class Message(NamedTuple):
    """A composed message for one destination; `body` is JSON text, as it is stored and sent."""

    id: str
    destination: str
    target: str
    body: str
    when: str  # the condition that held, with its values; empty without one


class Run(NamedTuple):
    """What one pipeline did with one event.

    `trace` is [{step, verdict, note, set}], `skipped` is [{destination, target, reason}].
    """

    pipeline: str
    version: str
    outcome: str  # queued dropped failed
    dropped_by: str | None
    reason: str | None
    trace: list[dict[str, Any]]
    messages: list[Message]
    skipped: list[dict[str, str]]
    to_remember: list[Remembered]
    error: IngestlayerError | None = None

    def stored_trace(self) -> str:
        """Return the trace as the store keeps it, the destinations' decisions at its end."""
        steps = [{"step": e["step"], "verdict": e["verdict"], "note": e["note"]} for e in self.trace]
        sent = [{"destination": m.destination, "target": m.target, "note": m.when} for m in self.messages]
        return encode([*steps, *sent, *self.skipped])


class Pipeline:
    """A compiled pipeline."""

    def __init__(self, data: dict[str, Any], connection: str) -> None:
        self.name: str = data["name"]
        self.version: str = data["version"]
        self.text: str = data["text"]
        self._connection = connection
        self._steps: list[tuple[str, Step]] = [(row["use"], families.build("steps", row)) for row in data["steps"]]
        self._destinations: list[tuple[str, int, Destination]] = [
            (
                row["use"],
                row["salt"],
                families.build("destinations", {k: v for k, v in row.items() if k != "salt"}),
            )
            for row in data["destinations"]
        ]

    def run(self, event: Event, entities: Entities, memory: Memory) -> Run:
        """Run the pipeline. What goes wrong inside is the run's outcome, so that no other run is blocked."""
        context = Context(self.name, event, entities, memory)
        trace: list[dict[str, Any]] = []
        try:
            for kind, step in self._steps:
                context.note, context.set = "", {}
                entry = {"step": kind, "verdict": "error", "note": "", "set": context.set}
                trace.append(entry)
                dropped = step(context)
                entry["note"] = dropped.reason if isinstance(dropped, Drop) else context.note
                entry["verdict"] = "drop" if dropped else "continue"
                entry["set"] = context.set
                if dropped:
                    return self._ended(context, trace, "dropped", kind, dropped.reason)
            return self._composed(context, trace)
        except Exception as error:
            return self._failed(context, trace, error)

    def _composed(self, context: Context, trace: list[dict[str, Any]]) -> Run:
        messages: list[Message] = []
        skipped: list[dict[str, str]] = []
        for kind, salt, destination in self._destinations:
            target, when, reason = destination.target(context.scope), destination.when, ""
            if when is not None:
                reason = when.explain(context.scope)
                if not when.holds(context.scope):
                    skipped.append({"destination": kind, "target": target, "reason": reason})
                    continue
            id_ = delivery_id(context.event.id, salt)
            composing = Composing(context.event, self.name, context.scope, id_, self._connection)
            messages.append(Message(id_, kind, target, encode(destination.compose(composing)), reason))
        if messages:
            run = self._ended(context, trace, "queued", None, None)
            return run._replace(messages=messages, skipped=skipped, to_remember=context.to_remember)
        reason = "no destination's condition held" if skipped else "the pipeline has no destination"
        return self._ended(context, trace, "dropped", None, reason)._replace(skipped=skipped)

    def _ended(
        self,
        context: Context,
        trace: list[dict[str, Any]],
        outcome: str,
        dropped_by: str | None,
        reason: str | None,
    ) -> Run:
        return Run(self.name, self.version, outcome, dropped_by, reason, trace, [], [], [])

    def _failed(self, context: Context, trace: list[dict[str, Any]], error: Exception) -> Run:
        if isinstance(error, IngestlayerError):
            known = error
        else:
            known = IngestlayerError(f"a defect of ours: {type(error).__name__}: {error}", "run it with --debug")
            known.__cause__ = error
        if trace and trace[-1]["verdict"] == "error":
            trace[-1]["note"] = known.message
        return self._ended(context, trace, "failed", None, known.message)._replace(error=known)
