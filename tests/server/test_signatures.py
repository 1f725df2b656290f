"""Signatures, against what others have published or made: never against our own."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from ingestlayer_cli.server.signatures import SecretError, SignatureError, verify

MINUTE = 60
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"

# https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation
GITHUB = {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}
GITHUB_SECRET, GITHUB_BODY = "It's a Secret to Everybody", b"Hello, World!"

# https://docs.slack.dev/authentication/verifying-requests-from-slack
SLACK = {
    "x-slack-request-timestamp": "1531420618",
    "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}
SLACK_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    b"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    b"%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

# Made by Stripe's own library, stripe-python 16.1.0, of the secrets below and the time in its documentation.
STRIPE_BODY = b'{\n  "id": "evt_test_webhook",\n  "object": "event"\n}'
STRIPE_NEW = "c2f890decbc5ede7c5060bb9a6d31e0626a4342bacb9aeae2adb1bcea72f9812"  # whsec_test_secret
STRIPE_OLD = "3fe65a6024cef88f0e48e8d5e441b3047c72bead93e8c88debbac1db39172e5d"  # whsec_other


def accepts(
    scheme: str, headers: dict[str, str], body: bytes, *secrets: str, at: float | None = None, **more: Any
) -> bool:
    """Say whether a request is taken for its source's, at a time in seconds."""
    table = {"verify": scheme, "tolerance": 5 * MINUTE * 1000, **more}
    now = int((time.time() if at is None else at) * 1000)
    try:
        verify(table, list(secrets), headers, body, now)
    except SignatureError:
        return False
    return True


def standard(secret: str, body: str, at: float | None = None) -> dict[str, str]:
    """Return the headers of a request as the reference implementation signs it."""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    signature = Webhook(secret).sign("msg_1", moment, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(moment.timestamp())), "webhook-signature": signature}


def test_standard_webhooks_of_the_reference_implementation() -> None:
    body = json.dumps({"test": 2432232314, "é": "ü"})
    headers = standard(WHSEC, body)
    assert accepts("standard", headers, body.encode(), WHSEC)
    assert not accepts("standard", headers, body.encode() + b" ", WHSEC)
    assert not accepts("standard", headers, body.encode(), OTHER)
    assert not accepts("standard", {**headers, "webhook-id": "msg_2"}, body.encode(), WHSEC)


def test_standard_webhooks_of_the_specification() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    body = b'{"test": 2432232314}'
    assert accepts("standard", headers, body, WHSEC, at=1614265330)
    svix = {name.replace("webhook", "svix"): value for name, value in headers.items()}
    assert accepts("standard", svix, body, WHSEC, at=1614265330)


def test_any_of_several_signatures_and_any_of_two_secrets_counts() -> None:
    headers = standard(OTHER, "{}")
    assert accepts("standard", headers, b"{}", WHSEC, OTHER)
    several = {**headers, "webhook-signature": f"v1,AAAA v1a,x {headers['webhook-signature']}"}
    assert accepts("standard", several, b"{}", OTHER)


def test_who_signs_nothing_is_told_the_names_of_the_standard() -> None:
    with pytest.raises(SignatureError, match="webhook-id is missing"):
        verify({"verify": "standard"}, [WHSEC], {}, b"{}", 0)


def test_a_secret_that_is_none_is_no_fault_of_the_sender() -> None:
    with pytest.raises(SecretError):
        accepts("standard", standard(WHSEC, "{}"), b"{}", "whsec_not base64")


def test_stripes_library() -> None:
    headers = {"stripe-signature": f"t=1492774577,v1={STRIPE_NEW},v0=6ffbb59b2300aae63f272406069a9788598b792a"}
    assert accepts("stripe", headers, STRIPE_BODY, "whsec_test_secret", at=1492774577)
    assert accepts("stripe", headers, STRIPE_BODY, "whsec_new", "whsec_test_secret", at=1492774577)
    assert not accepts("stripe", headers, STRIPE_BODY, "whsec_other", at=1492774577)
    assert not accepts("stripe", headers, STRIPE_BODY.replace(b"\n", b""), "whsec_test_secret", at=1492774577)
    rolled = {"stripe-signature": f"t=1492774577,v1={STRIPE_OLD},v1={STRIPE_NEW}"}
    assert accepts("stripe", rolled, STRIPE_BODY, "whsec_test_secret", at=1492774577)
    downgraded = {"stripe-signature": f"t=1492774577,v0={STRIPE_NEW}"}
    assert not accepts("stripe", downgraded, STRIPE_BODY, "whsec_test_secret", at=1492774577)


