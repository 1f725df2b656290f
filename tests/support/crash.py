"""Kill the real program again and again while it accepts batches and delivers them; then look at what is left.

Shared by `test_crash.py` and `python -m tests.benchmarks.crash`.
"""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.support.forking import Writing
from tests.support.posting import TOKEN, Posting, envelope
from tests.support.program import Argument, Result
from tests.support.standin import DEFAULT_SCOPES, SlackStandin, Slow

SLOW = 0.03  # seconds that the stand-in takes for a post, so that kills fall into it
CHANNELS = ("red", "green", "blue", "grey")
SIZES = (2_400, 600)  # events of a batch, in SQLite and in PostgreSQL: three transactions, and six
MESSAGES = 10  # of a batch
WORKERS = 3
KILLS_A_BATCH = 5
PHASES = ("before the first commit", "after the last commit", "while delivering", "with a message in hand")
SETTLED = 3  # seconds after which a message that left is in Slack for sure; Slack gets 60, here nothing waits


class Campaign:
    """Processes that are killed, on one project. `counts` tells what happened."""

    def __init__(
        self, root: Path, kills: int, *, history: bool = True, seed: int | None = None, database: str = ""
    ) -> None:
        self.slack = SlackStandin()
        self.slack.always = Slow(SLOW)
        self.slack.tokens[TOKEN] = {*DEFAULT_SCOPES} - (set() if history else {"channels:history"})
        for name in CHANNELS:
            self.slack.add_channel(name)
        self.folder = Posting(root, self.slack)
        if database:
            self.folder.share(database, "crash")
        self._asking = threading.local()  # a connection to the database, of each thread
        self._was_made = False
        self.size = SIZES[bool(database)]
        self.kills = kills
        self.history = history
        self.counts: Counter[str] = Counter()
        self.batches = [self._batch(number) for number in range(max(kills // KILLS_A_BATCH, 10))]
        self._idle = list(range(len(self.batches)))
        self._whole: set[int] = set()  # those that are stored: to send one again is killed in no other phase
        self._known: dict[str, str] = {}  # every key that was seen in the store, and its event
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._start = 0.0  # seconds that the program takes to start here and now, under what else there is to do

    @property
    def events(self) -> int:
        return self.size * len(self.batches)

    @property
    def messages(self) -> int:
        return MESSAGES * len(self.batches)

    def _batch(self, number: int) -> Path:
        events, every = [], self.size // MESSAGES
        for line in range(self.size):
            event = envelope(line, CHANNELS[line // every % len(CHANNELS)], 20 if line % every else 120)
            events.append({**event, "idempotency_key": f"{number}:{line}", "source": f"batch-{number}"})
        return self.folder.batch(events, f"batches/{number}.ndjson")

    # The killing --------------------------------------------------------------------------------------

    def kill_all(self) -> None:
        """Run until enough processes have been killed, in each phase."""
        threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                time.sleep(0.3)
                self.let_settle()
        except BaseException as error:
            self._failure = error  # the threads end
        for thread in threads:
            thread.join()
        if self._failure:
            raise self._failure

    def let_settle(self, at_least: float = SETTLED) -> None:
        """Let the minute pass that a message may take to turn up in the history."""
        if self._is_made():
            before = int((time.time() - at_least) * 1000)
            self._sql(
                "UPDATE attempts SET at = at - 61000 WHERE outcome = 'unknown' AND at BETWEEN ? AND ? AND EXISTS"
                " (SELECT 1 FROM deliveries d WHERE d.seq = delivery AND d.status = 'unknown')",
                before - 61_000 + round(at_least * 1000),
                before,
            )

    def _work(self) -> None:
        try:
            while self._failure is None and not self._is_enough():
                if self._random.random() < 0.6:
                    self._emit()
                else:
                    self._deliver()
        except BaseException as error:
            self._failure = error

    def _is_enough(self) -> bool:
        """A phase that never comes is given up after four times the kills. Of messages in hand not all had left."""
        kills = self.counts["kills"]
        return kills >= self.kills and (kills >= 4 * self.kills or self._is_met())

    def _is_met(self) -> bool:
        return all(self.counts[f"killed {it}"] for it in PHASES) and self.counts["killed with a message in hand"] > 4

    def _emit(self) -> None:
        with self._lock:
            if not set(self._idle) - self._whole and not self._is_met():
                self._idle.append(len(self.batches))
                self.batches.append(self._batch(len(self.batches)))
            wanted = [number for number in self._idle if number not in self._whole or self._random.random() < 0.1]
            number = self._random.choice(wanted or self._idle)
            self._idle.remove(number)
        before = self._look(number)
        wait = self._random.choice([["--no-deliver"], ["--wait", "1s"], []])
        process = self._started("emit", "--batch", self.batches[number], "--json", *wait)
        killed = self._kill_sometime(process)
        after = self._look(number)
        if after == self.size:
            self._whole.add(number)
        if killed and before == self.size:
            self._count("killed while all were duplicates")
        elif killed:
            where = {0: "before the first commit", self.size: "after the last commit"}
            self._count(f"killed {where.get(after, 'between two commits')}")
        with self._lock:
            self._idle.append(number)

    def _deliver(self) -> None:
        watch = self._random.random() < 0.3
        if self._kill_sometime(self._started("deliver", "-q", *["--watch"] * watch)):
            self._count("killed while delivering")

    def _started(self, *arguments: Argument) -> "subprocess.Popen[str] | Writing":
        """Start the script, one time in ten; else it is forked, which costs a tenth."""
        is_whole = self._random.random() < 0.1
        return self.folder.start(*arguments) if is_whole else self.folder.forked(*arguments)

    def _kill_sometime(self, process: "subprocess.Popen[str] | Writing") -> bool:
        """Kill a process at some moment; False when it was quicker."""
        if self.counts["kills"] % 50 == 0:
            self._start = self._time_a_start()
        moment = self._random.choice([self._any_time, self._a_write, self._a_post, self._a_post])
        reached, pause = moment(), self._random.uniform(0, 2 * SLOW) if moment == self._a_post else 0
        ends = time.monotonic() + self._random.uniform(20, 50) * self._start
        while process.poll() is None and time.monotonic() < ends and not reached():
            time.sleep(0.001)
        time.sleep(pause)
        process.kill()
        out, err = process.communicate()
        if process.returncode != -9:
            assert process.returncode in (0, 75), (process.args, process.returncode, out, err)
            assert "locked" not in err
            self._count("ended by themselves")
            return False
        self._count("kills")
        me = f"{os.uname().nodename}:{process.pid}/%"
        if self._is_made() and self._sql(
            "SELECT 1 FROM deliveries WHERE lease_by LIKE ?"
            " UNION SELECT 1 FROM attempts WHERE process LIKE ? AND outcome = 'unknown'",
            *(me, me),
        ):
            self._count("killed with a message in hand")
        return True

    def _any_time(self) -> Callable[[], bool]:
        ends = time.monotonic() + self._random.uniform(0.5, 17) * self._start
        return lambda: time.monotonic() > ends

    def _time_a_start(self) -> float:
        before = time.monotonic()
        self.folder.run("--version")
        return time.monotonic() - before

    def _a_write(self) -> Callable[[], bool]:
        """A transaction of some process is just being written."""
        before, left = self._written(), self._random.randrange(1, 6)

        def moment() -> bool:
            nonlocal before, left
            if (now := self._written()) != before:
                before, left = now, left - 1
            return left == 0

        return moment

    def _written(self) -> tuple[int, int]:
        if self.folder.database:
            return int(self._sql("SELECT last_value FROM blocks")[0][0]) if self._is_made() else 0, 0
        try:
            found = os.stat(f"{self.folder.store}-wal")
            return found.st_size, found.st_mtime_ns
        except FileNotFoundError:
            return 0, 0

    def _a_post(self) -> Callable[[], bool]:
        """A message of some process is on its way."""
        enough = len(self.slack.requests) + self._random.randrange(1, 4)
        return lambda: len(self.slack.requests) >= enough

    def _look(self, number: int) -> int:
        """Remember what is stored of a batch, which may never be lost again; return how many events that is."""
        if not self._is_made():
            return 0
        rows = self._sql("SELECT key, id FROM events WHERE source = ?", f"batch-{number}")
        for key, id_ in rows:
            assert self._known.setdefault(key, id_) == id_, f"{key} was stored twice"
        return len(rows)

    def _sql(self, sql: str, *values: Any) -> list[Any]:
        """Ask the store; a server that is asked every millisecond is not connected to anew each time."""
        if not self.folder.database:
            return self.folder.sql(sql, *values)
        if not hasattr(self._asking, "connection"):
            import psycopg

            self._asking.connection = psycopg.connect(self.folder.database, autocommit=True)
        cursor = self._asking.connection.execute(sql.replace("?", "%s"), values)
        return cursor.fetchall() if cursor.description else []

    def _is_made(self) -> bool:
        """Say whether there is a store: the first processes may be killed while they make it."""
        if not self._was_made and self.folder.database:
            self._was_made = bool(self._sql("SELECT to_regclass('store') IS NOT NULL")[0][0])
        elif not self._was_made:
            self._was_made = self.folder.store.exists() and self._sql("PRAGMA user_version") != [(0,)]
        return self._was_made

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    # Afterwards ---------------------------------------------------------------------------------------

    def send_again(self) -> None:
        """Send every batch once more: what is already there is a duplicate."""
        with ThreadPoolExecutor(WORKERS) as workers:
            for stored in workers.map(self._send_again, range(len(self.batches))):
                self.counts["events accepted before the batches were sent again"] += stored

    def _send_again(self, number: int) -> int:
        """Send a batch; return how much of it was there."""
        stored = self._look(number)
        result = self.folder.run("emit", "--batch", self.batches[number], "--no-deliver", "--json")
        assert result.code == 0, result
        document = result.json
        assert (document["accepted"], document["duplicates"]) == (self.size - stored, stored)
        return stored

    def deliver_all(self, rounds: int = 40) -> Result:
        """Deliver until nothing waits but what is unknown for good, the minute of reconciliation passing in between."""
        for _ in range(rounds):
            result = self.folder.run("deliver", "--json")
            assert result.code in (0, 75), result
            waiting = self.folder.statuses().keys() - {"delivered"}
            if not waiting or (waiting == {"unknown"} and not self.history):
                break
            time.sleep(2 * SLOW)
            self.let_settle(at_least=0)
        return result

    def check(self) -> None:
        """No accepted event lost, none stored twice, the store sound."""
        rows = self._sql("SELECT key, id FROM events")
        assert len(rows) == len(dict(rows)) == self.events
        assert self._known.items() <= dict(rows).items(), "an accepted event was lost"
        assert self._sql("SELECT count(*) FROM runs") == [(self.events,)]
        assert self._sql("SELECT count(*), count(DISTINCT event) FROM deliveries") == [(self.messages,) * 2]
        if not self.folder.database:
            assert self._sql("PRAGMA integrity_check") == [("ok",)]

    def summary(self) -> str:
        """Count what happened, and return it in words."""
        attempts = Counter(dict(self._sql("SELECT outcome, count(*) FROM attempts GROUP BY outcome")))
        self.counts["events"] = self.events
        self.counts["deliveries"] = self.messages
        self.counts["posts"] = len(self.slack.messages)
        self.counts["deliveries posted twice"] = len(self.posted_twice())
        self.counts["attempts that ended unknown"] = attempts["unknown"]
        self.counts["unknown found in the history"] = attempts["found"]
        self.counts["unknown sent again"] = attempts["resend"]
        for status, count in self.folder.statuses().items():
            self.counts[f"deliveries {status}"] = count
        return "\n".join(f"  {count:9,} {what}" for what, count in sorted(self.counts.items()))

    def posted_twice(self) -> set[str]:
        return {id_ for id_, found in self.slack.by_delivery().items() if len(found) > 1}

    def __enter__(self) -> "Campaign":
        self.slack.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.slack.stop()
