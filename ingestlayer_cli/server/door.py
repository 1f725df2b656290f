"""What the routes of the HTTP door share: the project, who may send and how often, and the writer."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from starlette.requests import Request

from ..engine.group import Became, Brought, Writer
from ..engine.renewing import Renewing
from ..model.gate import Line
from ..project import Project, is_current
from ..store.contract.keys import ApiKey
from ..store.opening import is_file
from ..system.clock import Clock
from ..system.typed import TomlTable
from .access import Buckets, Keys
from .answers import LATER, SOON, unavailable

MOST_HELD = 200_000_000  # bytes of the bodies of all requests in hand
PATIENCE = 15  # seconds that a request waits for the writer to take it up

Found = TypeVar("Found")


class Door:
    """For the thread of the event loop, but for `answered`, which the writer calls.

    Without keys it `is_open`: for a machine that nobody else can reach.
    """

    def __init__(self, is_open: bool) -> None:
        self.is_open = is_open
        self.is_stopping = False
        self.in_hand = 0  # requests that are not answered yet
        self._held = 0  # bytes of their bodies
        self._clock = Clock()
        self._keys = Keys(self._note_use)
        self._aside = ThreadPoolExecutor(1, "ingestlayer-keys")  # what it uses is for one thread
        self._buckets = Buckets()
        self._waiting: dict[Brought, asyncio.Future[list[Became]]] = {}

    def start(self, renewing: Renewing, writer: Writer) -> None:
        """Open the door, inside the event loop."""
        self._renewing = renewing
        self._writer = writer
        self._loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()

    def close(self) -> None:
        self._aside.shutdown()
        self._keys.close()

    @property
    def project(self) -> Project:
        """The project as the writer works with it; it looks for edited files before each transaction."""
        return self._renewing.runtime.project

    def now(self) -> int:
        """Return what time it is: as the store says, or said when it was last in reach."""
        self._clock = self._renewing.runtime.known_clock or self._clock
        return self._clock.now()

    # Who may send, and how often --------------------------------------------------------------------------

    async def key(self, request: Request) -> ApiKey | None:
        """Return the key of a request, None where none is needed; HttpError for any other request."""
        self.check_life()
        if self.is_open:
            return None
        place = self.project.store_path
        look = partial(self._keys.of_header, request.headers.get("authorization", ""), place, self.now())
        # A file answers at once; a database may be far, or away.
        key = look() if is_file(place) else await self._loop.run_in_executor(self._aside, look)
        request.scope["facts"]["key"] = key.name
        return key

    def check_life(self) -> None:
        """Refuse what is new once it is to stop."""
        if self.is_stopping:
            raise unavailable("the server is stopping", SOON, "stopping")

    def take(self, sender: str) -> None:
        """Count a request of a sender; HttpError when it is one too many."""
        self._buckets.take(sender, self.project.serve["rate"])

    def _note_use(self, name: str, at: int) -> None:
        self._writer.send(lambda renewing: renewing.runtime.store.keys.used({name: at}))

    def holds(self, request: Request, size: int) -> bool:
        """Count what is read of a request; say whether there is room for it."""
        self._held += size
        request.scope["held"] = request.scope.get("held", 0) + size
        return self._held <= MOST_HELD

    def let_go(self, request: Request) -> None:
        """A request is answered."""
        self._held -= request.scope.get("held", 0)

    # The writer -------------------------------------------------------------------------------------------

    async def accept(self, lines: list[Line]) -> list[Became]:
        """Return what became of events, all of it durable."""
        if not lines:
            return []
        brought = self._writer.bring(lines)
        done: asyncio.Future[list[Became]] = self._loop.create_future()
        self._waiting[brought] = done
        patience = self._loop.call_later(PATIENCE, self._give_up, brought)
        try:
            return await done
        finally:
            patience.cancel()

    def answered(self, group: list[Brought]) -> None:
        """Take what the writer has done."""
        self._loop.call_soon_threadsafe(self._tell, group)

    def _tell(self, group: list[Brought]) -> None:
        for brought in group:
            waiting = self._waiting.pop(brought)
            if waiting.done():  # whoever waited was cancelled
                continue
            if brought.error is not None:
                waiting.set_exception(brought.error)
            else:
                waiting.set_result(brought.answers)

    def _give_up(self, brought: Brought) -> None:
        if self._writer.withdraw(brought):
            brought.error = unavailable("the store is out of reach for now", LATER, "store")
            self._tell([brought])

    async def ask(self, question: Callable[[Renewing], Found]) -> Found:
        """Return what the writer's thread finds."""
        found: asyncio.Future[Found] = self._loop.create_future()

        def errand(renewing: Renewing) -> None:
            try:
                answer = question(renewing)
            except Exception as error:
                self._loop.call_soon_threadsafe(_settle, found, None, error)
            else:
                self._loop.call_soon_threadsafe(_settle, found, answer, None)

        self._writer.send(errand)
        return await found

    async def settings(self) -> TomlTable:
        """Return `[serve]` as the file has it now."""
        project = self.project
        return (project if is_current(project) else await self.current()).serve

    async def current(self) -> Project:
        """Return the project as its files are now."""

        def look(renewing: Renewing) -> Project:
            renewing.look()
            return renewing.runtime.project

        return await self.ask(look)


def _settle(found: "asyncio.Future[Any]", answer: object, error: Exception | None) -> None:
    if found.done():
        return
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(answer)


def count(request: Request, answers: list[Became]) -> None:
    """Note for the log what became of the events of a request."""
    facts = request.scope["facts"]
    facts["events"] = len(answers)
    for name in ("accepted", "duplicate", "rejected"):
        if number := sum(answer.status == name for answer in answers):
            facts[name] = number
