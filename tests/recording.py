"""The recording at the README's top: what three commands print, typed in a terminal. `python -m tests.recording`.

An SVG that moves by CSS alone, and fetches nothing. Where nothing moves, its last frame stands.
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from ingestlayer_cli.render import picture
from tests.support import ROOT
from tests.support.session import Session, normal, with_program

FILE = ROOT / "examples" / "pictures" / "tour.svg"
TITLE = "ingestlayer"
TOUR = (
    """\
ingestlayer emit usage.limit_reached --customer acme \\
    --metric api-calls --limit 10000 --used 10250 --plan pro""",
    """\
ingestlayer preview usage.limit_reached --customer globex \\
    --metric seats --limit 50 --used 46 --plan team""",
    "ingestlayer why acme",
)
COLUMNS, ROWS = 80, 24
LINE, MARGIN, BAR, CELL = 23, 16, 44, 12.04  # pixels, as in `picture`
A_KEY, BEFORE_ENTER, SCREEN, SCROLL, READ = 0.02, 0.4, 2.5, 0.06, 4.5  # seconds; SCROLL a row

STYLE = """\
<style>
.rows {{ animation: rows {total:g}s linear {since:g}s infinite }}
{rules}
@keyframes rows {{ {scroll} }}
{frames}
@media (prefers-reduced-motion: reduce) {{ * {{ animation: none !important }} }}
</style>"""


def printed() -> list[str]:
    """Return what the commands print on a terminal, colours and all, with fixed ids and times."""
    with tempfile.TemporaryDirectory(prefix="tour-") as folder:
        terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
        shell = Session(Path(folder), with_program(terminal))
        shell.run("ingestlayer init demo")
        shell.run("cd demo")
        return [normal(shell.run(command).said).rstrip() for command in TOUR]


def rows_of(text: str) -> list[Text]:
    """Return the rows of a terminal that a text takes."""
    rows: list[Text] = []
    for line in Text.from_ansi(text).split("\n"):
        rows += [line[at : at + COLUMNS] for at in range(0, max(line.cell_len, 1), COLUMNS)]
    return rows


def draw() -> str:
    """Return the picture."""
    rows: list[Text] = []
    covers: list[tuple[int, int, float]] = []  # of typed rows: which, its cells, when it is typed
    shown: list[tuple[int, int, float]] = []  # which rows appear at once, and when
    scroll: list[tuple[float, int]] = [(0, 0)]  # when so many rows have gone beyond the top
    now = 0.5
    for command, output in zip(TOUR, printed(), strict=True):
        typed = rows_of(f"\x1b[32m$\x1b[0m \x1b[1m{command}\x1b[0m")
        first = len(rows)
        for row in typed:
            covers.append((len(rows), row.cell_len, now))
            rows.append(row)
            now += row.cell_len * A_KEY
        shown.append((first, len(rows), covers[-len(typed)][2]))
        scroll.append((now, scroll[-1][1]))
        now += BEFORE_ENTER
        top = len(rows)
        rows += [*rows_of(output), Text()]
        shown.append((top, len(rows), now))
        top, bottom = max(scroll[-1][1], min(first, len(rows) - ROWS)), max(len(rows) - ROWS, 0)
        scroll += [(now - 0.01, scroll[-1][1]), (now, top)]
        if bottom > top:
            now += SCREEN
            scroll += [(now, top), (now + (bottom - top) * SCROLL, bottom)]
            now += (bottom - top) * SCROLL
        now += READ
        scroll.append((now, bottom))
    return _assembled(rows, covers, shown, scroll, now)


def _assembled(
    rows: list[Text],
    covers: list[tuple[int, int, float]],
    shown: list[tuple[int, int, float]],
    scroll: list[tuple[float, int]],
    total: float,
) -> str:
    since = -shown[1][2] - 0.1  # who comes sees the first message at once

    def at(seconds: float) -> str:
        return f"{seconds / total * 100:.2f}%"

    whole = picture.svg([Text("\n").join(rows)], TITLE, COLUMNS)
    drawn = re.search(r"(?s)(.*?)(<g fill=.*?>\n)(.*)\n</g>\n</svg>", whole)
    assert drawn
    head, group, tags = drawn.groups()
    by_row = _by_row(tags.split("\n"), len(rows))
    content, rules, frames = [], [], []
    for number, (first, after, when) in enumerate(shown):
        content.append(f'<g class="p{number}">' + "\n".join(tag for row in by_row[first:after] for tag in row) + "</g>")
        rules.append(f".p{number} {{ animation: p{number} {total:g}s step-end {since:g}s infinite }}")
        frames.append(f"@keyframes p{number} {{ 0% {{ opacity: 0 }} {at(when)} {{ opacity: 1 }} }}")
    for number, (row, cells, when) in enumerate(covers):
        place = f'x="{MARGIN}" y="{BAR + row * LINE}" width="{COLUMNS * CELL:g}" height="{LINE}"'
        content.append(f'<rect class="c{number}" {place} fill="#1a1d21" visibility="hidden"/>')
        rules.append(f".c{number} {{ animation: c{number} {total:g}s {since:g}s infinite }}")
        end = f"visibility: visible; transform: translateX({cells * CELL:g}px)"
        frames.append(
            f"@keyframes c{number} {{ 0% {{ visibility: visible }} "
            f"{at(when)} {{ visibility: visible; transform: none; animation-timing-function: steps({cells}) }} "
            f"{at(when + cells * A_KEY)} {{ {end} }} 100% {{ {end} }} }}"
        )
    height = ROWS * LINE + BAR + MARGIN
    style = STYLE.format(
        total=total,
        since=since,
        rules="\n".join(rules),
        scroll=" ".join(f"{at(when)} {{ transform: translateY({-row * LINE}px) }}" for when, row in scroll),
        frames="\n".join(frames),
    )
    window = f'<clipPath id="window"><rect y="{BAR}" width="100%" height="{ROWS * LINE}"/></clipPath>'
    full = f"{len(rows) * LINE + BAR + MARGIN:g}"
    head = head.replace(f' {full}"', f' {height}"', 1).replace(f'height="{full}"', f'height="{height}"', 1)
    moving = f'<g class="rows" transform="translate(0 {-scroll[-1][1] * LINE})">'
    parts = (head + style, window, '<g clip-path="url(#window)">', moving, group + "\n".join(content))
    return "\n".join((*parts, "</g>\n</g>\n</g>\n</svg>\n"))


def _by_row(tags: list[str], count: int) -> list[list[str]]:
    """Return the tags of each row, by where they stand."""
    found: list[list[str]] = [[] for _ in range(count)]
    for tag in tags:
        top = re.search(r' y="(\d+)"', tag)
        assert top
        found[(int(top[1]) - BAR) // LINE].append(tag)
    return found


def words(svg: str) -> Iterator[str]:
    """Yield the texts of a picture."""
    yield from re.findall(r"<text[^>]*>([^<]*)</text>", svg)


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(draw(), encoding="utf-8")
