"""`deliver --watch` acts on what is true now, whatever was true when it started."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit, urlunsplit

import pytest

from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.engine.watching import Watch
from ingestlayer_cli.project import load
from ingestlayer_cli.store.contract.sending import Wanted
from ingestlayer_cli.store.postgres import link
from ingestlayer_cli.system.clock import HOUR
from ingestlayer_cli.system.errors import IngestlayerError
from tests.support.clock import FakeClock
from tests.support.posting import Posting, posted
from tests.support.program import finished, wait_until
from tests.support.relay import Relay
from tests.support.standin import SlackStandin


@contextmanager
def watching(posting: Posting) -> Iterator["subprocess.Popen[str]"]:
    """Let `deliver --watch` run; at its end it must end well."""
    process = posting.start("deliver", "--watch")
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert finished(process).code == 0
    finally:
        process.kill()


def sees_the_first(posting: Posting) -> None:
    posting.accept([0])
    wait_until(lambda: set(posting.statuses()) <= {"delivered", "shown"})


def test_a_connection_that_is_made_meanwhile_is_posted_over(posting: Posting, slack: SlackStandin) -> None:
    posting.write("ingestlayer.toml", '[slack]\nconnection = "terminal"\n')
    with watching(posting):
        sees_the_first(posting)
        posting.settings()
        posting.accept([1])
        wait_until(lambda: posted(slack) == ["c1"])
    assert posting.sql("SELECT status FROM deliveries ORDER BY seq") == [("shown",), ("delivered",)]


def test_a_store_that_was_made_anew_is_delivered_from(posting: Posting, slack: SlackStandin) -> None:
    with watching(posting):
        sees_the_first(posting)
        shutil.rmtree(posting.store.parent)
        posting.accept([1])
        wait_until(lambda: posted(slack) == ["c0", "c1"])


def test_a_run_that_failed_is_done_once_what_it_failed_by_is_mended(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(more='[entities.customer]\nfile = "people.csv"\nkey = "customer_id"\n')
    enrich = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'
    posting.pipeline(enrich)
    with watching(posting):
        assert posting.accept([0])[0]["runs"][0]["outcome"] == "failed"
        posting.write("people.csv", "customer_id\nc0\n")
        wait_until(lambda: posted(slack) == ["c0"])
        (posting.root / "people.csv").unlink()
        posting.accept([1])
        posting.pipeline()  # it asks for the file no more
        wait_until(lambda: posted(slack) == ["c0", "c1"])


def test_while_the_files_are_broken_it_goes_on_and_says_so_once(posting: Posting, slack: SlackStandin) -> None:
    with watching(posting) as process:
        sees_the_first(posting)
        posting.accept([1], "growth")
        toml = (posting.root / "ingestlayer.toml").read_text()
        posting.write("ingestlayer.toml", toml + "nonsense = [")
        wait_until(lambda: posted(slack) == ["c0", "c1"])
        assert process.stderr is not None
        said = process.stderr.readline()
        assert "ingestlayer.toml" in said
        assert said.endswith("; it goes on with what was true before\n")
        posting.write("ingestlayer.toml", toml)
        posting.accept([2])
        wait_until(lambda: len(posted(slack)) == 3)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == ""


class SetBack(FakeClock):
    """Goes back by three hours at the first sleep after it was told to, and counts the sleeps since."""

    sleeps = -1

    def sleep(self, duration: int) -> None:
        if self.sleeps == 0:
            self.sets(-3 * HOUR)
        if self.sleeps >= 0:
            self.sleeps += 1
        super().sleep(duration)


def test_a_clock_that_is_set_back_does_not_stop_it(posting: Posting, slack: SlackStandin) -> None:
    posting.settings(pace="1s")
    clock = SetBack()

    def opened() -> Runtime:
        return Runtime(load(str(posting.root)), clock)

    posting.accept(range(3), clock=clock)
    watch = Watch(opened(), opened, lambda error: pytest.fail(error.message))
    clock.sleeps = 0
    watch.run(Wanted(), limit=3)
    watch.close()
    assert posted(slack) == ["c0", "c1", "c2"]
    assert clock.sleeps < 100


def test_a_signal_that_stops_it_opens_nothing_whenever_it_comes(posting: Posting) -> None:
    with posting.runtime() as runtime:
        watch = Watch(runtime, lambda: runtime, lambda _: None)
        before = {**vars(runtime)}
        watch.stop()
        assert vars(runtime) == before
        assert runtime.outbox.stopped


def test_a_database_that_is_away_for_long_is_waited_for(
    shared_posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "PATIENCE", 0.05)
    address = urlsplit(os.environ["DATABASE_URL"])
    troubles: list[str] = []
    with Relay(address.port or 0) as relay:
        monkeypatch.setenv("DATABASE_URL", urlunsplit(address._replace(netloc=f"postgres@127.0.0.1:{relay.port}")))
        shared_posting.accept([0])

        def troubled(error: IngestlayerError) -> None:
            troubles.append(error.message)
            relay.mend()

        def renewed() -> Runtime:
            return Runtime(load(str(shared_posting.root)))

        with closing(Watch(renewed(), renewed, troubled)) as watch:
            relay.cut()
            assert watch.run(Wanted(), limit=1)["sent"] == 1
    assert posted(slack) == ["c0"]
    assert len(troubles) == 1
    assert "is out of reach" in troubles[0]
