"""`[alerts]`: the short way to hear of our own troubles is a pipeline that nobody has to write."""

from ..model.events import OURS
from ..system.typed import TomlTable
from .own import ALERTS
from .positions import Path
from .source import SourceFile


class AlertsFile(SourceFile):
    """The file that `[alerts]` stands for. What is wrong with it is told at the places of that table."""

    def __init__(self, root: str, table: TomlTable, settings: SourceFile) -> None:
        import tomli_w

        self._also = table.get("also")
        self._settings = settings
        self._written = tomli_w.dumps(_pipeline(table)).encode()
        super().__init__(root, f"pipelines/{ALERTS}.toml", settings.problems)
        self.stands_in = settings.name

    def read(self) -> bytes:
        return self._written

    def place(self, path: Path, offset: int | None = None) -> str:
        """Return the place in the project's file."""
        at: Path = ("alerts",)
        if path[:1] == ("destinations",) and len(path) > 1:
            kind = self.value_at((*path[:2], "use"))
            at = ("alerts", kind, *path[2:]) if kind == self._also else ("alerts", "channel")
        return self._settings.place(at, offset)


def _pipeline(alerts: TomlTable) -> TomlTable:
    """Return the pipeline that a table `[alerts]` stands for, as a file would have it."""
    found: list[TomlTable] = []
    if (channel := alerts.get("channel")) is not None:
        place = {"use": "slack", "channel": channel.replace("$", "$$"), "thread": _THREAD, "thread_window": "90d"}
        for state, message in _MESSAGES.items():
            when = f"$event.state == '{state}'"
            over = {"resolved": when} if state == "resolved" else {}
            found.append({**place, "update": True, "when": when, **over, "message": message})
    if (also := alerts.get("also")) is not None:
        found.append({"use": also, **alerts[also]})
    return {"description": "[alerts] in ingestlayer.toml", "match": [f"{OURS}*"], "destinations": found}


_THREAD = "$event.type:$event.subject:$event.since"
_MESSAGES = {
    "open": {
        "title": "$event.title",
        "text": "${event.why | default('')}",
        "color": "danger",
        "fields": {
            "Since": "${event.since | datetime}",
            "Where": "$event.host:$event.project",
            "To mend it": "${event.hint | default('ingestlayer status')}",
        },
    },
    "resolved": {
        "title": "$event.title",
        "fields": {
            "Since": "${event.since | datetime}",
            "Until": "${event.until | datetime}",
            "Where": "$event.host:$event.project",
        },
    },
}
