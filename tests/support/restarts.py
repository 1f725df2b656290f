"""PostgreSQL is restarted again and again while a batch is accepted and delivered; then it is seen what is left."""

import random
import subprocess
import time

from tests.support.postgres import server
from tests.support.posting import Posting, assert_each_once, envelope
from tests.support.program import finished
from tests.support.standin import SlackStandin

PATIENCE = 600  # seconds after the last restart in which what cannot be sent at once is sent
LONG = 3_000  # seconds that thousands of deliveries may take beside much else


def restarted(posting: Posting, slack: SlackStandin, restarts: int, events: int, seed: int = 1) -> tuple[int, int]:
    """Return how many events are stored, and how many messages are in Slack, each of them once."""
    chance = random.Random(seed)
    with server() as own:
        posting.share(own.url, "restarted")
        channels = [slack.add_channel(f"p{number}").name for number in range(8)]
        batch = posting.batch(envelope(number, channels[number % 8]) for number in range(events))
        emitting = posting.start("emit", "--batch", batch, "--no-deliver", "-q")
        watching = posting.start("deliver", "--watch", "-q")
        try:
            for _ in range(restarts):
                time.sleep(chance.uniform(0.3, 1))
                own.stop("immediate")
                own.start()
                if emitting.poll() is not None:  # the same once more: what is stored is a duplicate
                    finished(emitting)
                    emitting = posting.start("emit", "--batch", batch, "--no-deliver", "-q")
                if watching.poll() is not None:
                    watching.communicate()
                    watching = posting.start("deliver", "--watch", "-q")
            finished(emitting)
        finally:
            _end(watching)
            _end(emitting)
        assert posting.run("emit", "--batch", batch, "--no-deliver", "-q").code == 0
        ends = time.monotonic() + PATIENCE
        while finished(posting.start("deliver", "-q"), LONG).code and time.monotonic() < ends:
            time.sleep(0.5)
        assert posting.statuses() == {"delivered": events}
        assert_each_once(slack, events)
        return int(posting.sql("SELECT count(*) FROM events")[0][0]), len(slack.messages)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
    process.communicate()
