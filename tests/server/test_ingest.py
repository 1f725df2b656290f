"""POST /v1/ingest: what is answered, and what is stored then."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from ingestlayer_cli.model.documents.schema import schema_of
from tests.support.folder import PAYLOAD, USAGE, Folder
from tests.support.serving import Serving, usage


@pytest.fixture(scope="module")
def served(made: Callable[[str], Folder]) -> Iterator[Serving]:
    folder = made("ingest")
    folder.declare("usage.once", '[fields]\nused = "number"\n[idempotency]\non_difference = "reject"\n')
    with Serving(folder, "--no-deliver") as serving:
        yield serving


@pytest.fixture(scope="module")
def key(served: Serving) -> str:
    return served.key()


def results(response: httpx.Response) -> Any:
    assert response.status_code == 202, response.text
    return response.json()["data"]["results"]


def error(response: httpx.Response, status: int) -> Any:
    assert response.status_code == status, response.text
    assert response.json().keys() == {"error"}
    assert response.json()["error"].keys() == {"kind", "message", "details"}
    return response.json()["error"]


def test_what_is_answered_202_is_stored(served: Serving, key: str) -> None:
    (result,) = results(served.post([usage(1, timestamp="2026-11-03T09:30:00Z")], key))
    assert result["status"] == "accepted"
    rows = served.folder.rows("SELECT type, key, source FROM events WHERE id = ?", result["id"])
    assert rows == [(USAGE, "key-1", "shop")]
    shown = served.folder.run("events", "show", result["id"], "--json").json
    assert (shown["received_at"], shown["payload"]["used"]) == ("2026-11-03T09:30:00.000Z", 1)


def test_a_key_that_came_before_is_a_duplicate_of_the_first(served: Serving, key: str) -> None:
    (first,) = results(served.post([usage(2)], key))
    both = results(served.post([usage(2), usage(3)], key))
    assert both[0] == {"status": "duplicate", "id": first["id"]}
    assert both[1]["status"] == "accepted"


def test_a_refused_event_stops_none_beside_it(served: Serving, key: str) -> None:
    bad = {**usage(4), "payload": {**PAYLOAD, "limit": "10k"}}
    first, second, third = results(served.post([bad, usage(4), {"type": USAGE, "idempotency_key": "x"}], key))
    assert (first["status"], first["id"], first["error"]["kind"]) == ("rejected", None, "schema")
    assert first["error"]["details"] == [{"path": "limit", "problem": 'must be a number, not "10k"'}]
    assert second["status"] == "accepted"
    assert "idempotencyKey" in third["error"]["message"]  # the near miss
    letters = served.folder.rows("SELECT kind, source, line FROM dead_letters ORDER BY seq DESC LIMIT 2")
    assert letters == [("schema", "shop", 3), ("schema", "shop", 1)]


@pytest.mark.parametrize(
    ("event", "status", "kind"),
    [
        ({"type": "usage.limit_reachd", "payload": PAYLOAD}, 400, "undeclared"),
        ({"type": USAGE, "payload": []}, 400, "schema"),
        ({"type": USAGE, "payload": PAYLOAD, "timestamp": "soon"}, 400, "timestamp"),
        ({"type": USAGE, "payload": PAYLOAD, "timestamp": "2099-01-01T00:00:00Z"}, 400, "timestamp"),
        ({"type": USAGE, "payload": PAYLOAD, "idempotencyKey": ""}, 400, "key"),
        ({"payload": PAYLOAD}, 400, "schema"),
        ("an event", 400, "schema"),
        ({"type": USAGE, "payload": {**PAYLOAD, "customer_id": "x" * 1_100_000}}, 413, "size"),
    ],
)
def test_a_request_whose_events_are_all_refused_is_refused(
    served: Serving, key: str, event: Any, status: int, kind: str
) -> None:
    assert error(served.post([event], key), status)["kind"] == kind


def test_the_places_of_problems_name_the_event(served: Serving, key: str) -> None:
    said = error(served.post([{"type": USAGE, "payload": {**PAYLOAD, "limit": "10k"}}, {"type": "x"}], key), 400)
    assert said["kind"] == "rejected"
    assert [detail["path"] for detail in said["details"]] == ["events[0].limit", "events[1]"]


def test_a_conflict_is_409(served: Serving, key: str) -> None:
    once = {"type": "usage.once", "payload": {"used": 1}, "idempotencyKey": "k"}
    (first,) = results(served.post([once], key))
    said = error(served.post([{**once, "payload": {"used": 2}}], key), 409)
    assert (said["kind"], said["details"][0]["path"]) == ("conflict", "events[0].used")
    assert first["id"] in said["message"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"{}", b'{"events": {}}', b'{"events": []}', b'{"events": [], "more": 1}', b"\xff", b"NaN"],
)
def test_a_body_of_another_shape_is_refused(served: Serving, key: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    error(served.client.post("/v1/ingest", content=body, headers=headers), 400)


def test_more_events_than_a_request_may_have_are_refused(served: Serving, key: str) -> None:
    before = served.folder.count("events")
    assert len(results(served.post([usage(1000 + n) for n in range(500)], key))) == 500
    assert error(served.post([usage(2000 + n) for n in range(501)], key), 413)["kind"] == "size"
    assert served.folder.count("events") == before + 500


@pytest.mark.parametrize("is_told", [True, False])
def test_a_body_that_is_too_large_is_refused(served: Serving, key: str, is_told: bool) -> None:
    body = b'{"events": [' + b" " * 5_000_000 + b"]}"
    content: Any = body if is_told else (body[at : at + 65536] for at in range(0, len(body), 65536))
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    error(served.client.post("/v1/ingest", content=content, headers=headers), 413)


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/plain"}, {"Content-Type": "application/json", "Content-Encoding": "gzip"}]
)
def test_what_is_not_said_to_be_json_is_refused(served: Serving, key: str, headers: dict[str, str]) -> None:
    headers = {"Authorization": f"Bearer {key}", **headers}
    error(served.client.post("/v1/ingest", content=b"{}", headers=headers), 415)


def test_what_is_not_there_is_404_and_what_is_not_done_there_405(served: Serving) -> None:
    for path in ("/", "/v1", "/v1/ingest/", "/v2/ingest", "/%00", "/in/"):
        error(served.client.get(path), 404)
    response = served.client.get("/v1/ingest")
    error(response, 405)
    assert response.headers["Allow"] == "POST"


def test_an_error_shows_no_secret(served: Serving, key: str) -> None:
    token = "xoxb-" + "1234567890-abcdefghij"
    said = served.post([{"type": USAGE, "payload": {**PAYLOAD, "plan": token, "metric": token}}], key).text
    assert "metric" in said
    assert token not in said


def test_a_line_of_the_log_has_nothing_of_the_payload(served: Serving, key: str) -> None:
    served.post([usage(7001), {"type": "x"}], key, params={"token": "in-the-query"})
    served.client.get("/healthz")
    served.logged(path="/v1/ingest", status=202, key="shop", events=2, accepted=1, rejected=1)
    served.logged(path="/healthz", status=200)
    for line in served.log:
        Draft202012Validator(schema_of("serve *")).validate(line)
    assert "customer-7001" not in "".join(served.out)
    assert "in-the-query" not in "".join(served.out)
    assert key not in "".join(served.out)
