"""What may go wrong on the way to Slack: the table of docs/slack.md, row by row, over real HTTP."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.posting import Posting, posts
from tests.support.program import Result, kill, wait_until
from tests.support.standin import (
    BUSY,
    Fault,
    Garbage,
    Hang,
    HangAfterStore,
    RateLimited,
    ResetAfterStore,
    ResetBeforeStore,
    SlackError,
    SlackStandin,
    Slow,
    Status,
)

LATER = 3700.0  # seconds after which every pause of the curve is over


class Row(NamedTuple):
    """A fault, what becomes of the delivery, and what `deliver` makes of it when its time has come."""

    fault: Fault
    status: str
    code: int
    attempts: int
    outcomes: list[str]


SENT_LATER = ["retry", "sent"]
FOUND = ["unknown", "found"]
RESENT = ["unknown", "resend", "sent"]
ROWS = {
    "429 with Retry-After": Row(RateLimited(300), "retrying", 75, 0, SENT_LATER),
    "429 without Retry-After": Row(RateLimited(None), "retrying", 75, 1, SENT_LATER),
    "request_timeout": Row(BUSY, "retrying", 75, 1, SENT_LATER),
    "500": Row(Status(500, "oops"), "unknown", 75, 1, RESENT),
    "503, but it is posted": Row(Garbage("late", 503, stored=True), "unknown", 75, 1, FOUND),
    "internal_error": Row(SlackError("internal_error"), "unknown", 75, 1, RESENT),
    "fatal_error, but it is posted": Row(
        Garbage('{"ok": false, "error": "fatal_error"}', stored=True), "unknown", 75, 1, FOUND
    ),
    "no answer": Row(Hang(0.2), "unknown", 75, 1, RESENT),
    "no answer, but it is posted": Row(HangAfterStore(0.2), "unknown", 75, 1, FOUND),
    "a reset": Row(ResetBeforeStore(), "unknown", 75, 1, RESENT),
    "a reset, but it is posted": Row(ResetAfterStore(), "unknown", 75, 1, FOUND),
    "garbage": Row(Garbage("<html>hello</html>"), "unknown", 75, 1, RESENT),
    "garbage, but it is posted": Row(Garbage("<html>hello</html>", stored=True), "unknown", 75, 1, FOUND),
}


@pytest.mark.parametrize("name", ROWS)
def test_it_waits_and_is_posted_once_when_its_time_has_come(name: str, posting: Posting, slack: SlackStandin) -> None:
    row = ROWS[name]
    slack.script.append(row.fault)
    emitted = posting.emit(0, "--wait", "1s")
    assert (emitted.code, emitted.delivery["status"]) == (row.code, row.status), emitted
    assert (emitted.delivery["attempts"], emitted.err) == (row.attempts, "")
    assert emitted.delivery["error"]
    # Now: nothing is posted that should wait, and nothing that is posted again.
    before = posts(slack)
    result, _ = posting.deliver()
    assert result.exit_codes == ([] if row.outcomes == FOUND else [75])
    assert posts(slack) == before
    # Later.
    posting.let_pass(60 if row.status == "unknown" else LATER)
    result, _ = posting.deliver()
    assert (result.exit_codes, posting.statuses()) == ([], {"delivered": 1})
    assert (posting.attempts(), len(slack.messages)) == (row.outcomes, 1)
    assert slack.messages[0].delivery_id == emitted.delivery["id"]


def test_slack_takes_it(posting: Posting, slack: SlackStandin) -> None:
    emitted = posting.emit()
    assert (emitted.code, emitted.delivery["status"]) == (0, "delivered")
    assert (posting.deliver()[0].exit_codes, len(slack.messages)) == ([], 1)


def test_a_429_that_passes_within_the_wait_is_not_noticed(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(RateLimited(1))
    emitted = posting.emit(0, "--wait", "20s")
    assert (emitted.code, emitted.delivery["status"], emitted.delivery["attempts"]) == (0, "delivered", 1)
    assert (posting.attempts(), len(slack.messages)) == (["retry", "sent"], 1)


def test_a_read_that_takes_too_long_is_unknown(
    posting: Posting, slack: SlackStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestlayer_cli.destinations.slack.client.TIMEOUT", 0.3)
    slack.script.append(HangAfterStore(30))
    posting.accept([0], deliver=True)
    assert (posting.delivery["status"], "no whole answer in 0.3 s" in posting.delivery["error"]) == ("unknown", True)
    posting.deliver()
    assert (posting.attempts(), len(slack.messages)) == (FOUND, 1)


DEAD = ["channel_not_found", "not_in_channel", "is_archived", "invalid_blocks", "msg_too_long", "restricted_action"]


@pytest.mark.parametrize("code", DEAD)
def test_a_refused_message_is_dead_at_once_and_goes_out_after_retry(
    code: str, posting: Posting, slack: SlackStandin
) -> None:
    slack.script.append(SlackError(code))
    emitted = posting.emit()
    assert (emitted.code, emitted.delivery["status"], emitted.delivery["attempts"]) == (69, "dead", 1)
    assert code in emitted.delivery["error"]
    posting.let_pass(LATER)
    assert (posting.deliver()[0].exit_codes, posts(slack)) == ([], 1)
    assert posting.run("deliveries", "retry", emitted.delivery["id"]).code == 0
    assert (posting.deliver()[0].exit_codes, len(slack.messages)) == ([], 1)


def no_token(slack: SlackStandin) -> dict[str, str]:
    return {"SLACK_BOT_TOKEN": ""}


def wrong_token(slack: SlackStandin) -> dict[str, str]:
    return {"SLACK_BOT_TOKEN": "xoxb-wrong"}


def revoked(slack: SlackStandin) -> dict[str, str]:
    slack.revoked.add("xoxb-test")
    return {}


def no_scope(slack: SlackStandin) -> dict[str, str]:
    slack.tokens["xoxb-test"].discard("chat:write")
    return {}


@pytest.mark.parametrize("trouble", [no_token, wrong_token, revoked, no_scope])
def test_what_cannot_be_sent_over_this_connection_waits_and_goes_out_once_it_is_mended(
    trouble: Callable[[SlackStandin], dict[str, str]], posting: Posting, slack: SlackStandin
) -> None:
    env = trouble(slack)
    emitted = posting.emit(env=env)
    assert (emitted.code, emitted.delivery["status"], emitted.delivery["attempts"]) == (75, "pending", 0)
    again = posting.run("deliver", env=env)
    assert (again.code, again.err.count("hint:")) == (75, 1)
    slack.revoked.clear()
    slack.tokens["xoxb-test"].add("chat:write")
    assert posting.run("deliver").code == 0
    assert len(slack.messages) == 1


def test_a_token_that_is_revoked_midway_stops_there_and_the_rest_goes_out_later(
    posting: Posting, slack: SlackStandin
) -> None:
    posting.accept(range(5))
    posting.deliver(limit=2)
    slack.revoked.add("xoxb-test")
    result, heard = posting.deliver()
    assert [(one.status, one.outcome) for one in heard] == [("pending", "not-connected")]
    assert (result.exit_codes, result["waiting"]) == ([75], {"pending": 3})
    slack.revoked.clear()
    posting.deliver()
    assert (posting.statuses(), len(slack.messages)) == ({"delivered": 5}, 5)


def test_a_refused_token_is_one_request_and_one_error_whatever_waits(posting: Posting, slack: SlackStandin) -> None:
    for number in range(10):
        slack.add_channel(f"p{number}")
        posting.accept([number], f"p{number}")
    slack.revoked.add("xoxb-test")
    result = posting.run("deliver")
    assert posts(slack) == 1
    assert result.code == 75
    assert result.out.count("token_revoked") == 1
    assert "10 pending" in result.err


# The network ----------------------------------------------------------------------------------------------


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def expired_tls(folder: Path) -> Iterator[str]:
    """Serve TLS on loopback with a certificate that expired years ago; yield its address."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 1 -keyout {key} -out {certificate}"
    dates = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"]
    done = subprocess.run([*command.split(), *dates], capture_output=True)
    if done.returncode:  # OpenSSL before 3.4 has no -not_after: any other certificate nobody trusts
        subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://localhost:{listener.getsockname()[1]}/api/"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def unresolved(folder: Path) -> Iterator[str]:
    yield "https://no-such-host.invalid/api/"


