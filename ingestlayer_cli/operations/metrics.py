"""What a monitor asks every few seconds, in numbers: as Prometheus text, or as JSON.

All of it is of a moment: what the store holds, and how the last runs ended. Nothing here is a counter that only grows:
`store prune` forgets. https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import __version__
from ..engine.causes import pipeline_of
from ..engine.records import CHECKS, DELIVERS
from ..engine.runtime import Runtime
from ..project import Project
from ..system.errors import StoreError
from ..system.typed import Values
from .gathering import area_of
from .troubles import troubles

if TYPE_CHECKING:
    from ..model.documents.metrics import MetricDocument
    from ..store.contract.protocols import Store

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "ingestlayer_"


class Number(NamedTuple):
    """One number, and what it is of."""

    labels: dict[str, str]
    value: float


class Metric(NamedTuple):
    """Numbers of one name, all of them gauges."""

    name: str
    help: str
    samples: list[Number]

    def document(self) -> "MetricDocument":
        """Return it as `--json` shows it."""
        samples: list[Any] = [{"labels": labels, "value": value} for labels, value in self.samples]
        return {"name": self.name, "type": "gauge", "help": self.help, "samples": samples}


def measured(project: Project) -> "tuple[list[Metric], StoreError | None]":
    """Return every number of now, and why those of the store are missing, if they are; nothing is left beside it."""
    with Runtime(project, keep=False) as runtime:
        now = runtime.clock.now()
        try:
            store = runtime.stored
            return metrics(runtime.project, store, now), None
        except StoreError as error:
            return metrics(project, None, now, is_up=False), error


def metrics(project: Project, store: "Store | None", now: int, is_up: bool = True) -> list[Metric]:
    """Return every number that there is. Each is labelled with its project: a machine may have several.

    `store` is None where there is none yet, or where it cannot be read; then it is not `is_up`.
    """
    found = [*_of_project(project, is_up)]
    if is_up:
        found += _of_troubles(project, store, now)
    if store is not None:
        found += [*_of_store(store), *_of_runs(store, project)]
    where = {"project": project.root}
    return [
        Metric(PREFIX + name, words, [Number({**where, **labels}, value) for labels, value in samples])
        for name, words, samples in found
        if samples
    ]


def exposition(found: Iterable[Metric]) -> str:
    """Return metrics as Prometheus reads them."""
    lines = []
    for name, words, samples in found:
        lines += [f"# HELP {name} {_escaped(words)}", f"# TYPE {name} gauge"]
        for labels, value in samples:
            told = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels.items())
            lines.append(f"{name}{{{told}}} {value!r}")
    return "".join(f"{line}\n" for line in lines)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(text: str) -> str:
    """Return the value of a label; what is no Unicode, of the name of a folder, becomes a question mark."""
    return _escaped(text.encode("utf-8", "replace").decode()).replace('"', r"\"")


# What there is ----------------------------------------------------------------------------------------------


def _gauge(name: str, words: str, *samples: tuple[dict[str, str], float | None]) -> Metric:
    return Metric(name, words, [Number(labels, value) for labels, value in samples if value is not None])


def _of_project(project: Project, is_up: bool) -> Iterator[Metric]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield _gauge("build_info", "The program that says this.", ({"version": __version__, "python": python}, 1))
    yield _gauge("up", "Whether the store can be read.", ({}, int(is_up)))
    yield _gauge("project_valid", "Whether the project's files have no error.", ({}, int(not project.problems)))
    every = [({"check": name}, _seconds(data["every"])) for name, data in project.checks.items()]
    yield _gauge("check_every_seconds", "How often a check is to run.", *every)


def _of_troubles(project: Project, store: "Store | None", now: int) -> Iterator[Metric]:
    wrong = troubles(project, store, now)
    marks = [({"mark": mark}, sum(it.mark == mark for it in wrong)) for mark in ("problem", "warning")]
    yield _gauge("troubles", "How much is wrong: ingestlayer status names it.", *marks)
    each = {(it.kind, area_of(it.subject)): it.mark for it in reversed(wrong)}
    yield _gauge(
        "trouble",
        "What is wrong, as ingestlayer status has it.",
        *[({"kind": kind, "subject": subject, "mark": mark}, 1) for (kind, subject), mark in sorted(each.items())],
    )


def _of_store(store: "Store") -> Iterator[Metric]:
    totals, size = store.upkeep.totals(), store.upkeep.size()
    yield _gauge("store_bytes", "How large the store is.", ({}, size.used))
    yield _gauge("store_free_bytes", "How much of that it uses before it grows.", ({}, size.free))
    yield _gauge("store_log_bytes", "What is written ahead of the store, beside it.", ({}, size.log))
    by_type = [({"type": type_}, count) for type_, count in sorted(totals.events.items())]
    yield _gauge("events", "Stored events.", *by_type)
    last = _seconds(totals.accepted_at)
    yield _gauge("last_event_timestamp_seconds", "When the last event was accepted.", ({}, last))
    refused = _seconds(totals.refused_at)
    yield _gauge("last_refused_timestamp_seconds", "When the last event was refused.", ({}, refused))
    runs = [({"pipeline": name, "outcome": outcome}, count) for (name, outcome), count in sorted(totals.runs.items())]
    yield _gauge("runs", "Runs of pipelines on the stored events.", *runs)
    places: dict[tuple[str, str, str], int] = {}
    for (destination, target, status), count in sorted(totals.deliveries.items()):
        place = destination, area_of(target), status  # nobody's address goes to a monitor
        places[place] = places.get(place, 0) + count
    names = "destination", "target", "status"
    deliveries = [(dict(zip(names, place, strict=True)), count) for place, count in places.items()]
    yield _gauge("deliveries", "Messages of the stored events, but for those that others replaced.", *deliveries)
    waiting, due = _seconds(totals.waiting_since), _seconds(totals.due_since)
    yield _gauge(
        "oldest_waiting_timestamp_seconds", "When the oldest message that is not settled was queued.", ({}, waiting)
    )
    yield _gauge(
        "oldest_due_timestamp_seconds", "When the first message that waits to be sent was, or is, due.", ({}, due)
    )
    waits: dict[str, int] = {}
    for group in store.unfinished.groups():
        name = pipeline_of(group.cause)
        waits[name] = waits.get(name, 0) + group.runs
    failed = [({"pipeline": name}, count) for name, count in sorted(waits.items())]
    yield _gauge("unfinished_runs", "Runs that failed, and wait to be run again.", *failed)


_NOTED = (
    ("last_run_timestamp_seconds", "started_at", "When its last run began."),
    ("last_success_timestamp_seconds", "good_at", "When its last good run ended."),
    ("last_duration_seconds", "took", "How long its last run took."),
    ("last_exit_code", "exit", "What its last run answered."),
)
_JUDGED = (
    ("rows", "rows", "Rows that its last run judged, of those that could read its source."),
    ("crossed", "crossed", "Rows that newly reached a level in that run."),
)
_COUNTS = ("exit", "rows", "crossed")  # the rest are milliseconds


def _of_runs(store: "Store", project: Project) -> Iterator[Metric]:
    """Yield how the last runs of checks, and of `deliver`, went."""
    notes = store.notes(CHECKS)
    checks = [({"check": name}, notes[name]) for name in project.checks if name in notes]
    for name, key, words in (*_NOTED, *_JUDGED):
        yield _gauge(f"check_{name}", words, *[(labels, _noted(note, key)) for labels, note in checks])
    deliver = store.note(DELIVERS, "")
    for name, key, words in _NOTED if deliver is not None else ():
        yield _gauge(f"deliver_{name}", words, ({}, _noted(deliver, key)))


def _noted(note: Values, key: str) -> float | None:
    value: int | None = note.get(key)
    return value if key in _COUNTS else _seconds(value)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
