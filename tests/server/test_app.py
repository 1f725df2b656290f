"""Hosts and origins: who may reach it from a browser."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.folder import Folder
from tests.support.serving import Serving, usage

PAGE = "https://app.example"


@pytest.fixture(scope="module")
def served(made: Callable[[str], Folder]) -> Iterator[Serving]:
    folder = made("app")
    table = f'\n[serve]\norigins = ["{PAGE}"]\nhosts = ["in.example.com"]\n'
    folder.write("ingestlayer.toml", (folder.root / "ingestlayer.toml").read_text() + table)
    with Serving(folder, "--open", "--no-deliver") as serving:
        yield serving


@pytest.mark.parametrize(
    ("host", "is_served"),
    [
        ("localhost", True),
        ("LOCALHOST:80", True),
        ("127.0.0.1:7070", True),
        ("[::1]:7070", True),
        ("in.example.com", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("in.example.com.evil.example:80", False),
    ],
)
def test_an_open_door_is_called_by_this_machines_own_names_alone(served: Serving, host: str, is_served: bool) -> None:
    response = served.client.get("/healthz", headers={"Host": host})
    assert response.status_code == (200 if is_served else 400)


def test_a_page_may_send_from_where_origins_says(served: Serving) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = served.client.options("/v1/ingest", headers={"Origin": PAGE, **asked})
    assert allowed.status_code == 204
    assert allowed.headers["Access-Control-Allow-Origin"] == PAGE
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    sent = served.post([usage(1)])
    assert "Access-Control-Allow-Origin" not in sent.headers
    sent = served.client.post("/v1/ingest", json={"events": [usage(2)]}, headers={"Origin": PAGE})
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (202, PAGE)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{PAGE}.evil.example"])
def test_a_page_from_elsewhere_may_not(served: Serving, origin: str) -> None:
    asked = {"Access-Control-Request-Method": "POST", "Origin": origin}
    assert served.client.options("/v1/ingest", headers=asked).status_code == 405
    response = served.client.get("/healthz", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in response.headers


def test_edited_hosts_and_origins_count_before_any_event_has_come(made: Callable[[str], Folder]) -> None:
    folder = made("edited")
    with Serving(folder, "--open", "--no-deliver") as serving:
        asked = {"Access-Control-Request-Method": "POST", "Origin": PAGE}
        assert serving.client.options("/v1/ingest", headers=asked).status_code == 405
        assert serving.client.get("/healthz", headers={"Host": "in.example.com"}).status_code == 400
        table = f'\n[serve]\norigins = ["{PAGE}"]\nhosts = ["in.example.com"]\n'
        folder.write("ingestlayer.toml", (folder.root / "ingestlayer.toml").read_text() + table)
        assert serving.client.options("/v1/ingest", headers=asked).status_code == 204
        assert serving.client.get("/healthz", headers={"Host": "in.example.com"}).status_code == 200


def test_what_is_taken_is_described_by_the_declarations_as_they_are(served: Serving) -> None:
    served.folder.declare("page.viewed", '[fields]\npath = "string"\n')
    described = served.client.get("/openapi.json")
    assert described.json() == served.folder.run("sdk", "openapi").json
    assert "page.viewed" in described.json()["components"]["schemas"]


def test_its_metrics_are_those_of_the_command(served: Serving) -> None:
    response = served.client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(response.text)}
    printed = {family.name for family in text_string_to_metric_families(served.folder.run("metrics").out)}
    assert "ingestlayer_up" in names
    assert names == printed
