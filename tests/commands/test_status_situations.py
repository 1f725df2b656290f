"""What an operator may find in the morning: `status` names each, and what it names mends it; doctor says the same."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ingestlayer_cli.engine.records import CHECKS, MACHINES
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.project import load_beside
from tests.support.situations import DECLARATION, DEDUPE, ENRICH, FILTER, TOKEN, TYPE, Morning
from tests.support.standin import RateLimited, ResetAfterStore, Status

SNAPSHOTS = Path(__file__).parent / "snapshots" / "status"
HOUR = 3600.0
DAY = 24 * HOUR
Act = Callable[[Morning], object]


class Situation(NamedTuple):
    """How it comes about, the trouble that is named, and what a hand mends before the named command is typed.

    `says` are words on the page; without a trouble it is they that name it. `rests`: no command is named, the hand does
    it all.
    """

    comes: Act
    kind: str = ""
    subject: str = ""
    by_hand: Act = lambda morning: None
    says: str = ""
    mark: str = "problem"
    rests: bool = False


def _passes(seconds: float) -> Act:
    return lambda it: it.let_pass(seconds)


SITUATIONS: dict[str, Situation] = {}


def situation(name: str, **about: object) -> Callable[[Act], Act]:
    """Add a situation that a function brings about."""

    def add(comes: Act) -> Act:
        SITUATIONS[name] = Situation(comes, **about)  # type: ignore[arg-type]
        return comes

    return add


# An event of which nobody heard: the kinds of `why` ----------------------------------------------------------------


@situation("filtered", says="24 h: 1 dropped")
def _(it: Morning) -> None:
    it.pipeline(FILTER)
    it.emit()


@situation("deduplicated", says="24 h: 1 queued, 1 dropped")
def _(it: Morning) -> None:
    it.pipeline(DEDUPE)
    it.emit()
    it.emit()


@situation("duplicate", says="1 event, 1 came again")
def _(it: Morning) -> None:
    it.emit("acme", "--key", "k")
    it.emit("acme", "--key", "k")


@situation("unmatched", says="1 that no pipeline took")
def _(it: Morning) -> None:
    it.pipeline(more="")
    it.write("pipelines/hits.toml", (it.root / "pipelines/hits.toml").read_text().replace(TYPE, "payment.failed"))
    it.write("events/payment.failed.toml", DECLARATION.replace(TYPE, "payment.failed"))
    it.settings(**{'emit = "usage.limit_reached"': 'emit = "payment.failed"'})
    it.run("check")
    it.emit()


@situation("refused", kind="events_refused", subject="events", mark="warning", by_hand=_passes(DAY + 60), rests=True)
def _(it: Morning) -> None:
    it.run("emit", TYPE, "customer=acme")


@situation("came_while_files_were_broken", kind="events_put_aside", subject="events", by_hand=lambda it: it.settings())
def _(it: Morning) -> None:
    it.settings("[slak]\n")
    it.emit()
    it.emit("globex")


@situation("paused", kind="pipeline_paused", subject="hits", mark="warning")
def _(it: Morning) -> None:
    it.run("pipelines", "pause", "hits")
    it.emit()


@situation("draft", says="hits  draft")
def _(it: Morning) -> None:
    it.pipeline(more='status = "draft"\n')


@situation("failed", kind="run_failed", subject="hits", by_hand=lambda it: it.put_back("customers.csv"))
def _(it: Morning) -> None:
    it.pipeline(ENRICH)
    it.remove("customers.csv")
    it.emit()


@situation("failed_and_paused", kind="run_idle", subject="hits", mark="warning")
def _(it: Morning) -> None:
    it.pipeline(ENRICH)
    it.remove("customers.csv")
    it.emit()
    it.put_back("customers.csv")
    it.run("pipelines", "pause", "hits")


@situation(
    "failed_and_gone",
    kind="run_idle",
    subject="hits",
    mark="warning",
    by_hand=lambda it: it.put_back("pipelines/hits.toml"),
)
def _(it: Morning) -> None:
    it.pipeline(ENRICH)
    it.remove("customers.csv")
    it.emit()
    it.put_back("customers.csv")
    it.pipeline(name="others")
    it.remove("pipelines/hits.toml")


# Messages that did not arrive ---------------------------------------------------------------------------------------


@situation("cron_of_deliver_dead", kind="delivery_late", subject="#alerts")
def _(it: Morning) -> None:
    it.emit("acme", "--no-deliver")
    it.let_pass(3 * HOUR)


@situation("token_revoked", kind="not_connected", subject="slack", by_hand=lambda it: it.slack.revoked.clear())
def _(it: Morning) -> None:
    it.slack.revoked.add(TOKEN)
    it.emit()


@situation("no_token", kind="not_connected", subject="slack")
def _(it: Morning) -> None:
    it.environment("SLACK_BOT_TOKEN", None)
    it.emit()


@situation("terminal", kind="terminal", subject="Slack", mark="warning")
def _(it: Morning) -> None:
    it.settings(**{'connection = "bot"': 'connection = "terminal"'})
    it.emit()


@situation("only_shown", kind="delivery_shown", subject="#alerts", mark="warning")
def _(it: Morning) -> None:
    it.settings(**{'connection = "bot"': 'connection = "terminal"'})
    it.emit()
    it.settings()


@situation("channel_archived", kind="delivery_dead", subject="#alerts", by_hand=lambda it: it.archive(False))
def _(it: Morning) -> None:
    it.archive(True)
    it.emit()


@situation("channel_without_the_bot", kind="delivery_dead", subject="#secret", by_hand=lambda it: it.invite())
def _(it: Morning) -> None:
    it.post_to_a_private_channel()
    it.emit()


@situation("channel_misspelt_and_corrected", kind="delivery_dead", subject="#alerst")
def _(it: Morning) -> None:
    it.pipeline(channel="#alerst")
    it.emit()
    it.pipeline()


@situation("given_up", kind="delivery_dead", subject="#alerts")
def _(it: Morning) -> None:
    it.slack.always = RateLimited(None)
    it.emit()
    it.sql("UPDATE deliveries SET status = 'dead', settled_at = due_at, error = 'given up after 5 attempts'")
    it.slack.always = None
    it.let_pass(2 * HOUR)


@situation("rate_limited", kind="channel_held", subject="#alerts", mark="warning", by_hand=_passes(HOUR))
def _(it: Morning) -> None:
    it.slack.script.append(RateLimited(1800))
    it.emit()


@situation("answer_lost", kind="delivery_unknown", subject="#alerts", by_hand=_passes(120))
def _(it: Morning) -> None:
    it.slack.script.append(ResetAfterStore())
    it.emit()
    it.let_pass(HOUR)


@situation("slack_down", kind="delivery_unknown", subject="#alerts", by_hand=_passes(120))
def _(it: Morning) -> None:
    it.slack.script.append(Status(503))
    it.emit()
    it.let_pass(HOUR)


@situation("answer_lost_of_a_webhook", kind="delivery_unknown", subject="#alerts")
def _(it: Morning) -> None:
    it.settings(**{'connection = "bot"': 'connection = "webhook"'})
    it.environment("SLACK_WEBHOOK_URL", it.slack.webhook_url)
    it.slack.script.append(ResetAfterStore())
    it.emit()
    it.let_pass(HOUR)
    it.run("deliver")


@situation("secrets_of_everybody", kind="secrets_open")
def _(it: Morning) -> None:
    it.run("slack", "connect", "--token-stdin", stdin=TOKEN)
    (it.root.parent / ".local/state/ingestlayer/slack.json").chmod(0o644)


# Checks -------------------------------------------------------------------------------------------------------------


@situation("check_never_ran", kind="check_stale", subject="second")
def _(it: Morning) -> None:
    it.settings(_table("second"))


@situation("cron_of_check_dead", kind="check_stale", subject="api")
def _(it: Morning) -> None:
    it.let_pass(5 * HOUR)
    it.age("usage.csv", 60)


@situation("check_killed", kind="check_failed", subject="api")
def _(it: Morning) -> None:
    with Runtime(load_beside(str(it.root))) as runtime, runtime.store.transaction() as transaction:
        note = transaction.note(CHECKS, "api")
        gone = f"{os.uname().nodename}:999999/{'/'.join(note['process'].split('/')[1:3])}/1"
        transaction.write_note(CHECKS, "api", {**note, "started_at": note["ended_at"] + 1, "process": gone}, 1)


@situation("check_is_refused", kind="check_failed", subject="api", by_hand=lambda it: it.write(*_declaration("used")))
def _(it: Morning) -> None:
    it.write(*_declaration("used", "of_the_month"))
    it.usage("acme,12,10")
    it.run("check")


@situation("source_gone", kind="source_missing", subject="api", by_hand=lambda it: it.put_back("usage.csv"))
def _(it: Morning) -> None:
    it.remove("usage.csv")


@situation("source_failing", kind="source_failing", subject="api", by_hand=lambda it: it.put_back("usage.csv"))
def _(it: Morning) -> None:
    it.remove("usage.csv")
    it.run("check")


@situation("source_empty", kind="source_failing", subject="api", by_hand=lambda it: it.usage())
def _(it: Morning) -> None:
    it.write("usage.csv", "customer_id,used,limit\n")
    it.run("check")


@situation("source_of_words", kind="source_failing", subject="api", by_hand=lambda it: it.usage())
def _(it: Morning) -> None:
    it.usage("acme,x,10", "globex,y,10")
    it.run("check")


@situation("source_silent", kind="source_failing", subject="api", by_hand=lambda it: it.usage())
def _(it: Morning) -> None:
    it.settings('stale_after = "2h"\n')
    it.let_pass(3 * HOUR)
    it.run("check")


@situation("source_old", kind="source_old", subject="api", mark="warning", by_hand=lambda it: it.usage())
def _(it: Morning) -> None:
    it.age("usage.csv", 9 * DAY)


@situation(
    "secret_missing",
    kind="secret_missing",
    subject="USAGE_TOKEN",
    rests=True,
    by_hand=lambda it: it.environment("USAGE_TOKEN", "x"),
)
def _(it: Morning) -> None:
    source = 'source = "https://usage.example/x"\nheaders = { Authorization = "Bearer env:USAGE_TOKEN" }'
    it.settings(_table("second", source))
    it.environment("USAGE_TOKEN", None)


# Files --------------------------------------------------------------------------------------------------------------


@situation(
    "entity_file_gone",
    kind="entities_missing",
    subject="customers.csv",
    rests=True,
    by_hand=lambda it: it.put_back("customers.csv"),
)
def _(it: Morning) -> None:
    it.remove("customers.csv")


@situation(
    "entity_file_old",
    kind="entities_old",
    subject="customers.csv",
    mark="warning",
    rests=True,
    by_hand=lambda it: it.age("customers.csv", 60),
)
def _(it: Morning) -> None:
    it.age("customers.csv", 30 * DAY)


@situation("pipeline_broken", kind="pipeline_broken", subject="hits", by_hand=lambda it: it.pipeline())
def _(it: Morning) -> None:
    it.pipeline(name="others")
    it.pipeline("[[step]]\n")


@situation("settings_broken", kind="project_broken", by_hand=lambda it: it.settings())
def _(it: Morning) -> None:
    it.settings("[slak]\n")


@situation("declaration_broken", kind="project_broken", by_hand=lambda it: it.write(*_declaration("used")))
def _(it: Morning) -> None:
    it.write(f"events/{TYPE}.toml", "type = 5\n")


@situation("project_file_gone", kind="project_broken", by_hand=lambda it: it.put_back("ingestlayer.toml"))
def _(it: Morning) -> None:
    it.remove("ingestlayer.toml")


# The store, the machine, the clock ----------------------------------------------------------------------------------


@situation("store_moved", kind="store_moved")
def _(it: Morning) -> None:
    it.settings('[store]\npath = "data/events.db"\n')


@situation("store_damaged", kind="store_broken", rests=True, by_hand=lambda it: it.restore())
def _(it: Morning) -> None:
    it.damage(os.urandom(4096) * 8)


@situation("store_is_no_store", kind="store_broken", rests=True, by_hand=lambda it: it.restore())
def _(it: Morning) -> None:
    it.damage(b"this is a text " * 200)


@situation(
    "store_of_a_newer_program", kind="store_broken", rests=True, by_hand=lambda it: it.sql("PRAGMA user_version = 7")
)
def _(it: Morning) -> None:
    it.sql("PRAGMA user_version = 99")


@situation("disk_full", kind="store_full", rests=True, by_hand=lambda it: it.fill_disk(1 << 40))
def _(it: Morning) -> None:
    it.fill_disk(1 << 20)


def _set_right(it: Morning) -> None:
    it.wrong = 0
    it.emit("globex")


@situation("clock_is_ahead_by_hours", kind="slack_clock", subject="Slack", rests=True, by_hand=_set_right)
def _(it: Morning) -> None:
    it.wrong = 3 * HOUR
    it.emit()


@situation("clock_is_ahead_by_a_year", kind="slack_clock", subject="Slack", rests=True, by_hand=_set_right)
def _(it: Morning) -> None:
    it.wrong = 365 * DAY
    it.emit()


@situation("clock_was_ahead_by_hours", kind="clock_behind", subject="clock")
def _(it: Morning) -> None:
    it.wrong = 3 * HOUR
    it.emit("acme", "--no-deliver")
    it.wrong = 0


@situation("clock_was_ahead_by_a_year", kind="clock_behind", subject="clock")
def _(it: Morning) -> None:
    it.wrong = 365 * DAY
    it.emit()
    it.wrong = 0


@situation("two_machines", kind="two_machines", rests=True, by_hand=_passes(DAY + 60))
def _(it: Morning) -> None:
    with Runtime(load_beside(str(it.root))) as runtime, runtime.store.transaction() as transaction:
        now = runtime.clock.now()
        other = {"name": "otherhost", "first_at": now - 3_600_000, "last_at": now}
        transaction.write_note(MACHINES, "another boot", other, now)


def _table(name: str, source: str = 'source = "usage.csv"') -> str:
    keys = 'value = "used / limit"\nlevels = [1]\nkey = ["customer_id"]\nemit = "usage.limit_reached"\nevery = "1h"'
    return f"[checks.{name}]\n{source}\n{keys}\n"


def _declaration(*more: str) -> tuple[str, str]:
    fields = "".join(f'{name} = "number"\n' for name in more)
    return f"events/{TYPE}.toml", DECLARATION.replace('used = "number?"\n', fields)


def test_a_project_that_is_well(morning: Morning) -> None:
    assert morning.status()["state"] == "well"
    assert matches_snapshot("well", morning.page())


@pytest.mark.parametrize("name", SITUATIONS)
def test_status_names_it_and_what_it_names_mends_it(morning: Morning, name: str) -> None:
    it = SITUATIONS[name]
    it.comes(morning)
    page = morning.page()
    assert matches_snapshot(name, page)
    assert it.says in page
    if not it.kind:
        return

    def found(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [row for row in rows if row["kind"] == it.kind and it.subject in ("", row["subject"])]

    (trouble,) = found(morning.status()["troubles"])
    assert trouble["mark"] == it.mark
    (seen,) = found(morning.doctor())
    assert (seen["mark"], seen["subject"], seen["command"]) == (it.mark, trouble["subject"], trouble["command"])
    assert trouble["hint"]
    it.by_hand(morning)
    if not it.rests:
        morning.type(trouble["command"])
    assert found(morning.status()["troubles"]) == found(morning.doctor()) == []


def test_there_are_forty() -> None:
    assert len(SITUATIONS) >= 40


def matches_snapshot(name: str, text: str) -> bool:
    """Whether the page is the stored one; UPDATE_SNAPSHOTS=1 writes it anew."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(text)
    return path.is_file() and path.read_text(encoding="utf-8") == text
