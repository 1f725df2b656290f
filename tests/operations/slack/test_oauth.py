"""OAuth v2 for a team's shared app, against a stand-in on loopback; consent is given by what a browser would do."""

from collections.abc import Callable

import pytest

from ingestlayer_cli.operations.slack.oauth import Request, new_request
from ingestlayer_cli.operations.slack.secret import SlackError
from tests.support.person import CLIENT_ID, CLIENT_SECRET, MARK, REDIRECT, SCOPES, Person
from tests.support.program import PROGRAM
from tests.support.terminal import Terminal

Answer = Callable[[str], str]


@pytest.fixture(autouse=True)
def _app(person: Person) -> None:
    person.slack.add_app(CLIENT_ID, CLIENT_SECRET, REDIRECT)


def consented(
    person: Person, answer: Answer | None = None, *options: str, secret: str = CLIENT_SECRET
) -> tuple[int, str]:
    """Run `slack connect --oauth` on a terminal; `answer` makes what is pasted of the address to open."""
    env = person.environment({"SLACK_CLIENT_ID": CLIENT_ID, "SLACK_CLIENT_SECRET": secret})
    with Terminal(PROGRAM, "slack", "connect", "--oauth", *options, cwd=person.root, env=env) as terminal:
        address = opened(terminal.expect("that address (not shown): "))
        terminal.type((answer or person.slack.consent)(address))
        code = terminal.wait()
        assert MARK not in terminal.text
        return code, terminal.text


def opened(text: str) -> str:
    """Return the address that was printed to be opened."""
    return next(word for word in text.split() if "/oauth/v2/authorize?" in word)


def test_consent_connects(person: Person) -> None:
    code, text = consented(person)
    assert code == 0, text
    assert "connected to Stand-in as @ingest" in text
    assert "distinctive-secret-oauth" in person.kept.read_text()


def test_the_scopes_are_asked_for_and_explained_before_the_browser(person: Person) -> None:
    asked = []
    _, text = consented(person, lambda address: asked.append(address) or person.slack.consent(address))  # type: ignore[func-returns-value]
    told = text[: text.index("/oauth/v2/authorize")]
    assert all(scope in told for scope in SCOPES)
    assert set(next(iter(person.slack.codes.values())).scopes) == set(SCOPES)


def test_reconcile_asks_for_the_history(person: Person) -> None:
    consented(person, None, "--reconcile")
    assert "channels:history" in next(iter(person.slack.codes.values())).scopes


def test_a_wrong_state_is_refused_and_nothing_exchanged(person: Person) -> None:
    code, text = consented(person, lambda address: f"{REDIRECT}?code=1&state=another")
    assert code == 78
    assert "the state in the address is not the one of this request" in text
    assert person.slack.requests == []


def test_an_address_of_an_earlier_request_is_refused(person: Person) -> None:
    earlier: list[str] = []
    consented(person, lambda address: earlier.append(person.slack.consent(address)) or "")  # type: ignore[func-returns-value]
    code, text = consented(person, lambda address: earlier[0])
    assert code == 78
    assert "the state" in text


def test_a_replayed_code_is_refused_with_the_remedy(person: Person) -> None:
    def replayed(address: str) -> str:
        pasted = person.slack.consent(address)
        for code in person.slack.codes.values():
            code.used = True
        return pasted

    code, text = consented(person, replayed)
    assert code == 78
    assert "code_already_used" in text
    assert "start again" in text
    assert not person.kept.exists()


def test_denied_consent_is_told(person: Person) -> None:
    code, text = consented(person, lambda address: person.slack.consent(address, allow=False))
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
def test_an_address_that_is_not_ours_is_refused(person: Person, pasted: str) -> None:
    code, text = consented(person, lambda address: pasted)
    assert code == 78
    assert "not the address that Slack sends the browser to" in text
    assert person.slack.requests == []


def test_a_wrong_client_secret_is_told_with_the_remedy(person: Person) -> None:
    code, text = consented(person, secret=f"{MARK}-wrong")
    assert code == 78
    assert "bad_client_secret" in text
    assert "Basic Information" in text


def test_a_token_without_the_scopes_is_refused(person: Person) -> None:
    person.slack.apps[CLIENT_ID].scopes = {"users:read"}
    code, text = consented(person)
    assert code == 78
    assert "lacks the scope chat:write" in text
    assert not person.kept.exists()


def test_an_app_whose_tokens_expire_is_refused(person: Person) -> None:
    person.slack.apps[CLIENT_ID].rotates = True
    code, text = consented(person)
    assert code == 78
    assert "token rotation is on" in text
    assert not person.kept.exists()


def test_a_redirect_address_of_the_teams_own(person: Person) -> None:
    own = "https://tools.example.com/slack"
    person.slack.apps[CLIENT_ID].redirects = [own]
    code, text = consented(person, None, "--redirect-url", own)
    assert code == 0, text


@pytest.mark.parametrize("address", ["http://localhost/x", "localhost", "https://", "https://[x"])
def test_a_redirect_address_that_slack_would_not_take_is_wrong_usage(person: Person, address: str) -> None:
    result = person.run("slack", "connect", "--oauth", "--redirect-url", address)
    assert result.code == 2
    assert "https://" in result.err


def test_the_id_and_the_secret_are_asked_for_when_the_environment_has_none(person: Person) -> None:
    with Terminal(PROGRAM, "slack", "connect", "--oauth", cwd=person.root, env=person.environment()) as terminal:
        terminal.expect("client id of the app: ")
        terminal.type(CLIENT_ID)
        terminal.expect("client secret (not shown): ")
        terminal.type(CLIENT_SECRET)
        terminal.type(person.slack.consent(opened(terminal.expect("that address (not shown): "))))
        assert terminal.wait() == 0, terminal.text
        assert MARK not in terminal.text


def test_without_a_terminal_everything_comes_by_stdin(person: Person) -> None:
    """A script that cannot see the state has no good address: it is refused, and nothing hangs."""
    result = person.run(
        "slack", "connect", "--oauth", stdin=f"{CLIENT_ID}\n{CLIENT_SECRET}\n{REDIRECT}?code=1&state=2\n"
    )
    assert result.code == 78
    assert "the state" in result.err


def test_the_client_secret_goes_by_http_basic_and_not_in_the_form(person: Person) -> None:
    consented(person)
    (request,) = [request for request in person.slack.requests if request.method == "oauth.v2.access"]
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
