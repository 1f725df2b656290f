"""`backtest` and `replay --dry-run --again` tell what a fresh project does with the same events, in the same order."""

import json
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestlayer_cli.engine.pipeline import Run
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.operations import backtest, replay
from ingestlayer_cli.operations.player import ReplayOptions
from ingestlayer_cli.project import load
from ingestlayer_cli.render.plain import lines
from ingestlayer_cli.store.contract.reading import Selection
from tests.support.posting import TYPE, Posting, emit_all
from tests.support.stored import database

METRICS = ("seats", "api-calls", "storage")
FILTERED = """
match = ["usage.*"]
[[steps]]
use = "filter"
when = "$event.used / $event.limit >= {line}"
[[destinations]]
use = "slack"
channel = "#alerts"
"""
ONCE = """
[[steps]]
use = "dedupe"
key = "$event.customer_id:$event.metric"
window = "{window}"
[[steps]]
use = "filter"
when = "$event.used > 50"
[[destinations]]
use = "slack"
channel = "#growth"
[destinations.message]
title = "{title}"
text = "$event.used of $event.limit"
"""
SPLIT = """
match = ["usage.limit_reached"]
{step}
[[destinations]]
use = "slack"
channel = "#alerts"
when = "$event.used / $event.limit >= 1"
[[destinations]]
use = "slack"
channel = "{low}"
when = "$event.used / $event.limit < 1 and $event.plan == 'pro'"
"""
DEDUPE = '[[steps]]\nuse = "dedupe"\nkey = "$event.customer_id"\nwindow = "6h"'
NOW: dict[str, str] = {
    "filtered": FILTERED.format(line=0.8),
    "once": ONCE.format(window="24h", title="$event.customer_id"),
    "split": SPLIT.format(step="", low="#test"),
}
EDITS: list[dict[str, str]] = [
    {
        "filtered": FILTERED.format(line=0.5),
        "once": ONCE.format(window="2h", title="$event.metric of $event.customer_id"),
        "split": SPLIT.format(step=DEDUPE, low="#growth"),
    },
    {
        "once": 'status = "paused"\n' + ONCE.format(window="24h", title="x"),
        "other": ONCE.format(window="7d", title="$event.plan"),
        "split": SPLIT.format(step="", low="#$event.plan").replace("used / $event.limit >= 1", "used >= 100"),
    },
]

events = st.lists(
    st.builds(
        lambda minute, customer, metric, used, limit, plan: (minute, customer, metric, used, limit, plan),
        st.integers(0, 3 * 24 * 60),
        st.integers(0, 3),
        st.sampled_from(METRICS),
        st.integers(0, 150),
        st.sampled_from([0, 100, 100, 120]),
        st.sampled_from(["pro", "team"]),
    ),
    max_size=40,
)
BASE = datetime.now(UTC).replace(microsecond=0) - timedelta(days=10)


def envelope(row: tuple[int, int, str, int, int, str]) -> dict[str, Any]:
    minute, customer, metric, used, limit, plan = row
    at = (BASE + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    data = {"customer_id": f"c{customer}", "metric": metric, "limit": limit, "used": used, "plan": plan}
    return {"type": TYPE, "payload": data, "timestamp": at}


def undo_key(posting: Posting) -> None:
    """Let every event in: the declaration's key would make duplicates of the later ones."""
    path = posting.root / "events" / "usage.limit_reached.toml"
    posting.write("events/usage.limit_reached.toml", re.sub(r"(?s)\[idempotency\].*?\n\n", "", path.read_text()))


def pipelines(posting: Posting, texts: dict[str, str]) -> None:
    for path in (posting.root / "pipelines").glob("*.toml"):
        path.unlink()
    for name, text in texts.items():
        posting.write(f"pipelines/{name}.toml", text)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Posting]:
    """The project as it was, and as it is after each edit."""
    found = []
    for number, texts in enumerate([NOW, *EDITS]):
        posting = Posting(tmp_path_factory.mktemp("projects") / str(number))
        undo_key(posting)
        pipelines(posting, texts)
        found.append(posting)
    return found


def opened(folder: Posting, store: Path) -> Runtime:
    posting = load(str(folder.root))
    posting.store_path = str(store)
    store.unlink(missing_ok=True)
    return Runtime(posting)


class Told:
    """What became of each event, in words without ids: by the event's place and the pipeline."""

    def __init__(self, places: dict[str, int]) -> None:
        self.places = places
        self.found: dict[tuple[int, str], Any] = {}

    def words(self, text: str) -> str:
        return re.sub(r"evt_\w+", lambda id_: f"event {self.places[id_[0]]}", text)

    def add(
        self, event_id: str, pipeline: str, outcome: str, reason: str | None, targets: list[str], bodies: list[str]
    ) -> None:
        texts = [self.words("\n".join(lines(json.loads(body)))) for body in bodies]
        sent = sorted(zip(targets, texts, strict=True))
        self.found[self.places[event_id], pipeline] = outcome, self.words(reason or ""), sent


