"""Pages on a terminal."""

from ingestlayer_cli.render.page import drawn
from tests.support import DOCS

PAGE = """\
Words that go on
in the next line, and [a link](../../examples/cron).

```toml
[a]

key = "a line that is longer than the terminal is wide"   # whole, to be copied
```

- one
- two, which is longer than
  the others of this list

| code | meaning |
|---|---|
| 0 | all went well |

| what | measured | beside |
|---|---|---|
| `emit` | 57 ms | 12 ms |
| | 60 ms | 13 ms |
"""


def test_a_page_fits_the_terminal_and_its_examples_stay_whole() -> None:
    assert (
        "\n".join(line for line, _ in drawn(PAGE, 40))
        == """\
  Words that go on in the next line, and
  a link.

    [a]

    key = "a line that is longer than the terminal is wide"   # whole, to be copied

  - one
  - two, which is longer than the others
    of this list

  0
      all went well

  `emit`
      measured: 57 ms; beside: 12 ms
      measured: 60 ms; beside: 13 ms
"""
    )


def test_nothing_of_our_pages_is_lost() -> None:
    for path in DOCS.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        shown = "".join("".join(line.split()) for line, _ in drawn(text, 80))
        for word in ("`deliver`", "ingestlayer", "Retry-After", "http", "SIGTERM"):
            assert shown.count(word) == text.count(word), (path.name, word)
