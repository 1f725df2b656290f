"""What is answered to errors of the engine: no word of this machine, and when to come again."""

import pytest

from ingestlayer_cli.engine.group import BusyError
from ingestlayer_cli.server.answers import HttpError, of_error, refusal
from ingestlayer_cli.system.errors import MachineError, Problem, ProjectError, RejectedError, StoreError

PLACE = "/srv/secret/store.db"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (StoreError(f"the store {PLACE} has no room: the disk is full"), 503, "store"),
        (StoreError(f"the store {PLACE} is held by another process for over 5 s"), 503, "store"),
        (BusyError("20,000 events wait to be written already"), 503, "busy"),
        (ProjectError(f"the secret env:{PLACE} is not set"), 503, "unavailable"),
        (MachineError(f"{PLACE}: Too many open files"), 503, "unavailable"),
        (OSError(28, "No space left on device", PLACE), 503, "unavailable"),
        (MemoryError(), 503, "unavailable"),
        (ValueError(PLACE), 500, "defect"),
        (HttpError(404, "not_found", "there is nothing here"), 404, "not_found"),
    ],
)
def test_an_error_is_answered_without_a_word_of_this_machine(error: Exception, status: int, kind: str) -> None:
    answered = of_error(error)
    assert (answered.status, answered.kind) == (status, kind)
    assert PLACE not in answered.message
    assert ("Retry-After" in answered.headers) == (status == 503)


def test_no_secret_is_told() -> None:
    token = "il_" + "x" * 43
    error = RejectedError("schema", f"{token} is not one of a, b", details=[Problem("plan", f"{token} is none")])
    assert token not in str(refusal(error))
