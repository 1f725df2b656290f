"""What `validate`, and every command before it runs, says of `[sources.NAME]`."""

from pathlib import Path

import pytest

from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.project.lint.inspect import inspect
from tests.support.project import SOUND, problems, write

HEAD = '[sources.shop]\nverify = "stripe"\nsecret = "env:S"\ntype = "usage"\n'


def with_table(text: str) -> dict[str, str | bytes | None]:
    """Return a project file whose first line is the first of a table."""
    return {"ingestlayer.toml": f"{text}\n{SOUND['ingestlayer.toml']}"}


def test_a_source_is_compiled_with_its_defaults(tmp_path: Path) -> None:
    write(tmp_path, with_table('[sources.shop]\nverify = "none"\ntype = "usage"'))
    table = Compiler(str(tmp_path)).run()["sources"]["shop"]
    assert table["type"] == {"$template": ["usage"]}
    assert table["payload"] == {"$template": [{"node": ["ref", ["body"]], "filters": []}]}
    assert (table["key"], table["when"], table["tolerance"], table["on_reject"]) == (None, None, 300_000, "refuse")


def test_a_header_is_known_by_its_name_in_any_letters(tmp_path: Path) -> None:
    text = (
        HEAD + "key = '''$header['X-GitHub-Delivery']'''\n[sources.shop.payload]\nused = \"${header['X-N'] | number}\""
    )
    write(tmp_path, with_table(text))
    table = Compiler(str(tmp_path)).run()["sources"]["shop"]
    assert table["key"]["$template"][0]["node"] == ["ref", ["header", "x-github-delivery"]]
    assert table["payload"]["used"]["$template"][0]["node"] == ["ref", ["header", "x-n"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sources.shop]\ntype = "usage"', '1:1: the key "verify" is missing'),
        ('[sources.shop]\nverify = "strpe"', "2:11: sources.shop.verify: must be"),
        ('[sources.shop]\nverify = "strpe"', '(did you mean "stripe"?)'),
        ('[sources.shop]\nverify = "stripe"', '2:1: sources.shop: verify = "stripe" needs `secret`'),
        (
            '[sources.shop]\nverify = "none"\nsecret = "env:S"',
            '3:1: sources.shop: verify = "none" asks for no `secret`',
        ),
        ('[sources.shop]\nverify = "hmac"\nsecret = "env:S"', '2:1: sources.shop: verify = "hmac" needs `header`'),
        (HEAD + 'header = "X-S"', '5:1: sources.shop: `header` is of verify = "hmac"'),
        (
            '[sources.shop]\nverify = "github"\nsecret = "env:S"\ntolerance = "1m"',
            "4:1: sources.shop: `tolerance` is of signatures",
        ),
        ('[sources.shop]\nverify = "stripe"\nsecret = "whsec_1"', "3:11: sources.shop.secret: must name a secret"),
        (
            '[sources.shop]\nverify = "stripe"\nsecret = ["env:A", "env:B", "env:C"]',
            "3:10: sources.shop.secret: is one secret, or two",
        ),
        (HEAD + 'sceret = "env:S"', '5:1: unknown key "sceret" (did you mean "secret"?)'),
        (HEAD + 'key = "$event.id"', "5:8: sources.shop.key: $event.id: a source has $body and $header alone"),
        (HEAD + 'key = "$bdy.id"', "5:8: sources.shop.key: unknown ref $bdy.id"),
        (HEAD + 'timestamp = "${body.at | dat}"', 'timestamp: unknown filter dat (did you mean "date"?)'),
        (HEAD + 'when = "$body.kind = 1"', "write =="),
        (HEAD + 'payload = { used = "$body.a", more = { x = "$entity.a.b" } }', "$entity.a.b: a source has $body"),
        (HEAD + "payload = 7", "5:11: sources.shop.payload: must be a text"),
        (HEAD + 'on_reject = "drop"', '5:14: sources.shop.on_reject: must be "refuse" or "keep"'),
        (HEAD.replace('"usage"', '"usge"'), '4:9: usge is not declared (did you mean "usage"?)'),
        ('[sources."a b"]\nverify = "none"', '"a b" is not a name of letters'),
    ],
)
def test_what_is_wrong_is_said_at_its_place(tmp_path: Path, text: str, words: str) -> None:
    (problem,) = (
        problems(tmp_path, with_table(text)) if text.count("verify") else [problems(tmp_path, with_table(text))[0]]
    )
    assert words in problem
    assert problem.startswith("ingestlayer.toml:")
    assert "whsec_1" not in problem


def test_validate_warns_of_a_secret_that_is_not_set_and_of_who_may_send(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HEAD + '[sources.any]\nverify = "none"\ntype = "usage"\n'
    write(tmp_path, with_table(text))
    monkeypatch.delenv("S", raising=False)
    said = [
        (found.line, found.problem.split(":")[0]) for found in inspect(str(tmp_path)) if found.severity == "warning"
    ]
    assert (3, "S is not set here") in said
    assert (6, "whoever reaches /in/any may send") in said
    monkeypatch.setenv("S", "x")
    assert not [found for found in inspect(str(tmp_path)) if "is not set" in found.problem]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('rate = "fast"', '2:9: serve.rate: "fast" is not a rate: write 2/s or 30/m'),
        ('origins = ["*"]', '2:13: serve.origins: "*" is not where a page is from'),
        ('origins = ["https://app.example/"]', "is not where a page is from"),
        ('hosts = ["in.example.com:443"]', "is not the name of a host"),
    ],
)
def test_what_is_wrong_with_the_door_is_said_at_its_place(tmp_path: Path, text: str, words: str) -> None:
    (problem,) = problems(tmp_path, with_table(f"[serve]\n{text}"))
    assert words in problem
