"""`ingestlayer` alone: what to do next, or how the project stands."""

import os
import sys
from typing import Any

from . import Settings

LAST = 5  # events that are shown

WELCOME = (
    "ingestlayer: know in Slack when something worth acting on happens to a customer",
    "",
    "  ingestlayer init                          a small working project, here",
    "  ingestlayer preview usage.limit_reached   a message as it will look",
    "  ingestlayer slack connect                 then messages go to Slack",
    "  ingestlayer recipes                       more to be told of",
    "",
    "ingestlayer --help lists every command.",
)


def run(settings: Settings) -> int:
    """Say what to do next outside a project; inside one, show its state."""
    from ..operations.pausing import as_it_runs
    from ..project import find, load_beside
    from ..system.console import say
    from ..system.errors import ProjectError

    try:
        find(settings.project, even_gone=True)
    except ProjectError:
        if settings.project or os.environ.get("INGESTLAYER_PROJECT"):
            raise  # one was named
        for line in WELCOME:
            say(line)
    else:
        _show(as_it_runs(load_beside(settings.project, keep=False)))
    _offer_completion()
    return 0


def _show(project: Any) -> None:
    from ..operations.slack.summary import summary
    from ..store.opening import open_to_read
    from ..system.console import say
    from . import note_problems

    say(project.root, "bold")
    note_problems(project)
    for data in project.pipelines:
        match = ", ".join(data["match"]) or "every type"
        say(f"  {data['name']}  {data['status']}  {match}", "" if data["status"] == "active" else "dim")
    for line in summary(project):
        say(line)
    store = open_to_read(project.store_path)
    if store is None:
        say(f"no events yet; try: {_try(project)}")
        return
    try:
        _show_store(store, project)
    finally:
        store.close()


def _try(project: Any) -> str:
    types = (type_ for type_ in project.types if project.declaration(type_).example is not None)
    return f"ingestlayer preview {next(types, 'TYPE')}"


def _show_store(store: Any, project: Any) -> None:
    from itertools import islice

    from ..engine.unfinished import backlog
    from ..store.contract.reading import Selection
    from ..store.contract.sending import Wanted
    from ..system.console import say

    waiting = store.outbox.still_waiting(Wanted())
    found = [f"{count:,} {status}" for status, count in waiting.items()]
    if not store.is_outdated and (failed := backlog(store, project).runs):
        found.append("1 failed run" if failed == 1 else f"{failed:,} failed runs")
    say(f"waiting: {', '.join(found) or 'nothing'}" + ("; to send what is due: ingestlayer deliver" if found else ""))
    say("last events:")
    for item in islice(store.history.select(Selection()), LAST):
        event = item.event.document()
        say(f"  {event['received_at'][:16].replace('T', ' ')}  {event['type']}  {event['id']}")
    say("why one went where: ingestlayer why @last")


def _offer_completion() -> None:
    """Offer shell completion, once for each user and on a terminal only."""
    from ..system.console import note
    from ..system.state import make_folder, state_folder

    shell = os.path.basename(os.environ.get("SHELL", ""))
    folder = state_folder()
    if shell not in ("bash", "zsh", "fish") or not sys.stderr.isatty() or folder is None:
        return
    try:
        make_folder(folder)
        os.close(os.open(os.path.join(folder, "completion-offered"), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError:
        return  # it was offered, or that cannot be remembered: then never rather than each time
    note(f"completion for {shell}: ingestlayer --install-completion {shell}", "dim")
