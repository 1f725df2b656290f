"""This program's own troubles as events: their declarations, which every project has."""

from ..model.events import OURS
from ..system.clock import DAY

ALERTS = f"{OURS}alerts"  # the pipeline of `[alerts]`
WINDOW = 90 * DAY  # an open trouble is one message for so long
# Of each kind of trouble that is an event: what it is, and its example.
_KINDS = {
    "delivery_dead": (
        "Messages were refused for good, or their attempts are used up.",
        ("#alerts", "#alerts: 2 messages are dead", "channel_not_found"),
    ),
    "delivery_late": (
        "Messages are due, and nobody sends them.",
        ("#alerts", "#alerts: 3 messages wait for over 15m", "`ingestlayer deliver` ran last 2h ago"),
    ),
    "delivery_unknown": (
        "Messages may or may not have arrived.",
        ("#alerts", "#alerts: 1 message may or may not have arrived", "no answer in 10 s"),
    ),
    "not_connected": (
        "A destination takes nothing until its connection is mended.",
        ("slack", "slack: not connected, 3 messages wait", "token_revoked"),
    ),
    "run_failed": (
        "Runs of a pipeline failed, and are run again.",
        ("usage-limit-hits", "usage-limit-hits: 1 run failed, and waits", "customers.csv is not there"),
    ),
    "check_stale": (
        "A check is overdue, or never ran.",
        ("api-limits", "api-limits: it is overdue", "it is to run every 1h, and began last 2026-11-03 06:07 UTC"),
    ),
    "check_failed": (
        "The runs of a check fail, or the last one did not end.",
        ("api-limits", "api-limits: its runs fail", "a run of a pipeline failed"),
    ),
    "source_failing": (
        "The source of a check cannot be read, or its rows cannot be judged.",
        ("api-limits", "api-limits: its source fails", "usage.csv cannot be read: No such file or directory"),
    ),
    "store_full": (
        "There is little room where the store is.",
        ("/srv/usage/.ingestlayer", "/srv/usage/.ingestlayer: 40.1 MB free", ""),
    ),
}
_FIELDS = [
    ["state", "string", False, ["open", "resolved"], "", None],
    ["subject", "string", False, None, "What it is about: a channel, a pipeline, a check.", None],
    ["title", "string", False, None, "What is so; of what is resolved, what was.", None],
    ["why", "string", True, None, "What is known of its cause.", None],
    ["project", "string", False, None, "The folder of the project.", None],
    ["host", "string", False, None, "The machine that saw it.", None],
    ["since", "datetime", False, None, "", None],
    ["until", "datetime", True, None, "When it was seen that it is over.", None],
    ["hint", "string", True, None, "What mends it.", None],
    ["command", "string", True, None, "The command that does, where one does.", None],
]
OWN = {
    OURS + kind: {
        "file": "",  # it is nobody's
        "type": OURS + kind,
        "description": words,
        "fields": _FIELDS,
        "key": None,
        "key_refs": [],
        "window": WINDOW,
        "on_difference": "accept",
        "example": {
            "state": "open",
            "subject": subject,
            "title": title,
            "project": "/srv/usage",
            "host": "web-1",
            "since": "2026-11-03T09:30:00Z",
            "hint": "ingestlayer status",
            "command": "ingestlayer status",
        }
        | ({"why": why} if why else {}),
    }
    for kind, (words, (subject, title, why)) in _KINDS.items()
}
