"""`slack manifest` and the link that creates the app."""

import json
from urllib.parse import parse_qs, urlsplit

from ingestlayer_cli.operations.slack.scopes import creation_link
from tests.support.person import REDIRECT, SCOPES, Person


def test_the_manifest_asks_for_these_scopes(person: Person) -> None:
    document = person.run("slack", "manifest").json
    assert document["oauth_config"] == {"redirect_urls": [REDIRECT], "scopes": {"bot": list(SCOPES)}}
    assert document["settings"]["token_rotation_enabled"] is False


def test_with_reconcile_for_the_history_too(person: Person) -> None:
    scopes = person.run("slack", "manifest", "--reconcile", "--json").json["oauth_config"]["scopes"]["bot"]
    assert scopes == [*SCOPES, "channels:history"]


def test_it_needs_no_project(person: Person) -> None:
    assert person.run("slack", "manifest", cwd=person.home).code == 0


def test_a_redirect_address_of_ones_own(person: Person) -> None:
    document = person.run("slack", "manifest", "--redirect-url", "https://x.example/slack").json
    assert document["oauth_config"]["redirect_urls"] == ["https://x.example/slack"]
    assert person.run("slack", "manifest", "--redirect-url", "http://x.example/slack").code == 2


def test_it_keeps_to_slacks_limits(person: Person) -> None:
    """https://docs.slack.dev/reference/app-manifest: name 35 characters, description 140, bot's name 80."""
    document = person.run("slack", "manifest").json
    assert len(document["display_information"]["name"]) <= 35
    assert len(document["display_information"]["description"]) <= 140
    assert len(document["features"]["bot_user"]["display_name"]) <= 80


def test_the_link_holds_the_manifest() -> None:
    link = urlsplit(creation_link())
    query = parse_qs(link.query)
    assert (link.netloc, link.path, query["new_app"]) == ("api.slack.com", "/apps", ["1"])
    assert json.loads(query["manifest_json"][0])["oauth_config"]["scopes"]["bot"] == list(SCOPES)
