"""Projects whose stored events are replayed, and the program run on them in this process."""

from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

from ingestlayer_cli import main
from ingestlayer_cli.commands import settings
from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.batch import Ndjson
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.system.document import Document
from tests.outbox.support import Folder, Result, envelope


def ago(**span: float) -> str:
    """Return a time in the past, as an envelope has it."""
    return (datetime.now(UTC) - timedelta(**span)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Project(Folder):
    """A project that also runs the program in this process."""

    def here(self, *arguments: str) -> Result:
        """Run the program inside this process: loading pydantic again and again takes too long."""
        before = vars(settings).copy()
        with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
            try:
                code = main.run(["-C", str(self.root), *arguments])
            finally:
                vars(settings).update(before)
        return Result(int(code), out.getvalue(), err.getvalue())

    def replay(self, *arguments: str, code: int = 0) -> Any:
        """Run `replay … --json --yes`; return its document."""
        result = self.here("replay", *arguments, "--json", "--yes")
        assert result.code == code, result
        return result.json

    def stored(self, count: int, deliver: bool = True, first: int = 0, **more: Any) -> None:
        """Store events a minute apart, number 0 of them of an hour ago, each with a message to #alerts."""
        numbers = range(first, first + count)
        events = [{**envelope(number, **more), "timestamp": ago(minutes=60 - number)} for number in numbers]
        with self.runtime() as runtime:
            emit_all(runtime, self, events, deliver)

    @property
    def ids(self) -> list[str]:
        return [id_ for (id_,) in self.sql("SELECT id FROM events ORDER BY seq")]

    def runs(self) -> list[tuple[Any, ...]]:
        """Return (event, number, outcome, whether it is a replay's) of every run."""
        return self.sql("SELECT event, number, outcome, replayed_at IS NOT NULL FROM runs ORDER BY event, number")


def emit_all(runtime: Runtime, folder: Folder, events: Iterable[Mapping[str, Any]], deliver: bool = False) -> Document:
    """Accept events as a batch."""
    with folder.batch(events).open("rb") as file:
        result = flow.emit_batch(runtime, Ndjson(file, None, "test").chunks(), deliver)
    assert result["rejected"] == 0, result
    return result


def context_line(body: Mapping[str, Any]) -> str:
    """Return the last context line of a message."""
    found = [block for block in body["blocks"] if block["type"] == "context"]
    return str(found[-1]["elements"][0]["text"])