@pytest.mark.parametrize(
    ("late", "is_good"), [(0, True), (5 * MINUTE, True), (-5 * MINUTE, True), (301, False), (-301, False)]
)
def test_a_time_is_good_for_five_minutes(late: int, is_good: bool) -> None:
    headers = {"stripe-signature": f"t=1492774577,v1={STRIPE_NEW}"}
    assert accepts("stripe", headers, STRIPE_BODY, "whsec_test_secret", at=1492774577 + late) is is_good
    assert accepts("slack", SLACK, SLACK_BODY, SLACK_SECRET, at=1531420618 + late) is is_good
    signed = standard(WHSEC, "{}", at=1614265330)
    assert accepts("standard", signed, b"{}", WHSEC, at=1614265330 + late) is is_good


def test_the_example_of_github() -> None:
    assert accepts("github", GITHUB, GITHUB_BODY, GITHUB_SECRET)
    assert not accepts("github", GITHUB, GITHUB_BODY + b"\n", GITHUB_SECRET)
    assert not accepts("github", {"x-hub-signature": GITHUB["x-hub-signature-256"]}, GITHUB_BODY, GITHUB_SECRET)


def test_the_example_of_slack() -> None:
    assert accepts("slack", SLACK, SLACK_BODY, SLACK_SECRET, at=1531420618)
    later = {**SLACK, "x-slack-request-timestamp": "1531420619"}
    assert not accepts("slack", later, SLACK_BODY, SLACK_SECRET, at=1531420618)


def test_a_header_of_ones_own() -> None:
    """The same digest as GitHub's example has, under another name and in another coding."""
    digest = bytes.fromhex(GITHUB["x-hub-signature-256"].removeprefix("sha256="))
    own: dict[str, Any] = {"header": "X-Signature", "algorithm": "sha256", "encoding": "hex", "prefix": ""}
    assert accepts("hmac", {"x-signature": digest.hex().upper()}, GITHUB_BODY, GITHUB_SECRET, **own)
    own |= {"encoding": "base64", "prefix": "v1="}
    text = base64.b64encode(digest).decode()
    assert accepts("hmac", {"x-signature": f"v1={text}"}, GITHUB_BODY, GITHUB_SECRET, **own)
    assert not accepts("hmac", {"x-signature": text}, GITHUB_BODY, GITHUB_SECRET, **own)
    assert accepts("shopify", {"x-shopify-hmac-sha256": text}, GITHUB_BODY, GITHUB_SECRET)


def test_a_bearer_token() -> None:
    assert accepts("bearer", {"authorization": "Bearer s3cret"}, b"", "new", "s3cret")
    assert accepts("bearer", {"authorization": "bearer s3cret"}, b"", "s3cret")
    for header in ("Bearer s3cre", "Bearer", "Basic s3cret", "s3cret", "Bearer s3cret é"):
        assert not accepts("bearer", {"authorization": header}, b"", "s3cret")


HEADERS = {
    "standard": ("webhook-id", "webhook-timestamp", "webhook-signature"),
    "stripe": ("stripe-signature",),
    "slack": ("x-slack-request-timestamp", "x-slack-signature"),
    "github": ("x-hub-signature-256",),
    "shopify": ("x-shopify-hmac-sha256",),
    "bearer": ("authorization",),
}


@pytest.mark.parametrize("scheme", HEADERS)
@pytest.mark.parametrize("value", [None, "", "=", ",", "t=,v1=", "v1,", "sha256=", "Bearer ", "é\udcff" * 99, "9" * 20])
def test_nonsense_in_place_of_a_signature_is_refused(scheme: str, value: str | None) -> None:
    headers = {} if value is None else dict.fromkeys(HEADERS[scheme], value)
    assert not accepts(scheme, headers, b"{}", WHSEC)
