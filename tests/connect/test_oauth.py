"""OAuth v2 for a team's shared app, against a stand-in on loopback; consent is given by what a browser would do."""

from collections.abc import Callable

import pytest

from ingestlayer_cli.operations.slack.client import SlackError
from ingestlayer_cli.operations.slack.oauth import Request, new_request
from tests.connect.support import CLIENT_ID, CLIENT_SECRET, MARK, PROGRAM, REDIRECT, SCOPES, Bench
from tests.connect.terminal import Terminal

Answer = Callable[[str], str]


@pytest.fixture(autouse=True)
def _app(bench: Bench) -> None:
    bench.slack.add_app(CLIENT_ID, CLIENT_SECRET, REDIRECT)


def consented(
    bench: Bench, answer: Answer | None = None, *options: str, secret: str = CLIENT_SECRET
) -> tuple[int, str]:
    """Run `slack connect --oauth` on a terminal; `answer` makes what is pasted of the address to open."""
    env = bench.environment({"SLACK_CLIENT_ID": CLIENT_ID, "SLACK_CLIENT_SECRET": secret})
    with Terminal(PROGRAM, "slack", "connect", "--oauth", *options, cwd=bench.root, env=env) as terminal:
        address = opened(terminal.expect("that address (not shown): "))
        terminal.type((answer or bench.slack.consent)(address))
        code = terminal.wait()
        assert MARK not in terminal.text
        return code, terminal.text


def opened(text: str) -> str:
    """Return the address that was printed to be opened."""
    return next(word for word in text.split() if "/oauth/v2/authorize?" in word)


def test_consent_connects(bench: Bench) -> None:
    code, text = consented(bench)
    assert code == 0, text
    assert "connected to Stand-in as @ingest" in text
    assert "distinctive-secret-oauth" in bench.kept.read_text()


def test_the_scopes_are_asked_for_and_explained_before_the_browser(bench: Bench) -> None:
    asked = []
    _, text = consented(bench, lambda address: asked.append(address) or bench.slack.consent(address))  # type: ignore[func-returns-value]
    told = text[: text.index("/oauth/v2/authorize")]
    assert all(scope in told for scope in SCOPES)
    assert set(next(iter(bench.slack.codes.values())).scopes) == set(SCOPES)


def test_reconcile_asks_for_the_history(bench: Bench) -> None:
    consented(bench, None, "--reconcile")
    assert "channels:history" in next(iter(bench.slack.codes.values())).scopes


def test_a_wrong_state_is_refused_and_nothing_exchanged(bench: Bench) -> None:
    code, text = consented(bench, lambda address: f"{REDIRECT}?code=1&state=another")
    assert code == 78
    assert "the state in the address is not the one of this request" in text
    assert bench.slack.requests == []


def test_an_address_of_an_earlier_request_is_refused(bench: Bench) -> None:
    earlier: list[str] = []
    consented(bench, lambda address: earlier.append(bench.slack.consent(address)) or "")  # type: ignore[func-returns-value]
    code, text = consented(bench, lambda address: earlier[0])
    assert code == 78
    assert "the state" in text


def test_a_replayed_code_is_refused_with_the_remedy(bench: Bench) -> None:
    def replayed(address: str) -> str:
        pasted = bench.slack.consent(address)
        for code in bench.slack.codes.values():
            code.used = True
        return pasted

    code, text = consented(bench, replayed)
    assert code == 78
    assert "code_already_used" in text
    assert "start again" in text
    assert not bench.kept.exists()


def test_denied_consent_is_told(bench: Bench) -> None:
    code, text = consented(bench, lambda address: bench.slack.consent(address, allow=False))
    assert code == 78
    assert "consent was denied" in text


@pytest.mark.parametrize(
    "pasted",
    [
        "https://example.com/?code=1",
        "not an address",
        "https://[bad",
        f"{REDIRECT}2?code=1",
        "http://localhost/slack/callback?code=1",
    ],
)
def test_an_address_that_is_not_ours_is_refused(bench: Bench, pasted: str) -> None:
    code, text = consented(bench, lambda address: pasted)
    assert code == 78
    assert "not the address that Slack sends the browser to" in text
    assert bench.slack.requests == []


