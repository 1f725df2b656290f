"""Calls written to a file; those to `both` are taken two at a time alone, those to `lost` may or may not arrive."""

import json
import os
from threading import Barrier, BrokenBarrierError

from ingestlayer_cli.model.sending import CannotTell, Doubt, Found, Outgoing, Refused, Result, Sent, Unknown

PATIENCE = 30  # seconds; nothing waits so long but what is sent one after the other


class Radio:
    """All pagers of a project."""

    name = "radio"

    def __init__(self, root: str) -> None:
        self._log = os.path.join(root, "calls.ndjson")
        self._barrier = Barrier(2)

    def send(self, outgoing: Outgoing) -> Result:
        if outgoing.target.startswith("both"):
            try:
                self._barrier.wait(PATIENCE)
            except BrokenBarrierError:
                return Refused("it was sent alone")
        is_lost = outgoing.target == "lost" and not os.path.exists(self._log)
        with open(self._log, "a") as file:
            file.write(json.dumps([outgoing.at, outgoing.target, outgoing.body["lines"]]) + "\n")
        return Unknown("no answer came") if is_lost else Sent({})

    def find(self, channel: str | None, doubts: list[Doubt]) -> Found | CannotTell:
        return CannotTell("a pager says nothing")