def in_order(runtime: Runtime) -> list[Event]:
    return [item.event for item in runtime.store.history.select(Selection(), newest_first=False)]


def emitted(runtime: Runtime, places: dict[str, int]) -> dict[tuple[int, str], Any]:
    """Return what the store says became of its events."""
    told = Told(places)
    for id_, number, pipeline, outcome, reason, seq in database(runtime.store).rows(
        "SELECT e.id, r.number, v.pipeline, r.outcome, r.reason, e.seq FROM runs r JOIN events e ON e.seq = r.event"
        " JOIN pipeline_versions v ON v.seq = r.version"
    ):
        rows = database(runtime.store).rows(
            "SELECT target, body FROM deliveries WHERE event = ? AND run = ? ORDER BY seq", seq, number
        )
        told.add(id_, pipeline, outcome, reason, [row[0] for row in rows], [row[1] for row in rows])
    return told.found


def replayed(runtime: Runtime, old: Runtime, places: dict[str, int], by_time: bool) -> dict[tuple[int, str], Any]:
    """Return what the plan of a replay says of the events of another store."""
    told = Told(places)

    def each(event: Event, run: Run) -> None:
        bodies = [message.body for message in run.messages]
        told.add(event.id, run.pipeline, run.outcome, run.reason, [message.target for message in run.messages], bodies)

    options = ReplayOptions(again=True, mark=False, by_time=by_time)
    numbers = replay.choose(runtime, old.store, Selection(), options)
    replay.plan(runtime, old.store, numbers, options, each=each)
    return told.found


def backtested(runtime: Runtime, old: Runtime, places: dict[str, int], by_time: bool) -> dict[tuple[int, str], Any]:
    """Return the `after` of a backtest, and see that its `before` is what the other store has."""
    before, after = Told(places), Told(places)
    for pair in pairs_of(runtime, old, by_time):
        for side, told in ((pair.before, before), (pair.after, after)):
            if side.outcome:
                # Beside what a run says, a backtest tells the values of what did not hold.
                reason = "" if side.outcome == "queued" else str(side.reason).partition("; not ")[0]
                told.add(pair.event.id, pair.pipeline, side.outcome, reason, side.targets, side.bodies)
    assert before.found == emitted(old, places)
    return after.found


def pairs_of(runtime: Runtime, old: Runtime, by_time: bool) -> Iterator[backtest.Pair]:
    found: list[backtest.Pair] = []
    backtest.backtest(runtime, old.store, Selection(), bodies=True, each=found.append, by_time=by_time)
    return iter(found)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=events, edit=st.sampled_from([0, 1, 2]), by_time=st.booleans())
def test_they_agree_with_a_fresh_project(
    folders: list[Posting], tmp_path: Path, rows: list[tuple[int, int, str, int, int, str]], edit: int, by_time: bool
) -> None:
    envelopes = [envelope(row) for row in rows]
    with opened(folders[0], tmp_path / "old.db") as old, opened(folders[edit], tmp_path / "new.db") as new:
        emit_all(old, folders[0], envelopes)
        stored = in_order(old)
        # By time, those of one time as they were accepted.
        emit_all(new, folders[edit], sorted(envelopes, key=lambda data: data["timestamp"] if by_time else ""))
        places = {event.id: place for place, event in enumerate(stored)}
        places |= {event.id: place for place, event in enumerate(in_order(new))}
        expected = emitted(new, places)
        assert replayed(new, old, places, by_time) == expected
        assert backtested(new, old, places, by_time) == expected


COUNT = 1_100  # more than are stored, or read again, at once


def test_they_count_the_same_as_a_fresh_project_on_more_than_a_chunk(folders: list[Posting], tmp_path: Path) -> None:
    numbers = random.Random(7)
    rows = [
        (
            numbers.randrange(5 * 24 * 60),
            numbers.randrange(50),
            numbers.choice(METRICS),
            numbers.randrange(150),
            100,
            numbers.choice(["pro", "team"]),
        )
        for _ in range(COUNT)
    ]
    envelopes = sorted(map(envelope, rows), key=lambda data: str(data["timestamp"]))
    old = Posting(tmp_path / "old")
    undo_key(old)
    pipelines(old, NOW)
    with old.runtime() as runtime:
        emit_all(runtime, old, envelopes)
    for edit, texts in enumerate(EDITS, start=1):
        pipelines(old, texts)
        with opened(folders[edit], tmp_path / "new.db") as new:
            fresh = emit_all(new, folders[edit], envelopes)
            counts = dict(database(new.store).rows("SELECT target, count(*) FROM deliveries GROUP BY target"))
        tested = old.here("backtest", "--json").json
        planned = old.here("replay", "--until", "now", "--again", "--dry-run", "--json").json
        assert tested["events"] == planned["events"] == COUNT
        assert tested["messages"]["after"] == planned["messages"] == counts
        assert tested["runs"]["after"] == planned["runs"] == fresh["runs"]
        assert tested["messages"]["before"] == dict(old.sql("SELECT target, count(*) FROM deliveries GROUP BY target"))
