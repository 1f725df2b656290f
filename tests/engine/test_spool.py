"""The database is away: what is accepted is kept on this machine, and handed over once."""

import json
import os
import re
import threading

import psycopg
import pytest

from ingestlayer_cli import ingest
from ingestlayer_cli.checks.run import check
from ingestlayer_cli.engine import runtime
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.store.contract.accepting import AwayError
from ingestlayer_cli.store.opening import open_spool
from ingestlayer_cli.store.postgres.clock import DatabaseClock
from ingestlayer_cli.store.sqlite import spool as sqlite_spool
from tests.support.clock import FakeClock
from tests.support.posting import TYPE, Posting, envelope, payload, posted
from tests.support.program import Result, here, wait_until
from tests.support.standin import SlackStandin

CHECK = """
[checks.quota]
source = "usage.csv"
value = "used / limit"
levels = [1.0]
key = ["customer_id"]
emit = "usage.limit_reached"
"""


class Away:
    """A project with a store in PostgreSQL that has one event, and whose server is out of reach until it is `back`."""

    def __init__(self, posting: Posting, monkeypatch: pytest.MonkeyPatch) -> None:
        self.posting = posting
        self._patch = monkeypatch
        self._address = os.environ["DATABASE_URL"]
        assert emit(posting, 0)["status"] == "accepted"
        self.go()

    def go(self) -> None:
        self._patch.setenv("DATABASE_URL", re.sub(r":\d+/", ":1/", self._address))

    def back(self) -> None:
        self._patch.setenv("DATABASE_URL", self._address)


@pytest.fixture
def away(shared_posting: Posting, monkeypatch: pytest.MonkeyPatch) -> Away:
    return Away(shared_posting, monkeypatch)


def emit(posting: Posting, number: int, code: int = 0, key: str | None = None) -> dict[str, object]:
    data = ("--data", json.dumps(payload(number)), "--key", key or f"key-{number}")
    result = here(posting.root, "emit", TYPE, *data, "--json")
    assert result.code == code, result
    return dict(result.json)


def test_an_event_is_kept_and_handed_over_before_the_next(away: Away, slack: SlackStandin) -> None:
    kept = emit(away.posting, 1, 75)
    assert (kept["status"], kept["runs"], kept["kept"]) == ("accepted", [], True)
    emit(away.posting, 2, 75)
    away.back()
    emit(away.posting, 3)
    assert posted(slack) == ["c0", "c1", "c2", "c3"]
    assert away.posting.ids[1] == kept["event"]["id"]  # type: ignore[index]
    assert here(away.posting.root, "deliver").code == 0


