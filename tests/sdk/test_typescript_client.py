"""The client of @ingestlayer/sdk, in Node, against a door with faults: nothing is lost, and nothing is twice."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.support.door import FAULTS, WAIT, Answer, Door, by_chance
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.node import installed, node, tools

SEED = 2026
QUICK = f"attemptTimeout: {WAIT * 1000}"
CALL = f"ingest({json.dumps(USAGE)}, {json.dumps(PAYLOAD)}"
PLAIN = f'import {{ ingest }} from "@ingestlayer/sdk"; console.log(JSON.stringify(await {CALL})));'


@pytest.fixture(scope="module")
def app(shared: Folder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program's folder with the package in it, made for the project that `init` makes."""
    tools()
    package = tmp_path_factory.mktemp("package")
    assert shared.run("sdk", "typescript", "--out", package).code == 0
    return installed(package, tmp_path_factory.mktemp("app"))


def asked(app: Path, door: Door, script: str, **env: str) -> Any:
    """Run a script whose client knows the door by its environment."""
    return node(app, script, {"INGESTLAYER_URL": door.url, "INGESTLAYER_KEY": "il_test", **env})


def failing(call: str, client: str = "") -> str:
    """Return a script that tells of the IngestError that a call rejects with."""
    return f"""
        import {{ createClient, IngestError }} from "@ingestlayer/sdk";
        const client = createClient({{ {client} }});
        try {{ await client.{call}; }} catch (error) {{
            if (!(error instanceof IngestError)) throw error;
            const {{ kind, message, details, status, results }} = error;
            console.log(JSON.stringify({{ kind, message, details, status, results }}));
        }}"""


def test_an_event_is_sent_with_the_key_of_the_environment(app: Path) -> None:
    with Door() as door:
        assert asked(app, door, PLAIN, INGESTLAYER_KEY=" il_test\n") == {"status": "accepted", "id": "evt_0"}
    (request,) = door.requests
    assert request.headers["authorization"] == "Bearer il_test"
    assert request.events[0] | {"idempotencyKey": "", "timestamp": ""} == {
        "type": USAGE,
        "payload": PAYLOAD,
        "idempotencyKey": "",
        "timestamp": "",
    }


def test_what_a_call_is_given_is_what_is_sent(app: Path) -> None:
    script = PLAIN.replace(")))", ', { idempotencyKey: "acme:11", timestamp: new Date(0) })))')
    with Door() as door:
        asked(app, door, script)
    assert door.events() == [
        {"type": USAGE, "payload": PAYLOAD, "idempotencyKey": "acme:11", "timestamp": "1970-01-01T00:00:00.000Z"}
    ]


@pytest.mark.parametrize("faults", [FAULTS[:4], FAULTS[4:]])
def test_a_call_is_sent_again_as_it_was_whatever_became_of_its_answer(app: Path, faults: tuple[str, ...]) -> None:
    script = f"""
        import {{ createClient }} from "@ingestlayer/sdk";
        console.log(JSON.stringify(await createClient({{ {QUICK} }}).{CALL})));"""
    with Door(faults) as door:
        assert asked(app, door, script)["id"] == "evt_0"
    assert [request.fault for request in door.requests][: len(faults)] == [*faults]
    assert len(door.stored) == 1
    first, *others = door.events()
    assert others == [first] * len(others)


def test_two_thousand_events_through_faults_are_each_stored_once(app: Path) -> None:
    script = f"""
        import {{ createClient }} from "@ingestlayer/sdk";
        const client = createClient({{ {QUICK}, retries: 30 }});
        const payload = (n) => ({{ ...{json.dumps(PAYLOAD)}, customer_id: `c${{n}}` }});
        const event = (n) => ({{ type: "{USAGE}", payload: payload(n) }});
        const numbers = (from, count) => Array.from({{ length: count }}, (_, index) => from + index);
        await Promise.all(numbers(0, 100).map((n) => client.ingest("{USAGE}", payload(n))));
        const batches = numbers(0, 28).map((n) => client.ingestBatch(numbers(100 + n * 50, 50).map(event)));
        for (const {{ accepted, duplicates }} of await Promise.all(batches)) {{
            if (accepted + duplicates !== 50) throw new Error(`${{accepted}} and ${{duplicates}}`);
        }}
        for (const n of numbers(1500, 500)) client.enqueue("{USAGE}", payload(n));"""
    with Door(by_chance(0.3, SEED)) as door:
        asked(app, door, script)
    assert len(door.stored) == 2_000
    assert {event["payload"]["customer_id"] for event in door.events()} == {f"c{n}" for n in range(2_000)}


