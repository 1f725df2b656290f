"""Random projects with random histories, run for real and beside the reference.

    python -m tests.benchmarks.messages [HISTORIES [SEED [STEPS]]]

Events come one by one, in batches, late, and again; minutes and weeks pass; nothing runs for days, over holidays and
changes of the clock; processes are killed between composing and posting, and the service fails. Where nothing goes
wrong, what is queued, when it goes and which message says it is exactly what the reference says. Whatever goes wrong,
each event is in exactly one message, or dropped for the reference's reason.
"""

import os
import random
import re
import signal
import traceback
from collections import Counter
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.gate import Line as BatchLine
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.operations.status import status
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.system.clock import format_duration, format_time
from tests.support.bench import all_text
from tests.support.clock import FakeClock, at
from tests.support.posting import Posting
from tests.support.reference import (
    DAY,
    HOUR,
    MINUTE,
    Crossing,
    Dedupe,
    Digest,
    Happened,
    Hours,
    Line,
    Message,
    Place,
    Reference,
    Row,
    Rules,
    Throttle,
)
from tests.support.standin import (
    BUSY,
    Fault,
    Garbage,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackStandin,
    Status,
)

TYPE = "usage"
CHANNELS = ("#alerts", "#growth", "#oncall")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu")
# The clock is put forward, or back, or there are holidays, within days of these.
STARTS = ("2026-03-27T08:00:00Z", "2026-10-23T08:00:00Z", "2026-10-30T13:00:00Z", "2026-12-22T10:00:00Z")
HOLIDAYS = (date(2026, 12, 25), date(2026, 12, 28), date(2026, 4, 3), date(2026, 4, 6))
FAULTS: tuple[Fault, ...] = (
    RateLimited(1),
    RateLimited(90),
    BUSY,
    Status(500),
    Garbage("gone", 503, stored=True),
    Garbage("gone", 503),
    ResetBeforeStore(),
    ResetAfterStore(),
)
DECLARATION = """
type = "usage"
[fields]
number = "integer"
customer = "string?"
used = "number"
limit = "number"
"""
_DAYS = (DAY - HOUR, DAY, DAY, 5 * DAY)
KEPT = DAY  # how long a key is taken that no declaration has


# Random projects ----------------------------------------------------------------------------------------------------


