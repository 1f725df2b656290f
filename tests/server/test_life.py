"""The life of `serve`: what it delivers, what is edited meanwhile, and its end."""

import hmac
import json
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from tests.support import ROOT
from tests.support.folder import ACME, USAGE, Folder
from tests.support.posting import Posting, payload, posted
from tests.support.program import PATIENCE, PROGRAM, environment, wait_until
from tests.support.serving import Serving, status, usage
from tests.support.skewed import SharedClock
from tests.support.standin import RateLimited, SlackError, SlackStandin

HEAD = b"\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


def test_what_it_accepts_it_delivers(posting: Posting, slack: SlackStandin) -> None:
    with Serving(Folder(posting.root), "--open", "--json", env=posting.environment()) as serving:
        serving.post([{"type": USAGE, "payload": payload(1)}])
        wait_until(lambda: posted(slack) == ["c1"])
        posting.write("ingestlayer.toml", (posting.root / "ingestlayer.toml").read_text() + "nonsense = [")
        serving.post([{"type": USAGE, "payload": payload(2)}])
        wait_until(lambda: posted(slack) == ["c1", "c2"])
    assert posting.statuses() == {"delivered": 2}


STRIPE = """
[sources.stripe]
verify = "stripe"
secret = "env:APP_SECRET"
type = "plain"
"""


def test_a_host_whose_clock_is_wrong_has_the_time_of_the_database(
    shared_posting: Posting, slack: SlackStandin, tmp_path: Path
) -> None:
    """It sends nothing early, a key is good for as long as was said, and what is signed now is of now."""
    slack.script.append(RateLimited(600))
    shared_posting.emit(0, "--wait", "0s")
    settings = shared_posting.root / "ingestlayer.toml"
    settings.write_text(settings.read_text() + STRIPE)
    shared_posting.write("events/plain.toml", 'type = "plain"\n[fields]\n')
    key = shared_posting.run("keys", "create", "shop", "--expires", "30m").out.strip()
    clock = SharedClock(tmp_path / "clock")
    clock.set(wrong=3600)
    skewed = (sys.executable, str(ROOT / "tests" / "support" / "skewed.py"), str(clock.path))
    environment_ = shared_posting.environment({"APP_SECRET": "s3cret"})
    with Serving(Folder(shared_posting.root), env=environment_, program=skewed) as serving:
        at = int(time.time())
        sign = hmac.new(b"s3cret", f"{at}.{{}}".encode(), sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={sign}", "Content-Type": "application/json"}
        assert serving.client.post("/in/stripe", content="{}", headers=headers).status_code == 202
        assert serving.post([{"type": USAGE, "payload": payload(1, "growth")}], key).status_code == 202
        wait_until(lambda: posted(slack) == ["c1"])
    assert shared_posting.statuses() == {"delivered": 1, "retrying": 1}


def test_it_begins_while_the_database_is_away_and_keeps_what_comes(shared_posting: Posting) -> None:
    away = {"DATABASE_URL": "postgresql://postgres@127.0.0.1:1/postgres"}
    with Serving(Folder(shared_posting.root), "--open", env=shared_posting.environment(away)) as serving:
        assert serving.post([usage(1)]).status_code == 202
    assert "1 event is kept on this machine" in shared_posting.here("status").out


def test_what_is_wrong_with_itself_it_tells(posting: Posting, slack: SlackStandin) -> None:
    slack.add_channel("ops")
    posting.settings(more='[alerts]\nchannel = "#ops"\n')
    slack.script.append(SlackError("is_archived"))
    posting.accept([0])
    with Serving(Folder(posting.root), "--open", env=posting.environment()):
        wait_until(lambda: len(slack.posted_to("ops")) == 1)
    assert posting.statuses() == {"dead": 1, "delivered": 1}


def test_edited_files_count_at_once_and_while_they_are_broken_the_last_good_ones_do(project: Folder) -> None:
    with Serving(project, "--open", "--no-deliver") as serving:
        assert serving.client.get("/readyz").status_code == 200
        assert serving.post([{"type": "trial.lost", "payload": {"plan": "pro"}}]).status_code == 400
        project.declare("trial.lost", '[fields]\nplan = "string"\n')
        assert serving.post([{"type": "trial.lost", "payload": {"plan": "pro"}}]).status_code == 202
        broken = project.write("pipelines/new.toml", 'match = ["trial.lots"]\n')
        said = serving.client.get("/readyz")
        assert said.status_code == 503
        assert said.json()["error"]["kind"] == "project"
        assert said.json()["error"]["details"][0]["path"].startswith("pipelines/new.toml:1:")
        assert serving.post([{"type": "trial.lost", "payload": {"plan": "pro"}}]).status_code == 202
        assert serving.client.get("/healthz").status_code == 200
        project.declare("trial.lost", '[fields]\nplan = "string"\nwhy = "string?"\n')
        broken.unlink()
        assert serving.client.get("/readyz").status_code == 200
        assert serving.post([{"type": "trial.lost", "payload": {"plan": "pro", "why": "price"}}]).status_code == 202
    assert "pipelines/new.toml" in "".join(serving.said)


def test_a_store_that_is_made_anew_is_written_to(project: Folder) -> None:
    with Serving(project, "--open", "--no-deliver") as serving:
        serving.post([usage(1)])
        for path in project.store.parent.glob("store.db*"):
            path.unlink()
        assert serving.post([usage(2)]).status_code == 202
        assert project.rows("SELECT key FROM events") == [("key-2",)]


def test_sigterm_finishes_what_is_in_hand_and_refuses_what_is_new(project: Folder) -> None:
    with Serving(project, "--open") as serving:
        with closing(socket.create_connection(("127.0.0.1", serving.port), timeout=30)) as sender:
            sender.sendall(b"GET /healthz HTTP/1.1" + HEAD % (0, b""))
            assert status(sender) == 200  # it is connected
            body = json.dumps({"events": [usage(1)]}).encode()
            sender.sendall(b"POST /v1/ingest HTTP/1.1" + HEAD % (len(body), body[:10]))
            serving.client.get("/healthz")  # what was sent before is read before
            serving.process.send_signal(signal.SIGTERM)
            wait_until(lambda: refused(serving))
            assert serving.client.get("/readyz").status_code == 503
            sender.sendall(body[10:])
            assert status(sender) == 202
        assert serving.stop() == 0
    assert ("key-1",) in project.rows("SELECT key FROM events")


def refused(serving: Serving) -> bool:
    response = serving.post([usage(3)])
    return response.status_code == 503 and int(response.headers["Retry-After"]) > 0


def test_a_signal_counts_from_the_words_that_it_listens(project: Folder) -> None:
    command = [PROGRAM, "serve", "--open", "--port", "0"]
    with subprocess.Popen(command, cwd=project.root, env=environment(), stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(b"listening on")
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_ctrl_c_is_130(project: Folder) -> None:
    serving = Serving(project, "--open")
    assert serving.stop(signal.SIGINT) == 130


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--open", "--host", "0.0.0.0"), 2, "--open takes events from anybody"),
        (
            (
                "--host",
                "no.such.host.invalid",
            ),
            2,
            "--host no.such.host.invalid",
        ),
        (("--ssl-certfile", "customers.csv"), 2, "--ssl-certfile customers.csv"),
        (("--workers", "2"), 2, "a store in a file has one writer"),
        (("--ssl-keyfile", "x"), 2, "--ssl-keyfile without --ssl-certfile"),
    ],
)
def test_what_cannot_be_served_is_said(shared: Folder, arguments: tuple[str, ...], code: int, words: str) -> None:
    result = shared.run("serve", "--port", "0", *arguments)
    assert (result.code, words in result.err) == (code, True), result


