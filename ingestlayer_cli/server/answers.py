"""What is answered over HTTP: JSON, and errors of one shape."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from starlette.responses import Response

from ..engine.group import BusyError
from ..model.redaction import without_secrets
from ..system.errors import IngestlayerError, MachineError, Problem, ProjectError, RejectedError, StoreError

if TYPE_CHECKING:
    from ..model.documents.answers import AnsweredErrorDocument
    from ..system.error_document import ProblemDocument


SOON = 1  # seconds after which a sender may come again, where there is too much to do
LATER = 5  # and where something is out of reach

_STATUS_OF = {"conflict": 409, "size": 413, "scope": 403}  # of what is refused; else 400


class HttpError(Exception):
    """A request that is not done: its status, and what is wrong with it."""

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        details: Iterable[Problem] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message
        self.details = list(details)
        self.headers = headers or {}

    def response(self) -> Response:
        return answer(self.status, {"error": told(self.kind, self.message, self.details)}, self.headers)


def answer(status: int, document: object, headers: dict[str, str] | None = None) -> Response:
    """Return a response with a JSON document, in ASCII: whatever its texts hold."""
    return Response(json.dumps(document).encode(), status, headers, "application/json")


def told(kind: str, message: str, details: Iterable[Problem] = ()) -> "AnsweredErrorDocument":
    """Return an error as it is answered; no text of it shows a secret that is known by its shape."""
    shown: list[ProblemDocument] = [{"path": path, "problem": without_secrets(problem)} for path, problem in details]
    return {"kind": kind, "message": without_secrets(message), "details": shown}


def refusal(error: RejectedError) -> "AnsweredErrorDocument":
    """Return why an event is refused."""
    return told(error.kind, error.message, error.details)


def status_of(kinds: Iterable[str], otherwise: int = 400) -> int:
    """Return the status of a request whose events are all refused, by these rules."""
    found = {_STATUS_OF.get(kind, otherwise) for kind in kinds}
    return found.pop() if len(found) == 1 else otherwise


def unavailable(message: str, after: int, kind: str = "unavailable") -> HttpError:
    """Return the error of a request that may be sent again, as it is."""
    return HttpError(503, kind, f"{message}: nothing was accepted, send it again", headers={"Retry-After": str(after)})


def of_error(error: Exception) -> HttpError:
    """Return what is answered to an error of the engine: what it says of this machine is for the log alone."""
    if isinstance(error, HttpError):
        return error
    if isinstance(error, BusyError):
        return unavailable("there is too much to do" if "wait" in error.message else error.message, SOON, "busy")
    if isinstance(error, StoreError):
        return unavailable("the store is out of reach for now", LATER, "store")
    if isinstance(error, ProjectError | MachineError | OSError | MemoryError):
        return unavailable("the server cannot take it for now", LATER)
    kind = error.kind if isinstance(error, IngestlayerError) else "defect"
    return HttpError(500, kind, "a defect of ours: the server's log says more")
