"""Recipes that webhooks feed: each has an example of a request, which is signed here as its service signs."""

import hashlib
import hmac
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from ingestlayer_cli import recipes
from tests.support.folder import Folder
from tests.support.serving import Serving

WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def stripe(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    signature = hmac.new(WHSEC.encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={now},v1={signature}"}


def support(body: bytes) -> dict[str, str]:
    return {"X-Ingest-Signature": "sha256=" + hmac.new(WHSEC.encode(), body, hashlib.sha256).hexdigest()}


def standard(body: bytes) -> dict[str, str]:
    now = datetime.now(UTC)
    signature = Webhook(WHSEC).sign("msg_1", now, body.decode())
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


FED = {
    ("failed-payments", "stripe"): ("stripe", "STRIPE_WEBHOOK_SECRET", stripe),
    ("support-escalations", "generic"): ("support", "SUPPORT_WEBHOOK_SECRET", support),
    ("user-signups", "generic"): ("signups", "SIGNUPS_WEBHOOK_SECRET", standard),
}


def test_these_are_the_recipes_that_webhooks_feed() -> None:
    found = {(name, source) for name in recipes.names() for source in recipes.about(name).sources}
    assert found == FED.keys()


@pytest.mark.parametrize(("recipe", "source"), FED)
def test_the_example_of_a_request_becomes_the_event_of_the_recipe(
    recipe: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, secret, sign = FED[recipe, source]
    project = Folder(tmp_path)
    assert project.run("init", "--recipe", recipe, "--source", source).code == 0
    monkeypatch.setenv(secret, WHSEC)
    checked = project.here("validate", "--strict", "--json")
    assert (checked.code, checked.json["problems"]) == (0, [])
    body = (tmp_path / "samples" / f"{source}.json").read_bytes()
    with Serving(project, "--no-deliver", env={secret: WHSEC}) as serving:
        for status in ("accepted", "duplicate"):
            answered = serving.client.post(f"/in/{name}", content=body, headers=sign(body))
            assert (answered.status_code, answered.json()["data"]["status"]) == (202, status)
        assert serving.client.post(f"/in/{name}", content=body, headers=sign(body + b" ")).status_code == 401
    event = project.run("events", "show", "@last", "--json").json
    assert event["type"] == recipes.about(recipe).event
    assert event["received_at"].startswith("2025-11-03T09:30:00")
    assert project.rows("SELECT outcome FROM runs") == [("queued",)]


def test_a_recipe_has_the_sources_that_it_names_alone(tmp_path: Path) -> None:
    project = Folder(tmp_path)
    said = project.run("init", "--recipe", "failed-payments", "--source", "strpe")
    assert (said.code, 'did you mean "stripe"?' in said.err) == (2, True)
    assert project.run("init", "--recipe", "failed-logins", "--source", "stripe").code == 2
    assert project.run("init", "--recipe", "failed-payments").code == 0
    assert "[sources" not in (tmp_path / "ingestlayer.toml").read_text()
    assert project.run("init", "--add", "--recipe", "failed-payments", "--source", "stripe").code == 0
    assert project.run("init", "--add", "--recipe", "failed-payments", "--source", "stripe").code == 0
    assert (tmp_path / "ingestlayer.toml").read_text().count("[sources.stripe]") == 1
