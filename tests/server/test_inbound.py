"""POST /in/NAME: what another service sends, by `[sources.NAME]`."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.support.folder import Folder
from tests.support.serving import Serving

SECRET = "s3cret of the hook"
SOURCES = """
[sources.app]
verify = "hmac"
secret = "env:APP_SECRET"
header = "X-Signature"
prefix = "sha256="
when = "$body.kind != 'noise'"
type = "order.${body.kind}"
key = "$body.id"
timestamp = "$body.at"
on_reject = "keep"
[sources.app.payload]
id = "$body.id"
total = "${body.cents / 100}"
from = "$header['X-Shop']"
tags = ["$body.kind", "fixed"]

[sources.strict]
verify = "bearer"
secret = ["env:NOT_SET_YET", "env:APP_SECRET"]
type = "order.paid"

[sources.github]
verify = "github"
secret = "env:APP_SECRET"
type = "order.paid"

[sources.unset]
verify = "bearer"
secret = "env:NOT_SET_YET"
type = "order.paid"
"""
ORDER = '[fields]\nid = "string"\ntotal = "number"\nfrom = "string?"\ntags = "array?"\n'
PAID = {"id": "o_1", "kind": "paid", "cents": 1250, "at": 1_700_000_000}


@pytest.fixture(scope="module")
def served(made: Callable[[str], Folder]) -> Iterator[Serving]:
    folder = made("inbound")
    folder.declare("order.paid", ORDER)
    folder.write("ingestlayer.toml", (folder.root / "ingestlayer.toml").read_text() + SOURCES)
    with Serving(folder, "--no-deliver", env={"APP_SECRET": SECRET}) as serving:
        yield serving


def signed(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(serving: Serving, data: Any, name: str = "app", secret: str = SECRET, **headers: str) -> httpx.Response:
    """Send what a source sends, with every signature that the tests use."""
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    known = {
        "Content-Type": "application/json",
        "X-Shop": "berlin",
        "X-Signature": signed(body, secret),
        "X-Hub-Signature-256": signed(body, secret),
        "Authorization": f"Bearer {secret}",
    }
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return serving.client.post(f"/in/{name}", content=body, headers=known | names)


def counts(serving: Serving) -> tuple[int, int]:
    return serving.folder.count("events"), serving.folder.count("dead_letters")


def test_what_came_is_an_event_as_its_table_says(served: Serving) -> None:
    response = send(served, PAID)
    assert response.status_code == 202
    data = response.json()["data"]
    assert data["status"] == "accepted"
    event = served.folder.run("events", "show", data["id"], "--json").json
    assert (event["type"], event["idempotency_key"], event["source"]) == ("order.paid", "o_1", "app")
    assert event["received_at"] == "2023-11-14T22:13:20.000Z"
    assert event["payload"] == {"id": "o_1", "total": 12.5, "from": "berlin", "tags": ["paid", "fixed"]}


def test_what_its_service_sends_again_is_a_duplicate(served: Serving) -> None:
    first = send(served, {**PAID, "id": "o_2"}).json()["data"]
    again = send(served, {**PAID, "id": "o_2"}).json()["data"]
    assert again == {"id": first["id"], "status": "duplicate"}


def test_a_wrong_signature_changes_nothing(served: Serving) -> None:
    before = counts(served)
    for response in (
        send(served, PAID, secret="another"),
        send(served, PAID, X_Signature=""),
        send(served, b"no JSON at all", secret="another"),
        send(served, PAID, name="strict", secret="another"),
    ):
        assert response.status_code == 401
        assert response.json()["error"]["kind"] == "signature"
    assert counts(served) == before


def test_what_fits_no_declaration_is_kept_and_taken_once_it_is_declared(served: Serving) -> None:
    events, letters = counts(served)
    response = send(served, {**PAID, "id": "o_3", "kind": "refunded"})
    assert (response.status_code, response.json()["data"]) == (202, {"id": None, "status": "rejected"})
    assert counts(served) == (events, letters + 1)
    told = served.folder.run("why", "--refused", "--json").json
    assert (told["refused"]["type"], told["refused"]["source"]) == ("order.refunded", "app")
    assert "replay --refused" in told["hints"][0]
    listed = served.folder.run("events", "list", "--refused", "--source", "app", "--json").lines[0]
    assert (listed["type"], json.loads(listed["raw"])["idempotency_key"]) == ("order.refunded", "o_3")
    assert served.folder.run("replay", "--refused", "--yes", "--no-deliver").code == 65
    assert counts(served) == (events, letters + 1)  # it waits on
    served.folder.declare("order.refunded", ORDER)
    assert served.folder.run("replay", "--refused", "--yes", "--no-deliver").code == 0
    assert counts(served) == (events + 1, letters)
    (row,) = served.folder.rows("SELECT received_at, source FROM events WHERE key = 'o_3'")
    assert row == (1_700_000_000_000, "app")
    assert send(served, {**PAID, "id": "o_3", "kind": "refunded"}).json()["data"]["status"] == "duplicate"


def test_a_source_that_keeps_nothing_is_told_422(served: Serving) -> None:
    response = send(served, {"id": 7, "total": 1}, name="strict")
    assert response.status_code == 422
    assert response.json()["error"]["details"] == [{"path": "id", "problem": "must be a text, not 7"}]
    assert send(served, {"id": "o_7", "total": 1}, name="strict").json()["data"]["status"] == "accepted"


def test_what_is_no_json_is_refused_or_kept_whole(served: Serving) -> None:
    assert send(served, b"{", name="strict").status_code == 400
    assert send(served, b"{'id'").json()["data"]["status"] == "rejected"
    assert served.folder.rows("SELECT kind, raw FROM dead_letters ORDER BY seq DESC LIMIT 1") == [("json", "{'id'")]


@pytest.mark.parametrize("data", [[PAID], "text", 7, True, None])
def test_json_that_is_no_object_is_refused_or_kept(served: Serving, data: Any) -> None:
    refused = send(served, data, name="strict")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (422, "schema")
    assert send(served, data).json()["data"]["status"] == "rejected"


def test_a_key_with_a_null_in_it_is_none(served: Serving) -> None:
    before = served.folder.count("events")
    assert send(served, {**PAID, "id": None}).json()["data"]["status"] == "rejected"
    assert served.folder.count("events") == before


def test_what_asks_whether_anybody_is_there_is_answered(served: Serving) -> None:
    before = counts(served)
    ping = send(served, {"zen": "Keep it logically awesome."}, name="github", X_GitHub_Event="ping")
    assert (ping.status_code, ping.json()["data"]["status"]) == (200, "ignored")
    asked = send(served, {"type": "url_verification", "challenge": "3eZbrw1aB"}, name="strict")
    assert (asked.status_code, asked.json()) == (200, {"challenge": "3eZbrw1aB"})
    assert send(served, {"type": "url_verification", "challenge": "x"}, name="strict", secret="no").status_code == 401
    assert send(served, {**PAID, "kind": "noise"}).json()["data"]["status"] == "ignored"
    assert counts(served) == before


def test_what_is_not_for_anybody_is_refused(served: Serving) -> None:
    assert send(served, PAID, name="nobody").status_code == 404
    assert send(served, PAID, Content_Type="application/x-www-form-urlencoded").status_code == 415
    assert served.client.get("/in/app").status_code == 405
    assert send(served, b"x" * 5_000_001).status_code == 413


def test_a_secret_that_is_not_set_is_no_fault_of_the_sender(served: Serving) -> None:
    response = send(served, PAID, name="unset")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert "NOT_SET_YET" not in response.text
    assert served.logged(source="unset")["why"] == "the secret env:NOT_SET_YET is not set"


def test_an_edited_source_counts_for_the_next_request(made: Callable[[str], Folder]) -> None:
    folder = made("edited")
    folder.declare("order.paid", ORDER)
    with Serving(folder, "--no-deliver") as serving:
        assert send(serving, PAID, name="new").status_code == 404
        toml = (folder.root / "ingestlayer.toml").read_text()
        folder.write("ingestlayer.toml", toml + '\n[sources.new]\nverify = "none"\ntype = "order.paid"\n')
        assert send(serving, {"id": "o_1", "total": 1}, name="new").status_code == 202