def test_a_wrong_client_secret_is_told_with_the_remedy(bench: Bench) -> None:
    code, text = consented(bench, secret=f"{MARK}-wrong")
    assert code == 78
    assert "bad_client_secret" in text
    assert "Basic Information" in text


def test_a_token_without_the_scopes_is_refused(bench: Bench) -> None:
    bench.slack.apps[CLIENT_ID].scopes = {"users:read"}
    code, text = consented(bench)
    assert code == 78
    assert "lacks the scope chat:write" in text
    assert not bench.kept.exists()


def test_an_app_whose_tokens_expire_is_refused(bench: Bench) -> None:
    bench.slack.apps[CLIENT_ID].rotates = True
    code, text = consented(bench)
    assert code == 78
    assert "token rotation is on" in text
    assert not bench.kept.exists()


def test_a_redirect_address_of_the_teams_own(bench: Bench) -> None:
    own = "https://tools.example.com/slack"
    bench.slack.apps[CLIENT_ID].redirects = [own]
    code, text = consented(bench, None, "--redirect-url", own)
    assert code == 0, text


@pytest.mark.parametrize("address", ["http://localhost/x", "localhost", "https://", "https://[x"])
def test_a_redirect_address_that_slack_would_not_take_is_wrong_usage(bench: Bench, address: str) -> None:
    result = bench.run("slack", "connect", "--oauth", "--redirect-url", address)
    assert result.code == 2
    assert "https://" in result.err


def test_the_id_and_the_secret_are_asked_for_when_the_environment_has_none(bench: Bench) -> None:
    with Terminal(PROGRAM, "slack", "connect", "--oauth", cwd=bench.root, env=bench.environment()) as terminal:
        terminal.expect("client id of the app: ")
        terminal.type(CLIENT_ID)
        terminal.expect("client secret (not shown): ")
        terminal.type(CLIENT_SECRET)
        terminal.type(bench.slack.consent(opened(terminal.expect("that address (not shown): "))))
        assert terminal.wait() == 0, terminal.text
        assert MARK not in terminal.text


def test_without_a_terminal_everything_comes_by_stdin(bench: Bench) -> None:
    """A script that cannot see the state has no good address: it is refused, and nothing hangs."""
    result = bench.run(
        "slack", "connect", "--oauth", stdin=f"{CLIENT_ID}\n{CLIENT_SECRET}\n{REDIRECT}?code=1&state=2\n"
    )
    assert result.code == 78
    assert "the state" in result.err


def test_the_client_secret_goes_by_http_basic_and_not_in_the_form(bench: Bench) -> None:
    consented(bench)
    (request,) = [request for request in bench.slack.requests if request.method == "oauth.v2.access"]
    assert set(request.params) == {"client_id", "client_secret", "code", "redirect_uri"}  # the first two of the header


REQUEST = Request("id", ["chat:write"], REDIRECT, "state")


def test_scheme_and_host_may_be_in_capitals_as_browsers_make_them_small() -> None:
    own = REQUEST._replace(redirect="https://Tools.Example.COM:443/slack")
    assert own.code("https://tools.example.com/slack?code=1&state=state") == "1"


def test_a_line_that_a_terminal_has_broken_is_whole_again() -> None:
    assert REQUEST.code(f"{REDIRECT}?code=12\n34&state=state ") == "1234"


def test_an_address_without_a_code_is_refused() -> None:
    with pytest.raises(SlackError, match="no code"):
        REQUEST.code(f"{REDIRECT}?state=state")


def test_the_consent_page_stands_beside_the_web_api() -> None:
    assert REQUEST.url("https://slack.com/api/").startswith("https://slack.com/oauth/v2/authorize?client_id=id&")
    assert REQUEST.url("https://slack-gov.com/api").startswith("https://slack-gov.com/oauth/v2/authorize?")


def test_no_two_requests_have_one_state() -> None:
    states = {new_request("id", [], REDIRECT).state for _ in range(100)}
    assert len(states) == 100
    assert min(map(len, states)) >= 32
