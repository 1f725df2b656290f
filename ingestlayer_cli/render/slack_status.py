"""How a project stands with its workspaces, in words."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..operations.slack.scopes import NEEDED, REACTIONS, RECONCILE, SCOPES
from ..system.console import say

if TYPE_CHECKING:
    from ..model.documents.slack import WorkspaceDocument


MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def line(mark: str, words: str, hint: str = "") -> None:
    """Print one finding, and below it its remedy."""
    sign, style = MARKS[mark]
    say(f"{sign} {words}", style if mark != "ok" else "")
    if hint and mark != "ok":
        say(f"  → {hint}", "dim")


def draw(found: "list[WorkspaceDocument]", quiet: bool = False) -> None:
    """Print the state of each workspace; `quiet`: its problems alone."""
    for number, row in enumerate(found):
        if len(found) > 1 and not quiet:
            if number:
                say()
            say(f"workspace {row['workspace'] or '(default)'}", "bold")
        for mark, words, hint in _lines(row):
            if mark == "problem" or not quiet:
                line(mark, words, hint)


def _lines(row: "WorkspaceDocument") -> Iterator[tuple[str, str, str]]:
    """Yield (mark, words, remedy)."""
    if row["connection"] == "terminal":
        yield "warning", 'connection = "terminal": messages are drawn here, not sent', "ingestlayer slack connect"
        return
    if row["team"]:
        yield "ok", f"{row['team']} as @{row['bot']}", ""
    if row["secret"]:
        yield "ok", f"the secret is in {row['secret']}", ""
    if row["secret"] and row["connection"] == "webhook":
        yield "ok", "an incoming webhook: messages go to its own channel", ""
    for problem in row["problems"]:
        yield "problem", problem["problem"], problem["hint"]
    scopes = row["scopes"]
    for scope, use in (SCOPES | RECONCILE | REACTIONS).items() if scopes is not None else ():
        if scope in (scopes or ()):
            yield "ok", f"{scope:17} {use}", ""
        elif scope in row["missing_scopes"] and scope != NEEDED:  # that one is among the problems
            yield "warning", f"{scope:17} missing: cannot {use}", "add it under OAuth & Permissions, install again"
    if row["clock_skew"] is not None and all(problem["kind"] != "clock" for problem in row["problems"]):
        yield "ok", f"the clock differs from Slack's by {abs(row['clock_skew']):.1f} s", ""
    width = max((len(it["channel"]) for it in row["channels"]), default=0)
    for it in row["channels"]:
        yield it["mark"], f"{it['channel']:{width}}  {it['standing']}  ({', '.join(it['pipelines'])})", it["hint"]
