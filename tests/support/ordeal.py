"""The real program under everything that goes wrong at once; then a look at what it kept of its three promises.

Processes of every command work on one project while they are killed or stopped, the disk is full for some, the clock
jumps, an entity file is half written, and Slack takes messages without saying so. Afterwards no accepted event is
lost, no message is in Slack twice, and every status is what Slack has.
"""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support import ROOT
from tests.support.forking import Mother, Writing
from tests.support.posting import TOKEN, TYPE, Posting, payload
from tests.support.program import PATIENCE, Argument, Result
from tests.support.skewed import SharedClock
from tests.support.standin import (
    Fault,
    Garbage,
    Ok,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Slow,
    Status,
)

Process = subprocess.Popen[str] | Writing
CHANNELS = ("red", "green", "blue")
CUSTOMERS = 40
WORKERS = 3
MINUTES = 2  # that pass at once: over the lease of a message, and over the minute that Slack's history may take
# What a command may answer under all this. 70 is a defect of ours, whatever happened.
ANSWERS = {0, 65, 69, 75, 78}

# Everything that the answers of a proxy or of Slack itself can be, one in two a good one.
FAULTS: tuple[Fault, ...] = (
    Status(500),
    Status(502, "<html>bad gateway"),
    Garbage("<html>gateway time-out", 504, stored=True),
    Garbage("", 503, stored=True),
    Garbage('{"ok": false, "error": "fatal_error"}', 200, stored=True),
    Garbage('{"ok": false, "error": "internal_error"}', 200, stored=True),
    Garbage('{"ok": "false"}', 200, stored=True),
    Garbage('{"ok": true', 200, stored=True),
    Status(302, "", {"Location": "http://127.0.0.1:9/login"}),
    Status(301, "", {"Location": "http://127.0.0.1:9/elsewhere"}),
    RateLimited(1),
    ResetBeforeStore(),
    ResetAfterStore(),
    SlackError("is_archived"),
    Slow(0.1),
)

SETTINGS = """
[slack]
connection = "bot"
api_url = "{url}"
pace = "0s"
[store]
{store}
retention = "400d"
[entities.customer]
file = "customers.csv"
key = "customer_id"
[checks.quota]
source = "usage.csv"
value = "used / limit"
levels = [0.8, 1.0]
key = ["customer_id", "metric"]
period = "year"
emit = "usage.limit_reached"
"""
PIPELINE = """
match = ["usage.limit_reached"]
[[steps]]
use = "enrich.entity"
kind = "customer"
key = "$event.customer_id"
[[destinations]]
use = "slack"
channel = "#$event.plan"
[destinations.message]
title = "$event.customer_id"
text = "${entity.customer.name | default('nobody')}"
"""