def test_it_waits_as_long_as_the_server_asks_for(app: Path) -> None:
    script = f"""
        import {{ ingest }} from "@ingestlayer/sdk";
        const begun = performance.now();
        await {CALL});
        console.log(performance.now() - begun);"""
    with Door(["429"], retry_after="1") as door:
        assert asked(app, door, script) >= 1_000


@pytest.mark.parametrize("answer", ["Thu, 01 Jan 1970 00:00:00 GMT", "soon"])
def test_a_moment_that_is_past_or_unreadable_is_not_waited_for(app: Path, answer: str) -> None:
    with Door(["429"], retry_after=answer) as door:
        assert asked(app, door, PLAIN)["status"] == "accepted"


def test_it_gives_up_where_the_server_asks_for_more_time_than_there_is(app: Path) -> None:
    with Door(["429"], retry_after="3600") as door:
        error = asked(app, door, failing(CALL + ")"))
    assert (error["kind"], error["status"], len(door.requests)) == ("rate", 429, 1)


def test_a_refused_event_is_an_error_with_its_details_and_is_not_sent_again(app: Path) -> None:
    error = {
        "kind": "schema",
        "message": "it does not fit",
        "details": [{"path": "events[0].metric", "problem": "is not one of seats"}],
    }
    with Door() as door:
        door.answers.append(Answer(400, json.dumps({"error": error}).encode(), {}))
        said = asked(app, door, failing(CALL + ")"))
    assert len(door.requests) == 1
    assert said == {**error, "status": 400, "details": [{"path": "metric", "problem": "is not one of seats"}]}


@pytest.mark.parametrize(("status", "kind"), [(401, "key"), (404, "http"), (302, "redirect")])
def test_what_is_no_matter_of_time_is_told_at_once(app: Path, status: int, kind: str) -> None:
    body = b'{"error": {"kind": "key", "message": "unknown key", "details": []}}' if status == 401 else b"<html>"
    with Door() as door:
        door.answers.append(Answer(status, body, {"location": "/elsewhere"}))
        error = asked(app, door, failing(CALL + ")"))
    assert (error["kind"], error["status"], len(door.requests)) == (kind, status, 1)


def test_nobody_there_is_told_after_the_attempts(app: Path) -> None:
    with Door() as door:
        url = door.url
    error = node(app, failing(CALL + ")", "retries: 2"), {"INGESTLAYER_URL": url})
    assert error["kind"] == "network"
    assert error["message"].endswith("(after 3 attempts)")
    assert "ECONNREFUSED" in error["message"]


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "INGESTLAYER_URL"),
        ({"INGESTLAYER_URL": "events.example.com"}, "is not an address"),
        ({"INGESTLAYER_URL": "http://localhost", "INGESTLAYER_KEY": "il_\u2026"}, "INGESTLAYER_KEY has characters"),
    ],
)
def test_a_set_up_that_cannot_work_is_told_without_an_attempt(app: Path, env: dict[str, str], words: str) -> None:
    error = node(app, failing(CALL + ")"), env)
    assert error["kind"] == "config"
    assert words in error["message"]
    assert "\u2026" not in error["message"]


@pytest.mark.parametrize(
    ("limit", "kind", "attempts"),
    [("attemptTimeout: 200, retries: 1", "timeout", 2), ("timeout: 200", "timeout", 1)],
)
def test_an_attempt_and_a_call_have_their_time(app: Path, limit: str, kind: str, attempts: int) -> None:
    with Door(["slow"] * 9) as door:
        error = asked(app, door, failing(CALL + ")", limit))
    assert error["kind"] == kind
    assert len(door.requests) <= attempts


