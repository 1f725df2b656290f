"""What a run keeps of itself."""

import json

import pytest

from ingestlayer_cli.engine.pipeline import Entry, Message, Run, entry_document
from ingestlayer_cli.model.events import encode

TRACES: list[list[Entry]] = [
    [],
    [("filter", "drop", 'used "97" < \\ 100\n\t\x01 ü \U0001f600 \u2028 </script>', "")],
    [("enrich.entity", "continue", "", ""), ("dedupe", "drop", "a:b was let through", "evt_01")],
]


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("count", [0, 1])
def test_a_stored_trace_is_the_json_of_its_steps_and_then_of_its_destinations(trace: list[Entry], count: int) -> None:
    message = Message("dlv_01", "slack", "#alerts", "{}", "used = 1", None, {})
    skipped = [{"destination": "slack", "target": "#growth", "reason": "used = 1 < 2"}]
    run = Run("alerts", "1", "queued", trace=trace, messages=[message] * count, skipped=skipped * count)
    sent = {"destination": "slack", "target": "#alerts", "note": "used = 1"}
    whole = [*map(entry_document, trace), *[sent] * count, *skipped * count]
    assert run.stored_trace() == encode(whole)
    assert json.loads(run.stored_trace()) == whole