@contextmanager
def refused(folder: Path) -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}/api/"


NETWORK = [
    pytest.param(unresolved, id="the name does not resolve"),
    pytest.param(refused, id="the connection is refused"),
    pytest.param(
        expired_tls,
        id="the certificate is expired",
        marks=pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl"),
    ),
]


@pytest.mark.parametrize("trouble", NETWORK)
def test_a_request_that_never_left_is_tried_again(
    trouble: Callable[[Path], AbstractContextManager[str]], posting: Posting, slack: SlackStandin, tmp_path: Path
) -> None:
    with trouble(tmp_path) as url:
        posting.url = url
        posting.settings()
        emitted = posting.emit()
    assert (emitted.code, emitted.delivery["status"], emitted.delivery["attempts"]) == (75, "retrying", 1), emitted
    assert "could not be reached" in emitted.delivery["error"]
    posting.url = slack.url
    posting.settings()
    assert (posting.deliver()[0].exit_codes, posts(slack)) == ([75], 0)
    posting.let_pass(LATER)
    assert (posting.deliver()[0].exit_codes, len(slack.messages)) == ([], 1)


# A killed sender ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fault", "outcomes"), [(HangAfterStore(60), FOUND), (Hang(60), RESENT)])
def test_what_a_killed_sender_had_in_hand_is_settled_by_the_history(
    fault: Fault, outcomes: list[str], posting: Posting, slack: SlackStandin
) -> None:
    slack.always = fault
    posting.accept([0])
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    wait_until(lambda: len(slack.messages) == (outcomes == FOUND))
    kill(process)
    slack.always = None
    result, _ = posting.deliver()
    if outcomes == RESENT:
        assert (result.exit_codes, posting.delivery["status"]) == ([75], "unknown")
        posting.let_pass(60)
        result, _ = posting.deliver()
    assert (result.exit_codes, posting.attempts(), len(slack.messages)) == ([], outcomes, 1)


