"""What is found in a text, what is left alone, and that no text takes long."""

import random
import sys
import time
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestlayer_cli.model.detectors import DETECTORS
from ingestlayer_cli.model.redaction import find, mask
from tests.support.planted import KINDS, written

FOUND = {
    "email": [
        *("jane@acme.com", "j.doe+spam@mail.acme.co.uk", "jörg@müller.de", "o'brien@acme.ie", "x_y@acme.museum"),
        *("a@b.co", "jane@xn--mller-kva.xn--p1ai", "JANE@ACME.COM"),
    ],
    "phone": [
        *("+49 170 1234567", "+491701234567", "+49 (0) 170 / 123 45 67", "+1 (415) 555-2671", "+1-415-555-2671"),
        *("(415) 555-2671", "415-555-2671", "415.555.2671", "415 555 2671", "1-800-555-0199", "030 901820"),
        *("0170/1234567", "0049 170 1234567", "06 12 34 56 78", "06.12.34.56.78", "020 7946 0958", "+44 20 7946 0958"),
    ],
    "card": [
        *("4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242", "5555555555554444", "2223003122003222"),
        *("378282246310005", "3782 822463 10005", "30569309025904", "6011111111111117", "3566002020360505"),
        *("6200000000000005", "4222222222222", "4000002500003155"),
    ],
    "iban": [
        *("DE89370400440532013000", "DE89 3704 0044 0532 0130 00", "gb29nwbk60161331926819", "NO9386011117947"),
        *("FR14 2004 1010 0505 0001 3M02 606", "MT84MALT011000012345MTLCAST001S", "CH93 0076 2011 6238 5295 7"),
    ],
    "ip": [
        *("10.0.0.1", "255.255.255.255", "8.8.8.8", "::1", "fe80::1", "2001:db8::8a2e:370:7334", "::ffff:10.0.0.1"),
        *("2001:0db8:0000:0000:0000:ff00:0042:8329", "2001:db8::", "1.2.3.4"),
    ],
    "api_key": [
        *("AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "ghp_" + "aB3" * 12, "gho_" + "aB3" * 12),
        *(
            "github_pat_11ABCDEFG0" + "a1" * 20,
            "glpat-" + "a1" * 10,
            "xoxb-1234567890-abcdefghij",
            "xoxe.xoxp-1-Mi0yLTEyMzQ",
        ),
        *(
            "xapp-1-A012-345-abcdef",
            "sk_" + "live_4eC39HqLyjWDarjtT1zdp7dc",
            "sk_test_4eC39HqLyjWD",
            "rk_" + "live_4eC39HqLyjWDarjt",
        ),
        *("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "AIzaSyA1234567890abcdefghijklmnopqrstuv", "npm_" + "a1" * 18),
        *("sk-proj-a1b2c3d4e5f6g7h8i9j0", "SG." + "a1" * 11 + "." + "b2" * 21, "hooks.slack.com/services/T00/B00/XXXX"),
    ],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."],
    "private_key": [
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nx\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz, cut off",
    ],
}
INSIDE = {
    "bearer": [
        ("Authorization: Bearer abc123def456", "abc123def456"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ('{"Authorization": "Token abcdefghij"}', "abcdefghij"),
        ("bearer abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz"),
    ],
    "api_key": [
        ("postgres://app:hunter2hunter2@db/x", "hunter2hunter2"),
        (
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        ),
    ],
    "email": [
        ("mailto:jane@acme.com?x", "jane@acme.com"),
        ("<jane@acme.com>.", "jane@acme.com"),
        ("a=b@c.de", "b@c.de"),
    ],
    "phone": [
        ("tel:+14155552671;", "+14155552671"),
        ("tel:030 901820", "030 901820"),
        ("on 03.11.2026 030 901820", "030 901820"),
    ],
    "card": [("4242 4242 4242 4242 12/27", "4242 4242 4242 4242"), ("card:4242424242424242.", "4242424242424242")],
    "iban": [("DE89370400440532013000 EUR", "DE89370400440532013000")],
    "ip": [
        ("ip:2001:db8::1: refused", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("10.0.0.1:80.", "10.0.0.1"),
    ],
}
UNTOUCHED = [
    *("550e8400-e29b-41d4-a716-446655440000", "01234567-0123-0123-0123-012345678901", "evt_01K9AAAAAAAAAAAAAAAAAAAAAA"),
    *("2026-11-03", "03.11.2026", "03/11/2026 09:30", "01-02-2026", "2026-11-03T09:30:00.000Z", "20261103093000"),
    *("03.11.2026 - 05.11.2026", "09.30 - 17.00", "12:30:45", "1730626200000", "1730626200", "2026-W45"),
    *(
        "ORD-2024-000123",
        "INV/2026/00042",
        "112-1234567-1234567",
        "#10023",
        "order 4711",
        "100/200/300",
        "AB-12-345678",
    ),
    *("1 000 000 000", "1,234,567,890", "1.000.000,00 EUR", "10 250 of 10 000", "$1,000.00 (10%)", "97.5%"),
    *("1.2.3", "v2.10.4", "1.2.3.4.5", "pkg@1.2.3", "0.4242424242424242", "3.14159265358979", "256.1.1.1"),
    *(
        "1234 5678 9012 3456",
        "4242424242424241",
        "4242424242424242424242",
        "GB82WEST12345698765431",
        "DE00370400440532013000",
    ),
    *("std::vector<int>", "a::b", "foo1::bar", "00:1A:2B:3C:4D:5E", "key:value:x", "http://example.com/a:b"),
    *("@channel hi", "bearer of good news", "bearer instruments", "user@localhost", "a @ b.com"),
    *("task-management-console-identifier-2", "ghp_short", "AKIA", "eyJ", "sk_live_", "xoxo-kisses"),
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
]


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in FOUND.items() for text in texts])
def test_a_secret_is_found_from_end_to_end(kind: str, text: str) -> None:
    assert (0, len(text), kind) in find(text)


@pytest.mark.parametrize(
    ("kind", "text", "secret"), [(kind, *row) for kind, rows in INSIDE.items() for row in rows], ids=str
)
def test_a_secret_is_found_inside_a_text_and_nothing_else(kind: str, text: str, secret: str) -> None:
    assert secret in [text[found.start : found.end] for found in find(text) if found.kind == kind]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert find(text) == ()
    assert find(f"see {text} and so on") == ()


@pytest.mark.parametrize("kind", KINDS)
@settings(derandomize=True, max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), before=st.text(max_size=40), after=st.text(max_size=40))
def test_a_planted_secret_is_found_in_any_text(kind: str, seed: int, before: str, after: str) -> None:
    secret = KINDS[kind](random.Random(seed))
    text = f"{before} ({written(kind, secret)}) {after}"
    spans = [(found.start, found.end) for found in find(text)]
    left = "".join(char for at, char in enumerate(text) if not any(start <= at < end for start, end in spans))
    assert secret not in left
    assert any(text[start:end].find(secret) >= 0 for start, end in spans)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(max_size=300))
