"""Kill `serve` at random moments while many send, and look at what became of each event that was answered."""

import random
import threading
import time

from tests.support.folder import Folder
from tests.support.loading import Answered, body_of, request, results, send_all
from tests.support.serving import Serving


class Ordeal:
    """So many events, one a request; sent again until each is answered, whatever is killed."""

    def __init__(self, folder: Folder, events: int, connections: int, seed: int = 1) -> None:
        self.folder = folder
        self.ids: dict[int, str] = {}  # of what was answered 202, by the number of the event
        self.kills = 0
        self._events = events
        self._connections = connections
        self._random = random.Random(seed)

    def run(self, kills: int) -> None:
        """Send all; kill the server so many times in the middle, and once all is answered let it end well."""
        while self.kills < kills:
            self._round(len(self.ids) + max(1, (self._events - len(self.ids)) // (kills - self.kills + 1)))
            self.kills += 1
        self._round(None)
        assert len(self.ids) == self._events

    def _round(self, kill_at: int | None) -> None:
        """Send what is not answered; kill the server a moment after so many are."""
        missing = [number for number in range(self._events) if number not in self.ids]
        requests = [request(body_of(range(number, number + 1))) for number in missing]
        killers: list[threading.Thread] = []

        def heard(at: int, answered: Answered) -> None:
            if answered.status != 202:
                assert answered.status == 503, answered
                return
            (result,) = results(answered)
            self.ids[missing[at]] = result["id"]
            if kill_at is not None and len(self.ids) >= kill_at and not killers:
                killers.append(threading.Thread(target=kill))
                killers[0].start()

        def kill() -> None:
            time.sleep(self._random.random() * 0.02)
            serving.kill()

        with Serving(self.folder, "--open", "--no-deliver") as serving:
            send_all(serving.port, requests, self._connections, heard)
            for killer in killers:
                killer.join()

    def check(self) -> None:
        """Every event that was answered is in the store, once, under the id of its answer."""
        rows = self.folder.rows("SELECT key, id FROM events")
        stored = dict(rows)
        assert len(stored) == len(rows)
        assert {f"key-{number}": id_ for number, id_ in self.ids.items()} == stored
