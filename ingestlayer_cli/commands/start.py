"""`ingestlayer` alone: what to do next, or how the project stands."""

import os
import sys

from . import Settings

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
    from ..operations.status import status as look
    from ..project import find
    from ..system.clock import Clock
    from ..system.console import say
    from ..system.errors import ProjectError
    from .status import code_of, show

    try:
        find(settings.project, even_gone=True)
    except ProjectError:
        if settings.project or os.environ.get("INGESTLAYER_PROJECT"):
            raise  # one was named
        for line in WELCOME:
            say(line)
        _offer_completion()
        return 0
    document = look(settings.project, Clock())
    show(document)
    _offer_completion()
    return code_of(document)


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