def test_a_port_that_is_taken_is_said(made: Callable[[str], Folder]) -> None:
    folder = made("taken")
    with Serving(folder) as serving:
        result = folder.run("serve", "--port", str(serving.port))
        assert (result.code, f"127.0.0.1 port {serving.port} cannot be listened on" in result.err) == (78, True)
        assert "there are no keys" in "".join(serving.said)


def test_a_project_that_is_broken_is_not_served(project: Folder) -> None:
    project.write("ingestlayer.toml", "nonsense = 1\n")
    assert project.run("serve", "--port", "0").code == 78


@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl")
def test_tls_without_a_proxy(project: Folder) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout key.pem -out cert.pem"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], cwd=project.root, check=True, capture_output=True
    )
    with Serving(project, "--open", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem") as serving:
        assert serving.url.startswith("https://")
        trusted = ssl.create_default_context(cafile=str(project.root / "cert.pem"))
        response = httpx.post(f"{serving.url}/v1/ingest", json={"events": [usage(1)]}, verify=trusted)
        assert response.status_code == 202
        with closing(socket.create_connection(("127.0.0.1", serving.port), timeout=30)) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert plain.recv(65536) == b""


def test_nobody_but_the_program_itself_sends_its_own_events(project: Folder) -> None:
    with Serving(project, "--open", "--no-deliver") as serving:
        said = serving.post([{"type": "ingestlayer.delivery_dead", "payload": {}}])
        assert (said.status_code, project.count("events")) == (400, 0)


def test_a_disk_that_is_full_is_503_and_leaves_nothing(project: Folder) -> None:
    assert project.run("emit", USAGE, *ACME).code == 0
    with Serving(project, "--open", "--no-deliver") as serving:
        no_end = resource.RLIM_INFINITY
        resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, (4096, no_end))
        response = serving.post([usage(1)])
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert str(project.root) not in response.text
        resource.prlimit(serving.process.pid, resource.RLIMIT_FSIZE, (no_end, no_end))
        assert serving.post([usage(1)]).status_code == 202
    assert project.count("events") == 2