def random_rules(chance: random.Random) -> Rules:
    some = chance.choice
    days = some([(0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (0, 2, 5), tuple(range(7))])
    start, end = some([(9 * 60, 18 * 60), (22 * 60, 6 * 60), (2 * 60 + 30, 3 * 60), (0, 12 * 60 + 15)])
    hours = Hours(days, start, end, some([(), HOLIDAYS]))
    lines = tuple(_line(chance, name) for name in ("first", "second")[: some([1, 1, 2])])
    budgets = {name: some([(2, HOUR), (3, HOUR), (1, MINUTE), (6, HOUR)]) for name in CHANNELS if chance.random() < 0.3}
    return Rules(some(ZONES), lines, hours, budgets)


def _line(chance: random.Random, name: str) -> Line:
    some = chance.choice
    steps = [step for step in (_crossing(chance), _dedupe(chance), _throttle(chance)) if step is not None]
    chance.shuffle(steps)
    delays = any(isinstance(step, Throttle) and step.delays for step in steps)
    places = []
    for _ in range(some([1, 1, 2])):
        digest = None if delays or chance.random() < 0.4 else _digest(chance)
        outside = some(["", "", "wait", "wait", "drop", "#oncall"])
        places.append(Place(some(CHANNELS), some([0, 0, 0, 50, 90]), outside, digest))
    return Line(name, tuple(steps[: some([0, 1, 1, 2])]), tuple(places))


def _crossing(chance: random.Random) -> Crossing:
    some = chance.choice
    levels = some([("0.8", "1"), ("0.5", "0.8", "1"), ("0.9",)])
    daily, clears = chance.random() < 0.6, chance.random() < 0.6
    new_period = daily and clears and chance.random() < 0.5
    remind = some([None, None, HOUR, DAY, 3 * DAY])
    return Crossing(
        tuple(map(Fraction, levels)), Fraction(some(["0", "0.05", "0.1"])), daily, clears, new_period, remind
    )


def _dedupe(chance: random.Random) -> Dedupe | None:
    return Dedupe(chance.choice([10 * MINUTE, 6 * HOUR, 2 * DAY])) if chance.random() < 0.5 else None


def _throttle(chance: random.Random) -> Throttle | None:
    if chance.random() < 0.5:
        return None
    return Throttle(chance.choice([1, 2, 4]), chance.choice([15 * MINUTE, HOUR, DAY]), chance.random() < 0.5)


def _digest(chance: random.Random) -> Digest:
    some = chance.choice
    window, at = some([(15 * MINUTE, None), (3 * HOUR, None), (0, None), (None, 9 * 60), (None, 2 * 60 + 30)])
    return Digest(window, at, chance.random() < 0.3, some([1, 2, 2, 3]), some([1, 3, 50]), chance.random() < 0.5)


# As files -----------------------------------------------------------------------------------------------------------


def settings(rules: Rules) -> tuple[str, str]:
    """Return what [slack] says more, and what comes after."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    unit = {HOUR: "h", MINUTE: "m"}
    rates = [f'"{name}" = "{most}/{unit[window]}"' for name, (most, window) in rules.budgets.items()]
    budget = f"budget = {{ {', '.join(rates)} }}" if rates else ""
    hours = rules.hours
    own = f'[hours.team]\ndays = "{",".join(names[day] for day in hours.days)}"\nfrom = {_clock(hours.start)}\n'
    own += f"to = {_clock(hours.end)}\n" + ('holidays = "holidays.csv"\n' if hours.holidays else "")
    return budget, own


def _clock(minutes: int) -> str:
    return f'"{minutes // 60:02}:{minutes % 60:02}"'


def pipeline(line: Line) -> str:
    """Return the file of a pipeline. Its messages tell of the event by its number alone."""
    return f'match = ["{TYPE}"]\n' + "".join(map(_step, line.steps)) + "".join(map(_place, line.places))


def _step(step: Crossing | Dedupe | Throttle) -> str:
    key = 'key = "$event.customer"\n'
    if isinstance(step, Dedupe):
        return f'[[steps]]\nuse = "dedupe"\n{key}window = "{format_duration(step.window)}"\n'
    if isinstance(step, Throttle):
        mode = "delay" if step.delays else "drop"
        window = format_duration(step.window)
        return f'[[steps]]\nuse = "throttle"\n{key}max = {step.most}\nwindow = "{window}"\nmode = "{mode}"\n'
    more = 'period = "day"\n' if step.daily else ""
    more += "clears = true\n" if step.clears else ""
    more += 'new_period = "clear"\n' if step.new_period else ""
    more += f'remind = "{format_duration(step.remind)}"\n' if step.remind else ""
    levels = ", ".join(f"{float(level):g}" for level in step.levels)
    value = f'value = "$event.used / $event.limit"\nlevels = [{levels}]\nrearm = {float(step.rearm):g}\n'
    return f'[[steps]]\nuse = "crossing"\n{key}{value}{more}'


def _place(place: Place) -> str:
    text = f'[[destinations]]\nuse = "slack"\nchannel = "{place.channel}"\n'
    text += f'when = "$event.used >= {place.least}"\n' if place.least else ""
    text += f'hours = "team"\noutside = "{place.outside}"\n' if place.outside else ""
    if (digest := place.digest) is not None:
        at = "" if digest.at is None else f"at = {_clock(digest.at)}\n"
        length = format_duration(digest.window) if digest.window else "run"
        window = "" if digest.window is None else f'window = "{length}"\n'
        text += f"[destinations.digest]\n{at}{window}at_least = {digest.at_least}\nat_most = {digest.at_most}\n"
        text += 'key = "$event.customer"\n' if digest.by_customer else ""
        text += 'order = "$event.used"\n' if digest.ordered else ""
    return text + '[destinations.message]\ntitle = "e$event.number."\ntext = "."\n'


# Histories ----------------------------------------------------------------------------------------------------------


class History:
    """One project and what happens to it. `is_rough`: processes are killed, and the service fails.

    `wrong` is raised as an AssertionError; `log` has what happened until then.
    """

    def __init__(self, folder: Posting, slack: SlackStandin, seed: str, is_rough: bool) -> None:
        self.chance = random.Random(seed)
        self.rules = random_rules(self.chance)
        self.reference = Reference(self.rules)
        self.folder = folder
        self.slack = slack
        self.is_rough = is_rough
        self.clock = FakeClock(at(self.chance.choice(STARTS)))
        self.counts: Counter[str] = Counter()
        self.log: list[str] = []
        self._accepted: dict[int, tuple[Happened, int]] = {}  # by number: the event, and when its key was taken
        self._numbers: dict[str, int] = {}  # of events, by their id
        self._due: list[int] = []  # when each delivery was to go at first
        self._next = 0
        slack.clock = lambda: self.clock.at * 1_000_000
        self._write()
        self.runtime = self._open()

    def _write(self) -> None:
        for path in (self.folder.root / "pipelines").glob("*.toml"):
            path.unlink()
        for path in (self.folder.root / "events").glob("*.toml"):
            path.unlink()
        budget, more = settings(self.rules)
        text = f'timezone = "{self.rules.zone}"\n[slack]\nconnection = "bot"\napi_url = "{self.slack.url}"\n'
        text += f'pace = "0s"\n{budget}\n{more}'
        if self.folder.database:
            text += f'[store]\nurl = "env:DATABASE_URL"\nschema = "{self.folder.root.name}"\n'
        self.folder.write("ingestlayer.toml", text)
        self.folder.write("holidays.csv", "".join(f"{day}\n" for day in HOLIDAYS))
        self.folder.write(f"events/{TYPE}.toml", DECLARATION)
        for line in self.rules.lines:
            self.folder.write(f"pipelines/{line.name}.toml", pipeline(line))

    def _open(self) -> Runtime:
        runtime = Runtime(load(str(self.folder.root), keep=False), self.clock)
        assert runtime.store
        return runtime

    def close(self) -> None:
        self.runtime.close()

    # What happens -----------------------------------------------------------------------------------------

    def run(self, steps: int) -> None:
        """Let so many things happen, and look after each; then all that waits goes."""
        smooth: list[tuple[int, Callable[[], object]]] = [
            (8, self.emit),
            (4, self.batch),
            (6, self.deliver),
            (8, self.let_pass),
            (2, self.again),
            (1, self.restart),
            (1, self.undone),
        ]
        rough: list[tuple[int, Callable[[], object]]] = [(5, self.killed), (4, self.failing)]
        happens = smooth + (rough if self.is_rough else [])
        weights = [weight for weight, _ in happens]
        for _ in range(steps):
            ((_, what),) = self.chance.choices(happens, weights)
            self.counts[what.__name__] += 1
            self.log.append(f"{format_time(self.clock.at)} {what.__name__}")
            what()
            self.look()
        self.calm_down()
        self.look_back()

    def emit(self) -> None:
        for _ in range(self.chance.choice([1, 1, 1, 3])):
            self._emit(self._event())

    def _emit(self, event: Happened) -> None:
        self._expect(event)
        result = flow.emit(self.runtime, self._raw(event), deliver=False)
        self._numbers[result["event"]["id"]] = event.number

    def batch(self) -> None:
        events = [self._event() for _ in range(self.chance.choice([2, 5, 12]))]
        if self.chance.random() < 0.3:
            events.append(self.chance.choice(events))
        for event in events:
            self._expect(event)
        lines = [BatchLine(number, self._raw(event), None, b"") for number, event in enumerate(events, start=1)]
        flow.emit_batch(self.runtime, [lines], deliver=False)

    def again(self) -> None:
        """Send an event again: it is a duplicate, or a new one if that is long ago."""
        if self._accepted:
            event, _ = self._accepted[self.chance.choice([*self._accepted])]
            self._emit(event)

    def undone(self) -> None:
        """A process dies before its commit: nothing has happened."""
        events = [self._event() for _ in range(3)]
        self._next -= 3
        lines = [BatchLine(number, self._raw(event), None, b"") for number, event in enumerate(events, start=1)]

        def dies() -> None:
            from ingestlayer_cli.store.sql.transaction import SqlTransaction

            flush = SqlTransaction.flush

            def die(transaction: Any) -> None:
                flush(transaction)
                os.kill(os.getpid(), signal.SIGKILL)

            SqlTransaction.flush = die  # type: ignore[assignment,method-assign]
            flow.emit_batch(self.runtime, [lines], deliver=False)

        self._elsewhere(dies)

    def deliver(self) -> None:
        if not self.is_rough:
            self.reference.deliver(self.clock.at)
        before = self.clock.at
        flow.deliver(self.runtime, Wanted())
        assert self.is_rough or self.clock.at == before, "it waited"

    def let_pass(self) -> None:
        by = self.chance.choice([1_013, 61_000, 7 * MINUTE, 16 * MINUTE, 47 * MINUTE, 2 * HOUR, 9 * HOUR, *_DAYS])
        self.clock.at += by + self.chance.randrange(997)
        self.log[-1] += f" until {format_time(self.clock.at)}"

    def restart(self) -> None:
        self.runtime.close()
        self.runtime = self._open()

    def killed(self) -> None:
        """A process is killed while it delivers: before or after it has composed, or has posted."""
        place = self.chance.choice(["carry", "carried", "posting", "posted", "recorded"])
        left = self.chance.randrange(3)
        self.log[-1] += f" {place} {left}"

        def dies() -> None:
            outbox, gathering = type(self.runtime.outbox), type(self.runtime.store.gathering)

            def dying(of: Any, name: str, after: bool) -> None:
                was = getattr(of, name)

                def die(*given: Any, **more: Any) -> Any:
                    nonlocal left
                    left -= 1
                    result = was(*given, **more) if left >= 0 or after else None
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return result

                setattr(of, name, die)

            points: dict[str, tuple[type, str, bool]]
            points = {"carry": (gathering, "carry", False), "carried": (gathering, "carry", True)}
            points |= {"posting": (outbox, "_deliver", False), "posted": (outbox, "_deliver", True)}
            dying(*({**points, "recorded": (outbox, "_record", True)}[place]))
            flow.deliver(self.runtime, Wanted())

        self._elsewhere(dies)

    def failing(self) -> None:
        """The service fails, for some requests."""
        for _ in range(self.chance.randrange(1, 4)):
            self.slack.script_method("chat.postMessage", self.chance.choice(FAULTS))
        flow.deliver(self.runtime, Wanted())

    def _elsewhere(self, what: Callable[[], None]) -> None:
        """Do something in a process of its own, which may die of it."""
        self.runtime.close()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.runtime = self._open()
                what()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        _, ended = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(ended) in (0, -signal.SIGKILL)
        self.counts["kills"] += os.WIFSIGNALED(ended)
        self.runtime = self._open()

    # Events -----------------------------------------------------------------------------------------------

    def _event(self) -> Happened:
        some = self.chance.choice
        late = some([0, 0, 0, 0, 0, 13_007, 40 * MINUTE, 5 * HOUR, DAY, 40 * DAY])
        used = some([10, 49, 50, 74, 75, 76, 76, 79, 80, 80, 85, 89, 90, 95, 96, 100, 120])
        customer = some(["acme", "acme", "acme", "globex", "initech", None])
        event = Happened(self._next, self.clock.at - late, customer, used, some([100, 100, 100, 100, 100, 200, 0]))
        self._next += 1
        return event

    def _raw(self, event: Happened) -> Raw:
        payload = {"number": event.number, "customer": event.customer, "used": event.used, "limit": event.limit}
        payload = {name: value for name, value in payload.items() if value is not None}
        return Raw(TYPE, payload, f"k{event.number}", format_time(event.at))

    def _expect(self, event: Happened) -> None:
        """Tell the reference of an event, unless its key is taken."""
        before = self._accepted.get(event.number)
        if before is not None and self.clock.at - before[1] < KEPT:
            return
        self._accepted[event.number] = event, self.clock.at
        self.reference.accept(event, self.clock.at)

    # Looking ----------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Compare what is queued, and where nothing goes wrong also when it goes, and what says it."""
        rows = self.folder.sql(
            "SELECT d.id, e.key, d.pipeline, d.target, d.status, d.due_at, d.carried_by, d.queued_at FROM deliveries d"
            " JOIN events e ON e.seq = d.event ORDER BY d.seq"
        )
        expected = self.reference.rows
        self._due += [row[5] for row in rows[len(self._due) :]]
        of = [(f"k{row.event.number}", row.line.name, row.target) for row in expected]
        queued = [tuple(row[1:4]) for row in rows]
        assert queued == of, f"queued were {self._told(queued[-9:])}, not {self._told(of[-9:])}"
        if self.is_rough:
            return
        places = {id_: number for number, (id_, *_) in enumerate(rows)}
        numbers = {id(row): number for number, row in enumerate(expected)}
        found = [
            ("waits", due) if status == "pending" and carried is None else (status, places.get(carried, number))
            for number, (_, _, _, _, status, due, carried, _) in enumerate(rows)
        ]
        meant = [("waits", row.due) if row.waits else ("delivered", numbers[id(row.by)]) for row in expected]
        assert found == meant, _difference(found, meant)
        if self.chance.random() < 0.2:
            self._compare_put_off()
        self._compare_messages([row[0] for row in rows])

    def _told(self, queued: list[tuple[str, str, str]]) -> list[Any]:
        return [(self._accepted[int(key[1:])][0], *more) for key, *more in queued]

    def _compare_put_off(self) -> None:
        """See that `status` counts what waits, and for what, as the reference has it."""
        told = status(str(self.folder.root), self.clock)
        waiting = [row for row in self.reference.rows if row.waits]
        assert {row["target"]: row["count"] for row in told["waiting"]} == Counter(row.target for row in waiting)
        put_off: dict[tuple[str, str], list[int]] = {}
        for row in waiting:
            if row.due > self.clock.at and (row.held or row.name or row.place.outside == "wait"):
                reason = "budget" if row.held else "digest" if row.name else "hours"
                put_off.setdefault((reason, row.target), []).append(row.due)
        found = {(it["reason"], it["target"]): (it["count"], it["next_at"]) for it in told["put_off"]}
        assert found == {place: (len(due), format_time(min(due))) for place, due in put_off.items()}

    def _compare_messages(self, ids: list[str]) -> None:
        numbers = {id(row): ids[number] for number, row in enumerate(self.reference.rows)}
        meant = {numbers[id(message[0])]: message for message in self.reference.messages}
        posted = {message.delivery_id: message for message in self.slack.messages}
        assert len(posted) == len(self.slack.messages), "something was posted twice"
        assert posted.keys() == meant.keys()
        for id_, message in meant.items():
            assert round(float(posted[id_].ts) * 1000) == message.at
            _compare_words(message, all_text(posted[id_].body["blocks"]))

    def calm_down(self) -> None:
        """Let all be well, and time pass until nothing waits."""
        self.slack._method_scripts.clear()
        for _ in range(120):
            self.log.append(f"{format_time(self.clock.at)} calms down")
            self.deliver()
            self.look()
            if dead := [id_ for (id_,) in self.folder.sql("SELECT id FROM deliveries WHERE status = 'dead'")]:
                self.runtime.store.deliveries.retry(dead, self.clock.at)
            ((at,),) = self.folder.sql(
                "SELECT min(due_at) FROM deliveries WHERE status <> 'delivered' AND carried_by IS NULL"
            )
            if at is None:
                break
            self.clock.at = max(self.clock.at + 61_007, at)
        assert self.folder.statuses().keys() <= {"delivered"}, self.folder.sql(
            "SELECT status, error, hint, due_at, carried_by, target FROM deliveries WHERE status <> 'delivered'"
        )

    def look_back(self) -> None:
        """See that each event is in one message, or dropped, and that all that is told of it is so."""
        rows = self.folder.sql(
            "SELECT d.id, coalesce(d.carried_by, d.id), d.target, d.digest FROM deliveries d ORDER BY d.seq"
        )
        said: dict[str, list[Row]] = {}
        for (_, by, _, _), row in zip(rows, self.reference.rows, strict=True):
            said.setdefault(by, []).append(row)
        posted: dict[str | None, Any] = {message.delivery_id: message for message in self.slack.messages}
        assert len(posted) == len(self.slack.messages), "something was posted twice"
        assert posted.keys() == said.keys(), "a message says nothing, or nothing says an event"
        due = {id(row): at for row, at in zip(self.reference.rows, self._due, strict=True)}
        for id_, of in said.items():
            message = posted[id_]
            moment = round(float(message.ts) * 1000)
            text = all_text(message.body["blocks"])
            assert {row.target for row in of} == {message.body["channel"]}
            count = re.match(r"(\d+) messages", text)
            assert int(count[1]) if count else len(of) == 1, text
            assert max(due[id(row)] for row in of) <= moment, "it went too early"
            assert all(self.reference._may_go(row, moment) for row in of), "it went outside its hours"
            shown = {int(number) for number in re.findall(r"\be(\d+)\.", text)}
            assert shown <= {row.event.number for row in of}, "it says what is not of it"
        self._compare_budgets()
        self._compare_drops()
        self._compare_status(len(rows))

    def _compare_budgets(self) -> None:
        for channel, (most, window) in self.rules.budgets.items():
            times = [round(float(it.ts) * 1000) for it in self.slack.messages if it.body["channel"] == channel]
            for first in times:
                assert sum(first <= at < first + window for at in times) <= most, f"over the budget of {channel}"

    def _compare_drops(self) -> None:
        found = {}
        for key, name, outcome, by, reason in self.folder.sql(
            "SELECT e.key, v.pipeline, r.outcome, r.dropped_by, r.reason FROM runs r JOIN events e ON e.seq = r.event"
            " JOIN pipeline_versions v ON v.seq = r.version ORDER BY e.seq"
        ):
            assert outcome in ("queued", "dropped")
            if outcome == "dropped":
                assert reason
                found[int(key[1:]), name] = by or ""
        assert found == self.reference.dropped

    def _compare_status(self, count: int) -> None:
        told = status(str(self.folder.root), self.clock)
        assert told["waiting"] == []
        self.counts["events"] += len(self._accepted)
        self.counts["messages"] += len(self.slack.messages)
        self.counts["deliveries"] += count


def _difference(found: list[Any], meant: list[Any]) -> str:
    return "; ".join(
        f"row {number}: {one}, not {other}"
        for number, (one, other) in enumerate(zip(found, meant, strict=True))
        if one != other
    )


def _compare_words(message: Message, text: str) -> None:
    """See that a message says all that is in it."""
    numbers = [row.event.number for row in message]
    shown = [int(number) for number in re.findall(r"\be(\d+)\.", text)]
    if message.kind == "digest":
        digest = message[0].place.digest
        assert digest is not None
        if digest.ordered:
            numbers = [row.event.number for row in sorted(message, key=lambda row: -row.event.used)]
        assert text.startswith(f"{len(numbers)} messages: {message[0].line.name}") or len(numbers) == 1
        assert shown == numbers[: digest.at_most], (shown, numbers)
        left = len(numbers) - digest.at_most
        assert (f"and {left} more" in text) == (left > 0)
    elif len(message) > 1:
        assert text.startswith(f"{len(numbers)} messages for {message[0].target}")
        assert shown == numbers[:50]
    else:
        assert shown[:1] == numbers


def play(root: Path, seed: str, steps: int, is_rough: bool, server: str = "") -> Counter[str]:
    """Play one history in a new folder, over SQLite or in a schema, called like the folder, of a PostgreSQL server."""
    standin = SlackStandin()
    for name in {name.removeprefix("#") for name in CHANNELS} - standin.channels.keys():
        standin.add_channel(name)  # before its start: it is older than all messages
    with standin as slack:
        folder = Posting(root, slack)
        if server:
            folder.share(server, root.name)
        history = History(folder, slack, seed, is_rough)
        try:
            history.run(steps)
        except Exception as error:
            told = "\n".join(history.log[-40:])
            raise AssertionError(f"history {seed}: {error}\n{history.rules}\n{told}") from error
        finally:
            history.close()
        return history.counts
