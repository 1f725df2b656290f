"""`backtest`: what the pipelines as they are now would have sent."""

from typing import TYPE_CHECKING, Annotated

import typer

from ..system.errors import count_of
from . import open_runtime
from .options import MOST, Clock, Json, Quiet, say_today
from .selection import Since, Source, Status, Type, Until, Where, selection

if TYPE_CHECKING:
    from ..model.documents.past import BacktestDocument, SendingDocument, SideDocument, TextDiffDocument
    from ..operations.backtest import Pair


def backtest(
    pipeline: Annotated[
        str | None, typer.Argument(metavar="[PIPELINE]", help="This one alone, even when it is paused or a draft.")
    ] = None,
    type_: Type = None,
    since: Since = "30d",
    until: Until = None,
    source: Source = None,
    where: Where = None,
    status: Status = None,
    clock: Clock = "acceptance",
    diff: Annotated[bool, typer.Option("--diff", help="Compare the messages' texts, too.")] = False,
    limit: Annotated[
        int,
        typer.Option("--limit", metavar="N", min=0, max=MOST, help="Show at most so many events or texts that change."),
    ] = 20,
    max_posts: Annotated[
        int | None,
        typer.Option("--max-posts", metavar="N", min=0, max=MOST, help="Exit with 1 when more messages would go out."),
    ] = None,
    digest: Annotated[
        str | None,
        typer.Option("--digest", metavar="WINDOW", help="Try one message for many: of 1h or run, or at 09:00."),
    ] = None,
    budget: Annotated[
        list[str] | None, typer.Option("--budget", metavar="CHANNEL=RATE", help="Try a budget: '#alerts=20/h'.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Run the pipelines as they are on disk now over stored events, and compare with what was sent.

    Nothing is sent or written. Each event keeps its own time; what was known of entities then, and remembered by
    steps, is given again. Digests, hours and budgets count: messages that would be one are one.
    """
    from ..operations.backtest import backtest as run
    from ..operations.trial import trial_of
    from ..system.console import Progress, note, say_json
    from ..system.errors import Exit

    texts, trial = _Texts(limit), trial_of(digest, budget or ())
    progress = Progress("event", quiet)
    with open_runtime(keep=False) as runtime:
        runtime.project.sound()
        filters = {"type_": type_, "since": since, "until": until, "source": source, "where": where, "status": status}
        chosen = selection(runtime, **filters)
        looked = texts.see if diff else None
        by_time = clock == "event"
        result = run(
            runtime,
            runtime.stored,
            chosen,
            pipeline=pipeline,
            bodies=diff,
            limit=limit,
            progress=progress.at,
            each=looked,
            by_time=by_time,
            trial=trial,
        )
    progress.end()
    if diff:
        result.told["texts"], result.told["diffs"] = texts.changed, texts.diffs
    posts = sum(result.told["messages"]["after"].values())
    too_many = max_posts is not None and posts > max_posts
    if json:
        say_json(result)
    elif not quiet:
        _say(result.told)
    for hint in [] if json else result.hints:
        note(f"warning: {hint}", "yellow")
    if too_many and not json:
        note(f"error: {count_of(posts, 'message')} would go out, --max-posts is {max_posts:,}", "red")
    return Exit.FOUND if too_many else Exit.OK


class _Texts:
    """Gathers the messages whose text changes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.changed = 0
        self.diffs: list[TextDiffDocument] = []

    def see(self, pair: "Pair") -> None:
        import json
        from collections import Counter
        from difflib import unified_diff

        from ..render.plain import lines

        sides: list[dict[tuple[str, int], str]] = []
        for side in (pair.before, pair.after):
            numbers: Counter[str] = Counter()
            found = {}
            for target, body in zip(side.targets, side.bodies, strict=True):
                found[target, numbers[target]] = body
                numbers[target] += 1
            sides.append(found)
        for place in dict.fromkeys([*sides[0], *sides[1]]):
            old, new = (lines(json.loads(side[place])) if place in side else [] for side in sides)
            if old != new:
                self.changed += 1
                if len(self.diffs) < self._limit:
                    text = list(unified_diff(old, new, "sent", "now", lineterm="", n=1))
                    self.diffs.append(
                        {"event": pair.event.id, "pipeline": pair.pipeline, "target": place[0], "diff": text}
                    )


def _say(result: "BacktestDocument") -> None:
    from ..system.console import say

    before, after = result["messages"]["before"], result["messages"]["after"]
    sent, now = sum(before.values()), sum(after.values())
    messages = "message" if sent == now == 1 else "messages"
    say(f"{count_of(result['events'], 'event')}: {sent:,} → {now:,} {messages}", "bold")
    for target in sorted({*before, *after}):
        say(f"  {target} {before.get(target, 0):,} → {after.get(target, 0):,}")
    if told := _sending(result["sending"]):
        say(f"  {told}")
    failed = result["runs"]["after"]["failed"]
    if failed:
        say(f"  {count_of(failed, 'run fails', 'runs fail')}", "red")
    say_today(result)
    say(count_of(result["changed"], "outcome changes", "outcomes change"))
    for change in result["changes"]:
        say(f"  {change['event']} {change['type']} {change['received_at']} {change['pipeline']}")
        say(f"    - {_words(change['before'])}", "red")
        say(f"    + {_words(change['after'])}", "green")
    if result["changed"] > len(result["changes"]):
        say(f"  … and {result['changed'] - len(result['changes']):,} more: --limit shows them", "dim")
    if "diffs" in result:
        _say_diffs(result)


def _sending(counts: "SendingDocument") -> str:
    """Say what becomes of messages that do not go at once, each for itself."""
    parts = []
    if counts["collapsed"]:
        count = counts["collapsed"] + counts["sent"]
        parts.append(f"of {count:,} messages {counts['collapsed']:,} would be a line of another")
    if counts["waited"]:
        parts.append(f"{counts['waited']:,} would wait for a digest, for hours or for a budget")
    if counts["dropped"]:
        parts.append(f"{counts['dropped']:,} would come outside of their hours, and be dropped")
    return "; ".join(parts)


def _words(side: "SideDocument") -> str:
    told = ", ".join(side["targets"]) or side["outcome"] or "nothing"
    return f"{told}: {side['reason']}" if side["reason"] else told


def _say_diffs(result: "BacktestDocument") -> None:
    from ..system.console import say

    say(count_of(result["texts"], "text changes", "texts change"))
    for row in result["diffs"]:
        say(f"  {row['event']} {row['pipeline']} {row['target']}", "bold")
        for line in row["diff"]:
            say(f"    {line}", {"-": "red", "+": "green"}.get(line[:1], ""))