class _Faults(deque[Fault]):
    """A script that never ends, until it is `over`."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.chance = chance
        self.over = False

    def __bool__(self) -> bool:
        return not self.over

    def popleft(self) -> Fault:
        return Ok() if self.chance.random() < 0.5 else self.chance.choice(FAULTS)


class Ordeal:
    """Rounds, each of one process that something happens to. `counts` tells what did."""

    def __init__(self, root: Path, rounds: int, seed: int | None = None, database: str = "") -> None:
        """`database`: the address of one in PostgreSQL, which has the store."""
        self.rounds = rounds
        self.seed = random.randrange(1 << 32) if seed is None else seed
        self.chance = random.Random(self.seed)
        self.counts: Counter[str] = Counter()
        root.mkdir(parents=True)
        self.clock = SharedClock(root / "clock")
        self.slack = SlackStandin()
        self.slack.clock = lambda: time.time_ns() + self.clock.passed
        self.slack.tokens[TOKEN] = {*self.slack.tokens["xoxb-test"]}
        for name in CHANNELS:
            self.slack.add_channel(name)
        self.faults = self.slack.script = _Faults(self.chance)
        self.folder = Posting(root / "project", self.slack)
        if database:
            self.folder.share(database, "ordeal")
        store = 'url = "env:DATABASE_URL"\nschema = "ordeal"' if database else ""
        self.folder.write("ingestlayer.toml", SETTINGS.format(url=self.slack.url, store=store))
        self.folder.write("pipelines/limits.toml", PIPELINE)
        self.used = dict.fromkeys(range(CUSTOMERS), 50)
        self._whole = "customer_id,name\n" + "".join(f"c{number},Customer {number}\n" for number in range(500))
        self._write_customers(self._whole)
        self._write_usage()
        # A second installation of the program: it makes the cache that both share anew.
        shutil.copytree(ROOT / "ingestlayer_cli", root / "other" / "ingestlayer_cli")
        self._other = str(root / "other")
        self._mother = Mother(self._environment(), self.clock.path)
        self._known: dict[str, str] = {}  # every key that was seen in the store, or told as accepted, and its event
        self._emitted = 0
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    # The rounds ---------------------------------------------------------------------------------------

    def run(self) -> None:
        """Do all rounds, on a store that has an event: of none there is nothing to send again, which is answered 2."""
        self._ended(self.start(["emit", TYPE, "--data", json.dumps(payload(0, CHANNELS[0])), "--no-deliver", "--json"]))
        threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        try:
            while self._failure is None and self._next_round():
                self._round()
                self._look()
        except BaseException as error:
            self._failure = error

    def _next_round(self) -> bool:
        with self._lock:
            self.counts["rounds"] += 1
            return self.counts["rounds"] <= self.rounds

    def _round(self) -> None:
        self._weather()
        command = self.chance.choices(
            [self._emit, self._batch, self._check, self._deliver, self._watch, self._again, self._keep],
            [4, 2, 3, 4, 2, 1, 1],
        )[0]()
        happens = self.chance.choices([self._let_be, self._kill, self._stop, self._fill], [5, 5, 3, 1])[0]
        self.counts[f"{command[0]!s} {happens.__name__[1:]}"] += 1
        happens(command)

    def _weather(self) -> None:
        """Change what is around the program, now and then."""
        roll = self.chance.random()
        if roll < 0.1:
            self.clock.set(wrong=self.chance.choice((-3600, 0, 0, 3600)))
        elif roll < 0.25:
            self._pass(60 * MINUTES)
        elif roll < 0.35:
            self._write_customers(self.chance.choice((None, "", self._whole[:3_000], self._whole + "c1,\xff\n")))
        elif roll < 0.5:
            self._write_customers(self._whole)
        elif roll < 0.8:
            self.used[self.chance.randrange(CUSTOMERS)] += self.chance.choice((5, 20, 40))
            self._write_usage()

    def _pass(self, seconds: float) -> None:
        with self._lock:
            self.clock.let_pass(seconds)
            self.slack.skew = self.clock.passed / 1e9

    # The commands -------------------------------------------------------------------------------------

    def _emit(self) -> list[Argument]:
        data = payload(self.chance.randrange(CUSTOMERS), self.chance.choice(CHANNELS))
        return ["emit", TYPE, "--data", json.dumps(data), "--key", self._key(), "--json", *self._waiting()]

    def _batch(self) -> list[Argument]:
        numbers = range(self.chance.randrange(1, 30))
        events = [
            {
                "type": TYPE,
                "payload": payload(self.chance.randrange(CUSTOMERS), self.chance.choice(CHANNELS)),
                "idempotency_key": self._key(),
            }
            for _ in numbers
        ]
        file = self.folder.batch(events, f"batches/{events[0]['idempotency_key']}.{threading.get_ident()}.ndjson")
        return ["emit", "--batch", file, "--json", *self._waiting()]

    def _check(self) -> list[Argument]:
        return ["check", "--json", *self._waiting()]

    def _deliver(self) -> list[Argument]:
        return ["deliver", "--json"]

    def _watch(self) -> list[Argument]:
        return ["deliver", "-q", "--watch"]

    def _again(self) -> list[Argument]:
        status = self.chance.choice(("dead", "unknown", "retrying"))
        if self.chance.random() < 0.5:
            return ["replay", "--status", status, "--yes", "--json", *self._waiting()]
        return ["deliveries", "retry", "--status", "dead", "--json"]

    def _keep(self) -> list[Argument]:
        if self.chance.random() < 0.5:
            return ["store", "prune", "--json"]
        self.folder.write("more.csv", "customer_id,tier\n" + "".join(f"c{n},gold\n" for n in range(CUSTOMERS)))
        return ["entities", "import", "customer", "more.csv", "--json"]

    def _waiting(self) -> list[str]:
        return self.chance.choice((["--no-deliver"], ["--wait", "1s"], ["--wait", "1s"]))

    def _key(self) -> str:
        """Return a new key, or one that was given before."""
        with self._lock:
            if self._emitted and self.chance.random() < 0.2:
                return f"k{self.chance.randrange(self._emitted)}"
            self._emitted += 1
            return f"k{self._emitted - 1}"

    # What happens to a process ------------------------------------------------------------------------

    def start(self, command: Sequence[Argument], most: int | None = None) -> Process:
        """Fork the program under the shared clock, or start it: of another installation, now and then."""
        is_other = self.chance.random() < 0.1
        if is_other or most is not None:
            return self._started(command, self._environment({"PYTHONPATH": self._other} if is_other else {}), most)
        return Writing(self._mother, ["ingestlayer", *map(str, command)], self.folder.root, self._environment())

    def _started(self, command: Sequence[Argument], env: Mapping[str, str], most: int | None) -> Process:
        """No file that it writes may grow beyond so many bytes."""
        limit = None if most is None else lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        return subprocess.Popen(
            [sys.executable, ROOT / "tests" / "support" / "skewed.py", self.clock.path, *command],
            cwd=self.folder.root,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    def _environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        # A disk that is full cuts compiled modules short, and the interpreter then cannot read them.
        own = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": "1"}
        return self.folder.environment({**own, **(more or {})})

    def _let_be(self, command: list[Argument]) -> None:
        process = self.start(command)
        if "--watch" in command:
            time.sleep(self.chance.uniform(0.3, 1.5))
            process.send_signal(signal.SIGTERM)
        self._ended(process)

    def _kill(self, command: list[Argument]) -> None:
        process = self.start(command)
        self._some_moment(process)
        process.kill()
        self._ended(process)

    def _stop(self, command: list[Argument]) -> None:
        """Stop a process, let minutes pass and others work, and let it go on."""
        process = self.start(command)
        self._some_moment(process)
        process.send_signal(signal.SIGSTOP)
        self._pass(60 * MINUTES)
        time.sleep(self.chance.uniform(0.1, 0.8))
        process.send_signal(signal.SIGCONT)
        if "--watch" in command:
            time.sleep(0.3)
            process.send_signal(signal.SIGTERM)
        self._ended(process)

    def _fill(self, command: list[Argument]) -> None:
        process = self.start(command, most=self.chance.choice((0, 4_096, 40_000, 200_000)))
        if "--watch" in command:
            time.sleep(0.5)
            process.send_signal(signal.SIGTERM)
        self._ended(process)

    def _some_moment(self, process: Process) -> None:
        """Wait for a moment at which it matters: any, or that of the next request to Slack."""
        sent = len(self.slack.requests) + self.chance.randrange(1, 4)
        reached: Callable[[], bool] = lambda: len(self.slack.requests) >= sent  # noqa: E731
        if self.chance.random() < 0.5:
            reached = lambda: False  # noqa: E731
        ends = time.monotonic() + self.chance.uniform(0.01, 0.5)
        while process.poll() is None and time.monotonic() < ends and not reached():
            time.sleep(0.001)

    def _ended(self, process: Process) -> Result:
        """Wait for a process. What it has told as accepted must be stored for ever."""
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)  # which has it tell where it hangs
            raise AssertionError(f"{process.args!r} hangs: {process.communicate()}") from None
        code = process.returncode
        assert code is not None
        words = f"{process.args!r} answered {code}: {out} {err}"
        assert not {word for word in ("Traceback", "defect of ours") if word in out + err}, words
        if code < 0:
            assert code in (-signal.SIGKILL, -signal.SIGTERM), words
            self.counts["killed"] += 1
            return Result(code, out, err)
        assert code in ANSWERS, words
        self.counts[f"answered {code}"] += 1
        document = json.loads(out) if out.startswith('{"status"') else {}
        if event := document.get("event"):
            self._knows(event["idempotency_key"], event["id"])
        return Result(code, out, err)

    def _knows(self, key: str, event: str) -> None:
        with self._lock:
            assert self._known.setdefault(key, event) == event, f"{key} was accepted twice"

    def _look(self) -> None:
        """Remember what is stored, which may never be lost again."""
        if self._is_made():
            for key, id_ in self.folder.sql("SELECT key, id FROM events"):
                self._knows(key, id_)

    def _is_made(self) -> bool:
        if self.folder.database:
            return bool(self.folder.sql("SELECT to_regclass('store') IS NOT NULL")[0][0])
        return self.folder.store.exists() and self.folder.sql("PRAGMA user_version") != [(0,)]

    # The files ----------------------------------------------------------------------------------------

    def _write_customers(self, text: str | None) -> None:
        path = self.folder.root / "customers.csv"
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(text.encode("latin-1"))

    def _write_usage(self) -> None:
        lines = [f"c{n},seats,{used},100,{CHANNELS[n % len(CHANNELS)]}\n" for n, used in self.used.items()]
        part = self.folder.root / f"usage.{threading.get_ident()}"
        part.write_text("customer_id,metric,used,limit,plan\n" + "".join(lines))
        os.replace(part, self.folder.root / "usage.csv")

    # Afterwards ---------------------------------------------------------------------------------------

    def calm_down(self, most: int = 60) -> Result:
        """Let everything be well again, and deliver until nothing waits."""
        self.faults.over = True
        self.clock.set(wrong=0)
        self._write_customers(self._whole)
        assert self._ended(self.start(["check", "--json"])).code in (0, 69, 75, 78)
        for _ in range(most):
            self._pass(60 * MINUTES)
            again = self._ended(self.start(["deliveries", "retry", "--status", "dead", "--json"])).json
            result = self._ended(self.start(["deliver", "--json"]))
            if result.code == 0 and not again["retrying"]:  # what is still dead was replaced
                break
        return result

    def check(self) -> None:
        """See that the promises were kept."""
        stored = dict(self.folder.sql("SELECT key, id FROM events"))
        assert self._known.items() <= stored.items(), "an accepted event was lost"
        assert self.folder.sql("SELECT count(*) FROM events") == [(len(stored),)], "an event is stored twice"
        assert self.folder.sql("SELECT * FROM runs WHERE outcome = 'failed'") == [], "a failed run was never run again"
        by_delivery = self.slack.by_delivery()
        rows = self.folder.sql(
            "SELECT d.id, e.id, d.target, d.status FROM deliveries d JOIN events e ON e.seq = d.event"
        )
        posted = Counter((event, target) for id_, event, target, _ in rows for _ in by_delivery.get(id_, ()))
        assert not (twice := {place for place, count in posted.items() if count > 1}), f"posted twice: {twice}"
        assert not [id_ for id_, *_, status in rows if (status == "delivered") != (id_ in by_delivery)]
        assert {event for event, _ in posted} == {*stored.values()}, "an event was never told"
        if not self.folder.database:
            assert self.folder.sql("PRAGMA integrity_check") == [("ok",)]

    def summary(self) -> str:
        self.counts["events"] = len(self._known)
        self.counts["messages"] = len(self.slack.messages)
        counts = "\n".join(f"  {count:9,} {what}" for what, count in sorted(self.counts.items()))
        return f"seed {self.seed}\n{counts}"

    def __enter__(self) -> "Ordeal":
        self.slack.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._mother.close()
        self.slack.stop()