def test_what_a_sender_killed_hours_ago_had_in_hand_is_looked_for_since_then(
    posting: Posting, slack: SlackStandin
) -> None:
    slack.always = HangAfterStore(60)
    posting.accept([0])
    process = posting.start("deliver")
    wait_until(lambda: len(slack.messages) == 1)
    kill(process)
    slack.always = None
    hours = 5 * 3_600_000  # nobody delivered for five hours
    posting.sql("UPDATE deliveries SET lease_until = lease_until - ?, queued_at = queued_at - ?", hours, hours)
    seconds, _, rest = slack.messages[0].ts.partition(".")
    slack.messages[0].ts = f"{int(seconds) - hours // 1000}.{rest}"
    posting.deliver()
    posting.let_pass(60)
    posting.deliver()
    assert (posting.attempts(), len(slack.messages)) == (FOUND, 1)


def test_a_killed_sender_does_not_hold_its_channel(posting: Posting, slack: SlackStandin) -> None:
    slack.script.append(Hang(60))
    posting.accept([0, 1])
    process = posting.start("deliver")
    wait_until(lambda: posts(slack) == 1)
    kill(process)
    result, heard = posting.deliver()
    assert [one.status for one in heard] == ["delivered"]
    assert result["waiting"] == {"unknown": 1}


def test_a_slow_slack_is_waited_for(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Slow(1)
    assert posting.emit(0, "--wait", "200ms").code == 0  # the message in hand is finished


def told(result: Result) -> str:
    return result.out + result.err


def test_the_secret_is_in_no_message(posting: Posting, slack: SlackStandin) -> None:
    slack.always = Status(500, "your token xoxb-test is odd")
    said = told(posting.emit()) + told(posting.run("deliver")) + told(posting.run("deliveries", "list"))
    assert "xoxb-test" not in said
