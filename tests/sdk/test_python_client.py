"""The Python client against a door with faults: nothing is lost, and nothing is twice."""

import importlib
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.door import FAULTS, WAIT, Answer, Door, by_chance
from tests.support.folder import PAYLOAD, USAGE, Folder


@pytest.fixture(scope="module")
def sdk(shared: Folder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The package, imported as a program does."""
    folder = tmp_path_factory.mktemp("sdk")
    assert shared.run("sdk", "python", "--out", folder).code == 0
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("ingestlayer_sdk")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith("ingestlayer_sdk")]:
            del sys.modules[name]


@pytest.fixture
def client(sdk: Any) -> Iterator[Any]:
    """Make a client that leaves a slow server early."""
    made = []

    def make(door: Door, **more: Any) -> Any:
        made.append(sdk.Client(door.url, "il_test", attempt_timeout=WAIT, **more))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_environment_says_where_to(sdk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Door() as door:
        monkeypatch.setenv("INGESTLAYER_URL", door.url + "/")
        monkeypatch.setenv("INGESTLAYER_KEY", "il_test\n")
        at = datetime(2026, 11, 3, tzinfo=UTC)
        result = sdk.ingest(USAGE, PAYLOAD, idempotency_key="acme:11", timestamp=at)
        sdk.ingest.__self__.close()
    assert (result.status, result.event.id, result.event.type) == ("accepted", "evt_0", USAGE)
    (request,) = door.requests
    assert request.headers["authorization"] == "Bearer il_test"
    sent = {"type": USAGE, "payload": PAYLOAD, "idempotencyKey": "acme:11", "timestamp": "2026-11-03T00:00:00+00:00"}
    assert request.events == [sent]


@pytest.mark.parametrize("faults", [FAULTS[:4], FAULTS[4:]])
def test_a_call_is_sent_again_as_it_was_whatever_became_of_its_answer(client: Any, faults: tuple[str, ...]) -> None:
    with Door(faults) as door:
        assert client(door).ingest(USAGE, PAYLOAD).event.id == "evt_0"
    assert [request.fault for request in door.requests][: len(faults)] == [*faults]
    assert len(door.stored) == 1
    first, *others = door.events()
    assert others == [first] * len(others)


def test_events_of_many_threads_through_faults_are_each_stored_once(client: Any) -> None:
    with Door(by_chance(0.2, 2026)) as door, ThreadPoolExecutor(16) as pool:
        sender = client(door, retries=30)
        list(pool.map(lambda n: sender.ingest(USAGE, {**PAYLOAD, "used": n}), range(100)))
        found = sender.ingest_batch(({**PAYLOAD, "used": n} for n in range(100, 1_000)), type=USAGE)
    assert found.accepted + found.duplicates == 900
    assert len(door.stored) == 1_000


def test_a_refused_event_is_an_error_with_its_details_and_is_not_sent_again(sdk: Any, client: Any) -> None:
    details = [{"path": "events[0].metric", "problem": "is none"}]
    with Door() as door:
        body = {"error": {"kind": "schema", "message": "it does not fit", "details": details}}
        door.answers.append(Answer(400, json.dumps(body).encode(), {}))
        with pytest.raises(sdk.IngestError) as raised:
            client(door).ingest(USAGE, PAYLOAD)
    assert len(door.requests) == 1
    assert (raised.value.kind, raised.value.status) == ("schema", 400)
    assert raised.value.details == [{"path": "metric", "problem": "is none"}]


@pytest.mark.parametrize("status", [401, 302])
def test_what_is_no_matter_of_time_is_told_at_once(sdk: Any, client: Any, status: int) -> None:
    with Door() as door:
        door.answers.append(Answer(status, b"<html>", {"location": "/elsewhere"}))
        with pytest.raises(sdk.IngestError) as raised:
            client(door).ingest(USAGE, PAYLOAD)
    assert len(door.requests) == 1
    assert raised.value.status == status


def test_it_gives_up_where_the_server_asks_for_more_time_than_there_is(sdk: Any, client: Any) -> None:
    with Door(["429"], retry_after="3600") as door, pytest.raises(sdk.IngestError) as raised:
        client(door).ingest(USAGE, PAYLOAD)
    assert (raised.value.kind, raised.value.retry_after) == ("rate", 3_600)


@pytest.mark.parametrize(("url", "key"), [("", ""), ("events.example.com", ""), ("http://localhost", "il_\u2026")])
def test_a_set_up_that_cannot_work_is_told_without_an_attempt(sdk: Any, url: str, key: str) -> None:
    with pytest.raises(sdk.IngestError) as raised:
        sdk.Client(url, key).ingest(USAGE, PAYLOAD)
    assert raised.value.kind == "config"
    assert "\u2026" not in raised.value.message


def test_a_batch_is_split_and_a_refused_event_stops_no_other(client: Any) -> None:
    def refuse(event: dict[str, Any]) -> dict[str, Any] | None:
        wanted = event["payload"]["n"] == 1
        return {"kind": "schema", "message": "no", "details": []} if wanted else None

    payloads: list[Any] = [{"n": n} for n in range(600)]
    payloads[3] = {"n": {1, 2}}
    with Door(refuse=refuse) as door:
        found = client(door).ingest_batch([{"type": USAGE, "payload": payload} for payload in payloads] + ["x"])
    assert [len(request.events) for request in door.requests] == [499, 100]
    assert (found.accepted, found.rejected) == (598, 3)
    assert [(reject.line, reject.kind) for reject in found.rejects] == [(2, "schema"), (4, "schema"), (601, "schema")]


def test_a_batch_that_is_too_large_for_something_on_the_way_goes_in_halves(client: Any) -> None:
    with Door() as door:
        door.answers.append(Answer(413, b"<html>", {}))
        client(door).ingest_batch([{"n": n} for n in range(3)], type=USAGE)
    assert [len(request.events) for request in door.requests] == [3, 1, 2]


def test_the_files_are_those_of_the_package(shared: Folder, tmp_path: Path) -> None:
    """`pip install` of the folder: what is written is what its pyproject.toml names."""
    assert shared.run("sdk", "python", "--out", tmp_path).code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"pyproject.toml", "ingestlayer_sdk", "ingestlayer_cli"}