def test_an_event_for_a_server_that_only_reads_is_kept(
    shared_posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit(shared_posting, 0)
    address = os.environ["DATABASE_URL"]
    monkeypatch.setenv("DATABASE_URL", f"{address}?options=-c%20default_transaction_read_only%3Don")
    kept = emit(shared_posting, 1, 75)
    assert "takes nothing: cannot execute" in kept["trouble"]["message"]  # type: ignore[index]
    monkeypatch.setenv("DATABASE_URL", address)
    assert here(shared_posting.root, "deliver").code == 0
    assert posted(slack) == ["c0", "c1"]


def test_a_program_that_began_while_it_was_away_keeps_every_event(away: Away, slack: SlackStandin) -> None:
    root = str(away.posting.root)
    for number in (1, 2):
        assert ingest(TYPE, payload(number), idempotency_key=f"key-{number}", project=root).kept
    away.back()
    assert ingest(TYPE, payload(3), project=root)["status"] == "accepted"
    assert posted(slack) == ["c0", "c1", "c2", "c3"]


def test_its_key_is_judged_when_it_is_handed_over(away: Away, slack: SlackStandin) -> None:
    assert emit(away.posting, 1, 75, key="key-0")["status"] == "accepted"
    away.back()
    assert here(away.posting.root, "deliver").code == 0
    assert posted(slack) == ["c0"]
    assert away.posting.sql("SELECT duplicates FROM events") == [(1,)]


def test_a_batch_is_kept(away: Away, slack: SlackStandin) -> None:
    file = away.posting.batch(envelope(number) for number in range(1, 4))
    result: Result = here(away.posting.root, "emit", "--batch", str(file), "--json")
    assert (result.code, result.json["accepted"], result.json["kept"]) == (75, 3, 3)
    away.back()
    assert here(away.posting.root, "deliver").code == 0
    assert posted(slack) == ["c0", "c1", "c2", "c3"]


def test_an_event_that_is_committed_while_it_is_handed_over_is_stored_once(shared_posting: Posting) -> None:
    """A server that was stopped goes on with what it was told, though nobody waits for its answer any more."""
    emit(shared_posting, 0)
    kept = Event("evt_late", TYPE, 1, "cli", None, payload(1))
    open_spool(str(shared_posting.root / ".ingestlayer" / "spool.db")).add([(kept, json.dumps(payload(1)))], 1)
    with psycopg.connect(shared_posting.database) as going_on:
        going_on.execute(
            "INSERT INTO events SELECT (jsonb_populate_record(e,"
            """ '{"seq": 999999, "id": "evt_late", "key": null, "key_hash": null}')).* FROM events e"""
        )
        handing = threading.Thread(target=shared_posting.deliver)
        handing.start()
        blocked = "SELECT count(*) FROM pg_stat_activity WHERE ? = ANY(pg_blocking_pids(pid))"
        wait_until(lambda: shared_posting.sql(blocked, going_on.info.backend_pid) == [(1,)])
    handing.join()
    assert shared_posting.sql("SELECT count(*), sum(duplicates) FROM events") == [(2, 0)]
    assert "kept" not in here(shared_posting.root, "status").out


def test_who_wants_no_spool_hears_that_nothing_is_accepted(away: Away) -> None:
    text = (away.posting.root / "ingestlayer.toml").read_text()
    away.posting.write("ingestlayer.toml", text + "spool = false\n")
    assert "nothing was accepted" in str(emit(away.posting, 1, 78)["error"])
    assert here(away.posting.root, "deliver").code == 78


def test_deliver_says_that_all_waits(away: Away) -> None:
    emit(away.posting, 1, 75)
    result = here(away.posting.root, "deliver", "--json")
    assert result.code == 75
    assert result.error["kind"] == "store"
    assert "what was accepted is safe" in result.error["hint"]
    assert here(away.posting.root, "deliver", "-q").code == 75


def test_while_one_hands_over_to_a_database_that_does_not_answer_others_keep(
    away: Away, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_spool, "PATIENCE", 0.1)
    emit(away.posting, 1, 75)
    spool = open_spool(str(away.posting.root / ".ingestlayer" / "spool.db"))
    with spool.taken(100) as taken:
        assert len(taken) == 1
        emit(away.posting, 2, 75)
        away.back()
        assert emit(away.posting, 3, 75)["kept"] is True
        away.go()
    assert spool.count()[0] == 2
    away.back()
    assert here(away.posting.root, "deliver").code == 0
    assert posted(slack) == ["c0", "c2", "c3"]


def test_status_counts_what_is_kept(away: Away) -> None:
    emit(away.posting, 1, 75)
    assert "1 event is kept on this machine" in here(away.posting.root, "status").out


def damage(away: Away, name: str = "spool.db") -> bytes:
    """Damage what is kept on this machine; return what the file is then."""
    path = away.posting.root / ".ingestlayer" / name
    path.write_bytes(path.read_bytes()[:100] + b"\x07" * 5_000)
    return path.read_bytes()


def test_a_damaged_spool_stops_no_event_that_reaches_the_database(away: Away, slack: SlackStandin) -> None:
    emit(away.posting, 1, 75)
    damaged = damage(away)
    away.back()
    told = emit(away.posting, 2)
    assert (told["status"], len(told["runs"])) == ("accepted", 1)  # type: ignore[arg-type]
    path = away.posting.root / ".ingestlayer" / "spool.db"
    assert told["trouble"]["message"].startswith(f"what is kept in {path} is out of reach: ")  # type: ignore[index]
    result = here(away.posting.root, "emit", "--batch", str(away.posting.batch([envelope(3)])))
    assert (result.code, "is out of reach" in result.err, ".recover" in result.err) == (0, True, True)
    assert posted(slack) == ["c0", "c2", "c3"]
    assert path.read_bytes() == damaged


def test_a_damaged_spool_is_told_of_until_it_is_moved_away(away: Away, slack: SlackStandin) -> None:
    emit(away.posting, 1, 75)
    damage(away)
    away.back()
    for command, code in (("status --json", 1), ("doctor", 1), ("deliver", 75)):
        result = here(away.posting.root, *command.split())
        assert (result.code, "spool.db is out of reach" in result.out + result.err) == (code, True), result
    (away.posting.root / ".ingestlayer" / "spool.db").rename(away.posting.root / "damaged.db")
    assert here(away.posting.root, "deliver").code == 0


def test_what_cannot_be_kept_either_is_not_accepted(away: Away) -> None:
    emit(away.posting, 1, 75)
    damaged = damage(away)
    error = emit(away.posting, 2, 78)["error"]
    assert "nothing was accepted" in error["hint"]  # type: ignore[index]
    assert "spool.db" in error["message"]  # type: ignore[index]
    assert (away.posting.root / ".ingestlayer" / "spool.db").read_bytes() == damaged


def checked(away: Away, used: int) -> Result:
    away.posting.write("usage.csv", f"customer_id,metric,limit,used,plan\nc7,seats,100,{used},alerts\n")
    return here(away.posting.root, "check", "--json")


@pytest.fixture
def checks(away: Away) -> Away:
    settings = (away.posting.root / "ingestlayer.toml").read_text()
    away.posting.write("ingestlayer.toml", settings + CHECK)
    return away


def test_what_reached_a_level_meanwhile_is_told_though_it_has_fallen_since(checks: Away, slack: SlackStandin) -> None:
    for _ in range(2):
        kept = checked(checks, 120)
        assert (kept.code, kept.json["checks"][0]["kept"]) == (75, 1)
    assert "kept on this machine" in kept.json["checks"][0]["error"]["hint"]
    assert "1 row is kept on this machine for the check quota" in here(checks.posting.root, "status").out
    checks.back()
    told = checked(checks, 20)
    assert (told.code, told.json["checks"][0]["emitted"]) == (0, 1)
    assert checked(checks, 120).json["checks"][0]["emitted"] == 0
    assert posted(slack) == ["c0", "c7"]


def test_a_level_that_was_known_before_is_not_told_again(checks: Away, slack: SlackStandin) -> None:
    checks.back()
    assert checked(checks, 120).json["checks"][0]["emitted"] == 1
    checks.go()
    assert checked(checks, 130).code == 75
    checks.back()
    assert checked(checks, 130).json["checks"][0]["emitted"] == 0
    assert posted(slack) == ["c0", "c7"]


def test_a_process_that_began_while_it_was_away_has_its_time_once_it_is_back(
    away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away.posting.runtime() as one:
        assert not isinstance(one.clock, DatabaseClock)
        with pytest.raises(AwayError):
            one.store  # noqa: B018
        away.back()
        monkeypatch.setattr(runtime, "SAME", 0.0)
        assert isinstance(one.clock, DatabaseClock)


class Host:
    """A machine that runs the check now and then, with or without the database."""

    def __init__(self, away: Away) -> None:
        self._away = away
        self.clock = FakeClock()
        away.back()
        self.told(120)

    def told(self, used: int, later: str = "0s", is_away: bool = False) -> int:
        """Run the check; return how many events it tells."""
        self.clock.passes(later)
        (self._away.go if is_away else self._away.back)()
        row = f"c7,seats,100,{used},alerts"
        self._away.posting.write("usage.csv", f"customer_id,metric,limit,used,plan\n{row}\nc8,seats,100,1,alerts\n")
        with self._away.posting.runtime(self.clock) as runtime:
            return int(check(runtime, runtime.project.checks["quota"]).get("emitted", 0))


@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ([("1h", 20), ("1h", 120)], 1),
        ([("5m", 20), ("5m", 20), ("5m", 120)], 1),  # so soon, a fall counts that two runs have seen
        ([("5m", 20), ("5m", 120)], 0),
        ([("1h", 120), ("1h", 130)], 0),
        ([("1h", 20), ("1h", 120), ("1h", 20), ("1h", 120)], 2),
    ],
)
def test_what_has_fallen_meanwhile_and_reached_its_level_again_is_told_again(
    checks: Away, slack: SlackStandin, runs: list[tuple[str, int]], told: int
) -> None:
    host = Host(checks)
    for later, used in runs:
        assert host.told(used, later, is_away=True) == 0
    assert host.told(120, "1h") == told
    assert host.told(120, "1h") == 0
    assert posted(slack) == ["c0", *["c7"] * (1 + told)]


def test_a_fall_that_is_older_than_what_another_machine_has_read_counts_no_more(
    checks: Away, slack: SlackStandin
) -> None:
    host = Host(checks)
    host.told(20, "1h", is_away=True)
    kept = checks.posting.root / ".ingestlayer" / "checks" / "quota.db"
    kept.rename(kept.with_suffix(".aside"))
    assert host.told(120, "1h") == 0
    kept.with_suffix(".aside").rename(kept)
    assert host.told(120, "1h") == 0
    assert posted(slack) == ["c0", "c7"]


def test_damaged_rows_of_a_check_stop_no_run_of_it(checks: Away, slack: SlackStandin) -> None:
    assert checked(checks, 120).code == 75
    damage(checks, "checks/quota.db")
    checks.back()
    told = checked(checks, 130)
    assert (told.code, told.json["checks"][0]["emitted"]) == (0, 1)
    assert "quota.db is out of reach" in told.json["checks"][0]["trouble"]["message"]
    assert "quota.db is out of reach" in here(checks.posting.root, "status", "--json").out
