"""`serve` over a store that is shared: several processes at once, and a database that is away."""

import os
import signal
import threading
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.folder import USAGE, Folder
from tests.support.loading import Answered, bodies, request, results, send_all
from tests.support.posting import Posting, payload
from tests.support.program import wait_until
from tests.support.relay import Relay
from tests.support.serving import Serving, usage


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


def test_two_of_them_may_serve_from_one_file(project: Folder) -> None:
    heard: list[Answered] = []
    requests = [request(body) for body in bodies(60)]
    with Serving(project, "--open", "--no-deliver") as first, Serving(project, "--open", "--no-deliver") as second:
        senders = [
            threading.Thread(target=send_all, args=(port, requests, 8, lambda _, answered: heard.append(answered)))
            for port in (first.port, second.port)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    statuses = [result["status"] for answered in heard for result in results(answered)]
    assert sorted(statuses) == ["accepted"] * 60 + ["duplicate"] * 60
    assert project.count("events") == 60


def test_a_database_that_is_away_is_503_where_nothing_is_kept_beside_it(shared_posting: Posting) -> None:
    settings = shared_posting.root / "ingestlayer.toml"
    settings.write_text(settings.read_text().replace("[store]\n", "[store]\nspool = false\n"))
    address = urlsplit(os.environ["DATABASE_URL"])
    assert address.port is not None
    with Relay(address.port) as relay:
        netloc = address.netloc.replace(f":{address.port}", f":{relay.port}")
        environment = shared_posting.environment({"DATABASE_URL": urlunsplit(address._replace(netloc=netloc))})
        with Serving(Folder(shared_posting.root), "--no-deliver", env=environment) as serving:
            key = shared_posting.run("keys", "create", "shop", env=environment).out.strip()
            assert serving.post([usage(1)], key).status_code == 202
            relay.cut()
            away = serving.post([usage(2)], key)
            assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
            assert "DATABASE_URL" not in away.text
            assert serving.client.get("/healthz").status_code == 200
            relay.mend()
            wait_until(lambda: serving.post([usage(2)], key).status_code == 202)
        listed = shared_posting.run("events", "list", "--json", env=environment).lines
    assert [event["idempotency_key"] for event in listed] == ["key-2", "key-1"]