@pytest.mark.parametrize("fault", ["slow", "429"])
def test_a_signal_ends_an_attempt_and_a_pause(app: Path, fault: str) -> None:
    script = f"""
        import {{ createClient, IngestError }} from "@ingestlayer/sdk";
        const controller = new AbortController();
        const watched = (...given) => (setTimeout(() => controller.abort(), 200), fetch(...given));
        const client = createClient({{ fetch: watched }});
        const {{ kind }} = await client.{CALL}, {{ signal: controller.signal }}).catch((error) => error);
        console.log(JSON.stringify(kind));"""
    with Door([fault], retry_after="20") as door:
        assert asked(app, door, script) == "aborted"
    assert len(door.requests) <= 1


def test_a_failure_that_nobody_awaits_ends_no_process(app: Path) -> None:
    script = f"""
        import {{ ingest, ingestBatch, enqueue, flush }} from "@ingestlayer/sdk";
        {CALL});
        ingestBatch([{{ type: "{USAGE}", payload: {json.dumps(PAYLOAD)} }}]);
        enqueue("{USAGE}", {{ used: 1n }});
        enqueue("{USAGE}", {json.dumps(PAYLOAD)});
        flush();
        await new Promise((resolve) => setTimeout(resolve, 200));
        console.log(true);"""
    assert node(app, script) is True


@pytest.mark.parametrize("value", ["NaN", "new Date(NaN)", "1n", "() => 1"])
def test_a_value_that_json_would_lose_is_refused(app: Path, value: str) -> None:
    with Door() as door:
        error = asked(app, door, failing(f'ingest("{USAGE}", {{ used: {value} }})'))
    assert error["kind"] == "schema"
    assert error["details"][0]["path"] == "used"
    assert door.requests == []


def batched(app: Path, door: Door, events: str, then: str = "") -> Any:
    return asked(
        app,
        door,
        f"""
        import {{ ingestBatch }} from "@ingestlayer/sdk";
        const event = (n, more) => ({{ type: "{USAGE}", payload: {{ n, ...more }} }});
        const found = await ingestBatch({events});
        console.log(JSON.stringify(found));{then}""",
    )


def test_a_batch_is_split_at_five_hundred_events_and_five_megabytes(app: Path) -> None:
    with Door() as door:
        found = batched(app, door, "Array.from({ length: 1001 }, (_, n) => event(n))")
    assert [len(request.events) for request in door.requests] == [500, 500, 1]
    assert (found["accepted"], len(found["results"])) == (1_001, 1_001)
    with Door() as door:
        batched(app, door, 'Array.from({ length: 8 }, (_, n) => event(n, { text: "\u00fc".repeat(400_000) }))')
    assert [len(request.events) for request in door.requests] == [6, 2]
    assert [event["payload"]["n"] for event in door.events()] == list(range(8))


def refusing(numbers: Iterable[int]) -> Any:
    wanted = {*numbers}

    def refuse(event: dict[str, Any]) -> dict[str, Any] | None:
        kind = {"kind": "schema", "message": "no", "details": []}
        return kind if event["payload"]["n"] in wanted else None

    return refuse


def test_a_refused_event_stops_no_other_of_its_batch(app: Path) -> None:
    with Door(refuse=refusing([1])) as door:
        found = batched(app, door, "[event(0), event(1), event(2), event(3, { used: NaN })]")
    assert [result["status"] for result in found["results"]] == ["accepted", "rejected", "accepted", "rejected"]
    assert (found["accepted"], found["rejected"]) == (2, 2)
    assert len(door.stored) == 2


def test_a_batch_that_is_refused_whole_says_why_of_each(app: Path) -> None:
    details = [
        {"path": "events[0].used", "problem": "is required"},
        {"path": "events[1].plan", "problem": "is no plan"},
    ]
    error = {"kind": "schema", "message": "no", "details": details}
    with Door() as door:
        door.answers.append(Answer(400, json.dumps({"error": error}).encode(), {}))
        found = batched(app, door, "[event(0), event(1)]")
    assert found["rejected"] == 2
    assert found["results"][1]["error"] == {
        "kind": "schema",
        "message": "plan is no plan",
        "details": [{"path": "plan", "problem": "is no plan"}],
    }


