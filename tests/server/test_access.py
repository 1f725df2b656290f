"""Who may send, and how often."""

from collections.abc import Callable, Iterator
from hashlib import sha256

import pytest

from ingestlayer_cli.server.access import Buckets
from ingestlayer_cli.server.answers import HttpError
from tests.support.folder import Folder
from tests.support.serving import Serving, usage


@pytest.fixture(scope="module")
def served(made: Callable[[str], Folder]) -> Iterator[Serving]:
    with Serving(made("access"), "--no-deliver") as serving:
        yield serving


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer il_nobody", "Basic eDp5", "il_nobody"])
def test_who_has_no_key_changes_nothing(served: Serving, header: str) -> None:
    served.key(f"k{sha256(header.encode()).hexdigest()[:8]}")
    before = served.folder.count("events"), served.folder.count("dead_letters")
    response = served.client.post("/v1/ingest", json={"events": [usage(1)]}, headers={"Authorization": header})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert response.json()["error"]["kind"] == "unauthorized"
    assert (served.folder.count("events"), served.folder.count("dead_letters")) == before


def test_a_key_is_good_until_it_is_revoked_and_not_a_request_longer(served: Serving) -> None:
    key = served.key("leaked")
    assert served.post([usage(10)], key).status_code == 202
    assert served.folder.run("keys", "revoke", "leaked").code == 0
    response = served.post([usage(11)], key)
    assert (response.status_code, response.json()["error"]["message"]) == (401, "the key is revoked")


def test_a_key_expires(served: Serving) -> None:
    key = served.key("short", "--expires", "1ms")
    response = served.post([usage(20)], key)
    assert (response.status_code, response.json()["error"]["message"]) == (401, "the key has expired")


def test_a_key_is_for_its_types_alone(served: Serving) -> None:
    key = served.key("trials", "--types", "trial.*")
    response = served.post([usage(30)], key)
    assert response.status_code == 403
    assert "it is for trial.*" in response.json()["error"]["message"]
    letters = served.folder.count("dead_letters")
    response = served.post([usage(31), {"type": "trial.lost"}], key)
    assert response.status_code == 400  # the other one is not declared
    assert served.folder.count("dead_letters") == letters + 1


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"X-Forwarded-For": "192.0.2.1"}, {"Forwarded": "for=x"}]
)
def test_what_a_project_is_like_is_for_this_machine_and_who_has_a_key(served: Serving, headers: dict[str, str]) -> None:
    for path in ("/metrics", "/openapi.json"):
        assert served.client.get(path).status_code == 200
        assert served.client.get(path, headers=headers).status_code == 401
    key = served.key(f"of-{next(iter(headers))}")
    assert served.client.get("/metrics", headers={**headers, "Authorization": f"Bearer {key}"}).status_code == 200


def test_the_last_use_is_noted_and_not_by_a_write_for_each_request(served: Serving) -> None:
    key = served.key("used")
    served.post([usage(40)], key)
    served.client.get("/readyz")  # after what the writer had to do before
    (listed,) = (line for line in served.folder.run("keys", "list", "--json").json["keys"] if line["name"] == "used")
    assert listed["last_used_at"]
    served.post([usage(41)], key)
    served.client.get("/readyz")
    (again,) = (line for line in served.folder.run("keys", "list", "--json").json["keys"] if line["name"] == "used")
    assert again == listed


def test_a_rate_lets_its_number_through_at_once_and_then_as_fast() -> None:
    now = 0.0
    buckets = Buckets(lambda: now)
    for _ in range(3):
        buckets.take("shop", "3/m")
    with pytest.raises(HttpError) as caught:
        buckets.take("shop", "3/m")
    assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "20")
    buckets.take("app", "3/m")
    now = 20.0
    buckets.take("shop", "3/m")
    with pytest.raises(HttpError):
        buckets.take("shop", "3/m")


def test_who_is_too_fast_is_told_when_to_come_again(made: Callable[[str], Folder]) -> None:
    folder = made("rate")
    folder.write("ingestlayer.toml", (folder.root / "ingestlayer.toml").read_text() + '\n[serve]\nrate = "2/h"\n')
    with Serving(folder, "--no-deliver") as serving:
        key, other = serving.key(), serving.key("other")
        assert [serving.post([usage(n)], key).status_code for n in range(2)] == [202, 202]
        response = serving.post([usage(2)], key)
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 1800
        assert serving.post([usage(2)], other).status_code == 202
        assert folder.count("events") == 3
