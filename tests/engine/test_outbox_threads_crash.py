"""SIGKILL at any moment while emitters and deliverers work on a few threads: they are as if nothing had been."""

import random
import threading
import time

from tests.support.posting import Posting, posts
from tests.support.standin import SlackStandin, Slow
from tests.support.threads import THREADED, accept, assert_threads, deliveries, is_kept

SLOW = 0.03  # seconds that the stand-in takes for a post, so that kills fall into it
KILLS = 24
WORKERS = 3
WINDOW = 3_600_000


class Campaign:
    """Processes that are killed: some emit an event of one of three keys, some deliver."""

    def __init__(self, folder: Posting, slack: SlackStandin, seed: int) -> None:
        self.folder = folder
        self.slack = slack
        self.kills = 0
        self.number = 0
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    def run(self) -> None:
        workers = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if self._failure:
            raise self._failure

    def _work(self) -> None:
        try:
            while self.kills < KILLS and self._failure is None:
                with self._lock:
                    self.number += 1
                    number, emits = self.number, self._random.random() < 0.7
                    posts_left, pause = self._random.randrange(1, 4), self._random.uniform(0, 2 * SLOW)
                self._kill(["emit", *self._event(number)] if emits else ["deliver", "-q"], posts_left, pause)
        except BaseException as error:
            self._failure = error

    def _event(self, number: int) -> list[str]:
        fields = [f"customer_id=c{number % 3}", "metric=seats", "limit:=1", f"used:={number}", "plan=alerts"]
        return ["usage.limit_reached", *fields, "--key", str(number)]

    def _kill(self, command: list[str], posts_left: int, pause: float) -> None:
        """Kill a process a moment after some message was on its way, unless it was quicker."""
        enough = len(self.slack.requests) + posts_left
        process = self.folder.forked(*command)
        ends = time.monotonic() + 3
        while process.poll() is None and len(self.slack.requests) < enough and time.monotonic() < ends:
            time.sleep(0.001)
        time.sleep(pause)
        process.kill()
        out, err = process.communicate()
        assert process.returncode in (-9, 0, 75), (command, out, err)
        self.kills += process.returncode == -9


def let_settle(folder: Posting) -> None:
    """Let the minute pass that a message may take to turn up, and the pauses between attempts."""
    folder.sql("UPDATE attempts SET at = at - 61000 WHERE outcome = 'unknown'")
    folder.let_pass(60)


def test_threads_hold_after_kills(threaded: Posting, slack: SlackStandin) -> None:
    threaded.pipeline(THREADED)
    slack.always = Slow(SLOW)
    assert threaded.run("store", "info").code == 0
    campaign = Campaign(threaded, slack, seed=7)
    campaign.run()
    for _ in range(40):
        result = threaded.run("deliver", "--json")
        if result.code == 0:
            break
        let_settle(threaded)
    assert (result.code, campaign.kills >= KILLS) == (0, True)
    assert "unknown" in threaded.attempts(), "no process was killed with a message in hand"
    assert (
        posts(slack)
        >= len(deliveries(threaded))
        == len([message for message in slack.messages if not is_kept(message)])
    )
    assert_threads(threaded, slack, WINDOW, set())


def test_a_deliverer_that_is_killed_again_and_again_gets_on(threaded: Posting, slack: SlackStandin) -> None:
    with threaded.runtime() as runtime:
        for number in range(1, 7):
            accept(runtime, "acme", number)
    slack.always = Slow(SLOW)
    for _ in range(8):
        before = len(slack.requests)
        process = threaded.forked("deliver", "-q")
        ends = time.monotonic() + 3
        while process.poll() is None and len(slack.requests) < before + 3 and time.monotonic() < ends:
            time.sleep(0.001)
        process.kill()
        process.communicate()
        let_settle(threaded)
    for _ in range(10):
        if threaded.run("deliver", "-q").code == 0:
            break
        let_settle(threaded)
    assert_threads(threaded, slack, WINDOW, set())
    assert len(slack.messages) == 7  # what the first one said is a reply