def test_a_batch_that_is_too_large_for_something_on_the_way_goes_in_halves(app: Path) -> None:
    with Door() as door:
        door.answers.append(Answer(413, b"<html>", {}))
        found = batched(app, door, "[event(0), event(1), event(2)]")
    assert [len(request.events) for request in door.requests] == [3, 1, 2]
    assert found["accepted"] == 3


def test_an_event_that_is_too_large_alone_stops_no_other(app: Path) -> None:
    with Door() as door:
        door.answers += [Answer(413, b"<html>", {})] * 2
        found = batched(app, door, "[event(0), event(1)]")
    assert [result["status"] for result in found["results"]] == ["rejected", "accepted"]


def test_a_batch_that_fails_says_what_came_of_the_events_before(app: Path) -> None:
    call = f"""ingestBatch(Array.from({{ length: 501 }}, (_, n) => ({{ type: "{USAGE}", payload: {{ n }} }})))"""
    with Door(["", "500"]) as door:
        error = asked(app, door, failing(call, "retries: 0"))
    assert (error["kind"], len(error["results"])) == ("defect", 500)


def test_the_buffer_goes_in_requests_of_many_and_a_process_that_ends_has_sent_it(app: Path) -> None:
    script = f"""
        import {{ enqueue }} from "@ingestlayer/sdk";
        for (let n = 0; n < 250; n++) enqueue("{USAGE}", {{ n }});"""
    with Door() as door:
        asked(app, door, script)
    assert [event["payload"]["n"] for event in door.events()] == list(range(250))
    assert all(event["timestamp"] for event in door.events())  # of the call: who knows when it is sent
    assert len(door.requests) <= 3


def test_flush_waits_until_the_buffer_is_sent_and_what_fails_stays_in_it(app: Path) -> None:
    script = f"""
        import {{ createClient }} from "@ingestlayer/sdk";
        const errors = [];
        const client = createClient({{ retries: 0, bufferTime: 60_000, onError: ({{ kind }}) => errors.push(kind) }});
        client.enqueue("{USAGE}", {{ n: 0 }});
        client.enqueue("{USAGE}", {{ n: 1 }});
        const kind = await client.flush().catch((error) => error.kind);
        const {{ accepted, rejected }} = await client.flush();
        console.log(JSON.stringify({{ kind, accepted, rejected, errors }}));"""
    with Door(["500"], refuse=refusing([1])) as door:
        found = asked(app, door, script)
    assert found == {"kind": "defect", "accepted": 1, "rejected": 1, "errors": ["schema"]}
    assert len(door.requests) == 2


def test_a_full_buffer_loses_no_event_without_a_word(app: Path) -> None:
    script = f"""
        import {{ createClient }} from "@ingestlayer/sdk";
        const errors = [];
        const client = createClient({{ bufferSize: 1, onError: ({{ kind }}) => errors.push(kind) }});
        for (let n = 0; n < 3; n++) client.enqueue("{USAGE}", {{ n }});
        await client.flush();
        console.log(JSON.stringify(errors));"""
    with Door() as door:
        assert asked(app, door, script) == ["buffer", "buffer"]
    assert len(door.stored) == 1


def test_commonjs_has_the_same(app: Path) -> None:
    script = f"""
        const sdk = require("@ingestlayer/sdk");
        sdk.{CALL}).then((found) => console.log(JSON.stringify([found.status, Object.keys(sdk).sort()])));"""
    with Door() as door:
        status, names = node(app, script, {"INGESTLAYER_URL": door.url}, "script.cjs")
    esm = 'import * as sdk from "@ingestlayer/sdk"; console.log(JSON.stringify(Object.keys(sdk).sort()));'
    assert (status, names) == ("accepted", node(app, esm))


def test_a_runtime_without_crypto_and_process_is_served_too(app: Path) -> None:
    """An edge runtime, or Node 18: nothing but fetch and what ECMAScript has is needed."""
    script = f"""
        for (const name of ["crypto", "process"]) Object.defineProperty(globalThis, name, {{ value: undefined }});
        const {{ createClient }} = await import("@ingestlayer/sdk");
        await createClient({{ url: "URL" }}).{CALL});"""
    with Door() as door:
        node(app, script.replace("URL", door.url))
    assert door.events()[0]["idempotencyKey"].startswith("once_")