def test_what_is_found_stands_in_the_text(text: str) -> None:
    for found in find(text):
        assert 0 <= found.start < found.end <= len(text)
        assert found.kind in DETECTORS


# Masks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("jane@acme.com", "j•••@acme.com"),
        ("jo@acme.com", "•••@acme.com"),
        ("4242 4242 4242 4242", "•••4242"),
        ("+49 170 1234567", "•••67"),
        ("short", "•••"),
        ("", "•••"),
        ("eight ch", "e•••h"),
        ("a rather long text of somebody", "a •••dy"),
        (FOUND["private_key"][0], "•••"),
    ],
)
def test_a_mask_leaves_what_people_know_a_secret_by(text: str, masked: str) -> None:
    assert mask(text) == masked


@settings(derandomize=True, max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.characters(categories=["L", "P", "Zs"]), max_size=60))
def test_of_a_text_a_mask_leaves_a_quarter_at_most(text: str) -> None:
    left = mask(text).replace("•••", "")
    assert len(left) <= len(text) / 4 or find(text.strip())


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_does_not_hold_the_secret(kind: str) -> None:
    for seed in range(100):
        secret = KINDS[kind](random.Random(seed))
        assert secret not in mask(secret)
        assert len(mask(secret).replace("•••", "").partition("@")[0]) <= 4


# Time -----------------------------------------------------------------------------------------------------

PIECES = [
    *(
        "a",
        "@",
        "a@",
        "a.",
        "@a.",
        "a@a",
        "a@a.",
        "0",
        "1 ",
        "4",
        "4 ",
        "42 ",
        "4242 ",
        "+1",
        "+1 ",
        "+1(",
        "01 ",
        "030 ",
    ),
    *("(0", "(415) ", "415-", "0/", ":", "::", "a:", "1:", "1.", "1.1.1.", "255.255.255.", "f:f:f:", "DE89", "DE89 "),
    *(
        "de89 3704 ",
        "eyJ",
        "eyJa.",
        "eyJabcdefgh",
        "eyJabcdefgh.",
        "bearer ",
        "bearer a",
        "authorization:",
        "authorization ",
    ),
    *(
        "AKIA",
        "ghp_",
        "xoxb-",
        "xox",
        "sk-",
        "sk-a-",
        "sk_live_",
        "AIza",
        "SG.",
        "SG.aaaaaaaaaaaaaaaaa",
        "secret key =",
    ),
    *(
        "://",
        "://a:",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "-----END PRIVATE",
        "hooks.slack.com/",
    ),
    *(
        "secret_access_key=",
        "ya29.",
        "xn--",
        "@xn--",
        "@a-",
        "_",
        "-",
        "•",
        " ",
        "\n",
        "4-",
        "0.",
        "github_pat_",
        "whsec_",
    ),
]


def steps_of(text: str) -> int:
    """Return how many lines of Python a search runs: what a regular expression does in between is bounded below."""
    lines = count()

    def trace(frame: object, event: str, argument: object) -> object:
        next(lines)
        return trace

    sys.settrace(trace)  # type: ignore[arg-type]
    try:
        find(text)
    finally:
        sys.settrace(None)
    return next(lines)


@pytest.mark.parametrize("piece", PIECES)
def test_no_text_of_forty_kilobytes_takes_long(piece: str) -> None:
    """A search whose time grows with the square of the text takes seconds here, another some milliseconds."""
    text = piece * (40_000 // len(piece))
    for whole in (text, f"{text}!", f"x{text}\0"):
        began = time.process_time()
        find(whole)
        assert time.process_time() - began < 0.5


@pytest.mark.parametrize("piece", PIECES)
def test_twice_the_text_takes_about_twice_the_steps(piece: str) -> None:
    short, long = (piece * (size // len(piece)) for size in (4_000, 8_000))
    assert steps_of(long) <= 2.5 * steps_of(short) + 500
