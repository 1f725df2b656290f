"""What is inserted into a line of bash, as bash reads it."""

import subprocess

import pytest

from ingestlayer_cli.completion.line import AsTyped, inserted, read, words_of

VALUES = ["a b", "`x`", "$(x)", "$x", "'", '"', "\\", "!x", "é:=@日", "#", "~", "a\nb\tc", "\x1b[1m", "{a,b}", "*?[x]"]


@pytest.mark.parametrize(("before", "quote"), [("", ""), ('"', '"'), ("'", "'"), ("a\\ ", ""), ('"a ', '"')])
def test_what_is_inserted_is_read_as_the_value(before: str, quote: str) -> None:
    meant = read(before).meant
    lines = (f"printf '%s\\0' {before}{inserted(meant + value, read(before))}{quote}" for value in VALUES)
    out = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, check=True).stdout
    assert out.decode().split("\0")[:-1] == [meant + value for value in VALUES]


@pytest.mark.parametrize(
    ("line", "replaced", "found"),
    [
        ("ingestlayer em", "em", ([], "em", AsTyped("", ""))),
        ("ingestlayer emit ", "", (["emit"], "", AsTyped("", ""))),
        ("A=1 x/ingestlayer 'a b' c\\ d\\", "c\\ d\\", (["a b"], "c d\\", AsTyped("", ""))),
        ("ingestlayer emit metric=s", "s", (["emit"], "metric=s", AsTyped("metric=", ""))),
        ("ingestlayer why @l", "l", (["why"], "@l", AsTyped("@", ""))),
        ('ingestlayer get "a b', "a b", (["get"], "a b", AsTyped("", '"'))),
        ('ingestlayer get "a\\"b\\x', 'a\\"b\\x', (["get"], 'a"b\\x', AsTyped("", '"'))),
        ("ingestlayer get c:d", "d", (["get"], "c:d", AsTyped("c:", ""))),
    ],
)
def test_a_line_is_read_as_bash_reads_it(line: str, replaced: str, found: tuple[list[str], str, AsTyped]) -> None:
    assert words_of(line, replaced) == found
