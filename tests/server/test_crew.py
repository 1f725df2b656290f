"""`serve --workers`: several processes over one store in PostgreSQL."""

import os
import signal
from pathlib import Path

import pytest

from tests.support.folder import USAGE, Folder
from tests.support.loading import Answered, bodies, request, results, send_all
from tests.support.posting import Posting, payload
from tests.support.program import wait_until
from tests.support.serving import Serving


def workers(serving: Serving) -> list[int]:
    children = Path(f"/proc/{serving.process.pid}/task/{serving.process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="no /proc")
def test_workers_share_a_store_and_one_that_is_killed_is_replaced(shared_posting: Posting) -> None:
    environment = shared_posting.environment({"DATABASE_URL": os.environ["DATABASE_URL"]})
    with Serving(Folder(shared_posting.root), "--open", "--no-deliver", "--workers", "2", env=environment) as serving:
        wait_until(lambda: len(workers(serving)) == 2)
        heard: list[Answered] = []
        send_all(serving.port, [request(body) for body in bodies(60)], 8, lambda _, answered: heard.append(answered))
        found = [result["status"] for answered in heard for result in results(answered)]
        assert found == ["accepted"] * 60
        first = workers(serving)
        os.kill(first[0], signal.SIGKILL)
        wait_until(lambda: len(workers(serving)) == 2 and workers(serving) != first)
        wait_until(lambda: any("a worker has ended with -9" in line for line in serving.said))
        assert serving.post([{"type": USAGE, "payload": payload(1)}]).status_code == 202
    listed = shared_posting.run("events", "list", "--limit", "100", "--json", env=environment)
    assert len(listed.lines) == 61
