"""What is planned, shown, and done after a yes."""

import sys
from typing import Annotated, NamedTuple

import typer

from ..system.errors import count_of
from .options import MOST


class Doing(NamedTuple):
    """What is done after the plan."""

    expect: Annotated[
        int | None, typer.Option("--expect", metavar="N", min=0, max=MOST, help="Refuse unless it is so many events.")
    ] = None
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, and stop.")] = False
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False
    no_deliver: Annotated[bool, typer.Option("--no-deliver", help="Leave the messages in the outbox.")] = False
    wait: Annotated[str | None, typer.Option("--wait", metavar="DURATION", help="Wait so long for them.")] = None


def asked(messages: int, events: int) -> bool:
    """Return what a person answers; UsageError where there is none."""
    from ..system.console import is_attended
    from ..system.errors import UsageError

    if not (is_attended() and sys.stderr.isatty()):
        raise UsageError(
            f"this would send {count_of(messages, 'message')} of {count_of(events, 'event')}: say --yes",
            "--dry-run shows the plan alone; --expect N refuses when it is another count of events",
        )
    return typer.confirm(f"Send {count_of(messages, 'message')}?", err=True)


def check_count(expected: int | None, events: int) -> None:
    """Refuse when it is another count of events than was said."""
    from ..system.errors import UsageError

    if expected is not None and expected != events:
        raise UsageError(
            f"--expect {expected:,}: it is {count_of(events, 'event')}", "nothing was sent; look at the plan again"
        )
