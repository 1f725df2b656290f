"""The sample batch of every recipe against Slack: which messages stand where in the end, and which do not."""

from pathlib import Path

import pytest

from ingestlayer_cli import recipes
from tests.support.recipes import connected, emitted, posted
from tests.support.standin import SlackStandin

# Of each: how many events are accepted, are duplicates, and how many runs drop theirs; then the titles by channel as
# they stand at the end, edited ones as the last edit left them, replies with `> ` below the first of their thread.
SAMPLES: dict[str, tuple[tuple[int, int, int], dict[str, list[str]]]] = {
    "canceled-subscriptions": (
        (7, 1, 1),
        {
            "#churn": [
                "Acme Inc canceled pro",
                "Globex GmbH canceled team",
                "Umbrella & Sons canceled team",
                "A customer canceled team",
                "Initech canceled enterprise",
                "Acme Inc canceled pro",
            ],
            "#customer-success": [
                "Umbrella & Sons can still be saved",
                "A customer can still be saved",
            ],
            "#leadership": [
                "We lose Initech: 12,500 a month",
            ],
            "@jon@ourcompany.example": [
                "Globex GmbH can still be saved",
            ],
            "@maya@ourcompany.example": [
                "Acme Inc can still be saved",
                "Initech can still be saved",
                "Acme Inc can still be saved",
            ],
        },
    ),
    "failed-logins": (
        (20, 1, 13),
        {
            "#alerts": [
                "Somebody tries to get into an account of the role admin",
            ],
            "#security": [
                "20 failed logins: g•••@acme.example",
                "> 5 failed logins: g•••@acme.example",
                "> 20 failed logins: g•••@acme.example",
                "5 failed logins: u•••@mail.example",
                "6 failed logins: u•••@mail.example",
                "7 failed logins: u•••@mail.example",
                "118 failed logins: b•••@initech.example",
                "> 24 failed logins: b•••@initech.example",
                "> 118 failed logins: b•••@initech.example",
            ],
        },
    ),
    "failed-payments": (
        (13, 1, 4),
        {
            "#alerts": [
                "Initech has paid: 12,500 EUR",
                "> Initech does not pay: 12,500 EUR",
                "> Initech has paid: 12,500 EUR",
                "Acme Inc has paid: 1,900 EUR",
                "> Acme Inc does not pay: 1,900 EUR",
                "> Acme Inc has paid: 1,900 EUR",
                "Globex GmbH does not pay: 490 EUR",
                "> Globex GmbH does not pay: 490 EUR",
                "> Globex GmbH does not pay: 490 EUR",
            ],
            "#billing": [
                "Acme Inc has paid",
                "> Acme Inc: try 1 failed",
                "> Acme Inc: try 2 failed",
                "> Acme Inc: try 3 failed",
                "> Acme Inc has paid",
                "Initech has paid",
                "> Initech: try 1 failed",
                "> Initech has paid",
                "Globex GmbH: try 4 failed",
                "> Globex GmbH: try 2 failed",
                "> Globex GmbH: try 3 failed",
                "> Globex GmbH: try 4 failed",
            ],
        },
    ),
    "feature-usage": (
        (13, 1, 6),
        {
            "#growth": [
                "Globex GmbH outgrows team",
                "Hooli outgrows free",
            ],
            "#product": [
                "Globex GmbH relies on audit-log",
                "> Globex GmbH tries audit-log",
                "> Globex GmbH relies on audit-log",
                "Acme Inc relies on api",
                "> Acme Inc tries api",
                "> Acme Inc relies on api",
                "Hooli relies on export",
                "> Hooli tries export",
                "> Hooli relies on export",
                "Initech relies on sso",
            ],
        },
    ),
    "file-uploads": (
        (15, 1, 22),
        {
            "#operations": [
                "Initech uploaded 4.2 GB",
                "The virus scanner fails",
            ],
            "#security": [
                "Infected file at Globex GmbH",
                "Acme Inc made a file public",
                "Infected file at Umbrella & Sons",
                "Infected file at Umbrella & Sons",
                "Infected file at Umbrella & Sons",
                "Infected file at Umbrella & Sons",
            ],
        },
    ),
    "form-submissions": (
        (9, 1, 2),
        {
            "#feedback": [
                "Feedback",
                "> Feedback",
                "> Feedback",
                "Feedback",
            ],
            "#inbox": [
                "Omar's Shop writes",
            ],
            "#sales": [
                "Wayne Enterprises wants a demo",
                "Somebody wants a demo",
            ],
        },
    ),
    "new-subscriptions": (
        (7, 1, 2),
        {
            "#big-deals": [
                "Wonka <Sweets>: 2,400 a month",
                "Initech: 12,500 a month",
            ],
            "#revenue": [
                "Umbrella & Sons bought team",
                "Hooli bought pro",
                "Wonka <Sweets> bought pro",
                "Globex GmbH bought team",
                "Initech bought enterprise",
            ],
        },
    ),
    "quota-check": (
        (9, 1, 3),
        {
            "#alerts": [
                "Acme Inc is at 82% of api-calls",
                "Acme Inc is at 81.5% of api-calls",
                "Globex GmbH is at 92% of seats",
                "Acme Inc is at 102.5% of api-calls",
                "Initech is at 102% of storage",
                "A customer is at 100% of seats",
            ],
        },
    ),
    "successful-payments": (
        (14, 1, 3),
        {
            "#revenue": [
                "Initech paid 12,500 EUR",
                "First payment from Hooli",
                "First payment from a new customer",
                "Acme Inc paid 1,000 EUR",
                "Acme Inc paid 1,001 EUR",
                "Acme Inc paid 1,002 EUR",
                "Acme Inc paid 1,003 EUR",
                "Acme Inc paid 1,004 EUR",
                "Acme Inc paid 1,005 EUR",
                "Acme Inc paid 1,006 EUR",
                "Acme Inc paid 1,900 EUR",
            ],
        },
    ),
    "support-escalations": (
        (9, 1, 2),
        {
            "#acct-initech": [
                "Initech: ticket 4711 is on level 3",
                "> Initech: ticket 4711 is on level 1",
                "> Initech: ticket 4711 is on level 2",
                "> Initech: ticket 4711 is on level 3",
            ],
            "#alerts": [
                "Initech waits for 10.5 h",
                "> Initech waits for 6.5 h",
                "> Initech waits for 10.5 h",
                "Globex GmbH waits for 25 h",
            ],
            "#support": [
                "Acme Inc: ticket 4714 is on level 1",
                "Globex GmbH: ticket 4713 is on level 3",
                "> Globex GmbH: ticket 4713 is on level 2",
                "> Globex GmbH: ticket 4713 is on level 3",
                "A customer: ticket 4715 is on level 1",
            ],
        },
    ),
    "trial-conversions": (
        (6, 2, 0),
        {
            "#customer-success": [
                "Wayne Enterprises is a customer now: say thanks",
                "Vandelay Industries is a customer now: say thanks",
            ],
            "#growth": [
                "Hooli converted to pro",
                "Nina's Bakery converted to team",
                "Stark Labs converted to pro",
                "Wayne Enterprises converted to enterprise",
                "Vandelay Industries converted to team",
                "Tom's Garage converted to team",
            ],
            "#product": [
                "Stark Labs did not need the trial",
                "Vandelay Industries did not need the trial",
            ],
            "@jon@ourcompany.example": [
                "Hooli is a customer now: say thanks",
            ],
        },
    ),
    "usage-limit-hits": (
        (16, 1, 5),
        {
            "#alerts": [
                "Hooli is out of storage",
                "Hooli is out of storage",
                "Resolved: Initech is out of storage",
                "> Initech is out of storage",
                "> Resolved: Initech is out of storage",
                "Acme Inc is out of api-calls",
            ],
            "#growth": [
                "Acme Inc nears the limit of api-calls",
                "> Acme Inc nears the limit of api-calls",
                "> Acme Inc nears the limit of api-calls",
                "Globex GmbH nears the limit of seats",
                "> Globex GmbH nears the limit of seats",
                "> Resolved: Globex GmbH nears the limit of seats",
                "> Globex GmbH nears the limit of seats",
                "Initech nears the limit of storage",
            ],
        },
    ),
    "user-signups": (
        (11, 1, 3),
        {
            "#customer-success": [
                "Acme Inc gets a new user",
                "> Acme Inc gets a new user",
                "> Acme Inc gets a new user",
                "Umbrella & Sons gets a new user",
            ],
            "#sales": [
                "Vandelay Industries signed up",
                "Stark Labs signed up",
            ],
            "#signups": [
                "Somebody signed up",
                "Nina's Bakery signed up",
            ],
        },
    ),
    "waitlist-signups": (
        (10, 1, 9),
        {
            "#growth": [
                "The waitlist has 100 people",
                "The waitlist has 250 people",
            ],
            "#waitlist": ["9 more on the waitlist"],
        },
    ),
    "webhook-events": (
        (13, 1, 3),
        {
            "#alerts": [
                "The nightly backup failed",
                "checkout is down",
            ],
            "#integrations": [
                "v42 is live",
                "> v43 is live",
                "The build of main failed",
                "checkout answers slowly",
                "checkout answers slowly",
                "checkout answers slowly",
                "checkout answers slowly",
                "v44 is live",
            ],
        },
    ),
}

each = pytest.mark.parametrize("name", recipes.names())


def test_every_recipe_has_a_sample_here() -> None:
    assert sorted(SAMPLES) == recipes.names()


@each
def test_a_sample_ends_in_these_messages_and_no_other(name: str, tmp_path: Path, furnished: SlackStandin) -> None:
    project = connected(tmp_path / "project", furnished, name)
    found = emitted(project, project.root / recipes.about(name).sample)
    (accepted, duplicates, dropped), messages = SAMPLES[name]
    assert (found["accepted"], found["duplicates"], found["rejected"]) == (accepted, duplicates, 0)
    assert (found["runs"]["dropped"], found["runs"]["failed"]) == (dropped, 0)
    copies = [id_ for id_ in furnished.by_delivery() if id_.endswith("/first")]  # of what a thread began with
    in_one = project.count("deliveries WHERE carried_by IS NOT NULL")
    assert sum(found["deliveries"].values()) == len(furnished.messages) - len(copies) + in_one
    assert posted(furnished) == messages


@each
def test_a_sample_that_is_sent_twice_posts_once(name: str, tmp_path: Path, furnished: SlackStandin) -> None:
    project = connected(tmp_path / "project", furnished, name)
    for _ in range(2):
        emitted(project, project.root / recipes.about(name).sample)
    assert posted(furnished) == SAMPLES[name][1]


def test_recipes_in_one_project_do_not_disturb_each_other(tmp_path: Path, furnished: SlackStandin) -> None:
    project = connected(tmp_path / "project", furnished, *recipes.names())
    for name in recipes.names():
        result = emitted(project, project.root / recipes.about(name).sample)
        assert (result["rejected"], result["runs"]["failed"]) == (0, 0), name
    together = posted(furnished)
    for name in recipes.names():
        if not recipes.about(name).entities:  # what others teach of customers changes words of the rest
            for channel, titles in SAMPLES[name][1].items():
                assert set(titles) <= set(together[channel]), name


PERSONAL = {
    "user-signups": ["rosa.klein", "tom@", "walter@", "saul@"],
    "waitlist-signups": ["ada@", "lin@", "1234567"],
    "form-submissions": ["ines.moreau", "omar@", "23 45 67"],
    "failed-logins": ["greta.holm", "203.0.113.77", "192.0.2.66"],
    "file-uploads": ["Rosa_Klein", "Invoice November"],
    "support-escalations": ["bill.lumbergh", "hunter2secret"],
    "canceled-subscriptions": ["pat@"],
    "webhook-events": ["s3cret-pass"],
}


@pytest.mark.parametrize("name", PERSONAL)
def test_what_is_personal_or_secret_reaches_neither_slack_nor_the_trace(
    name: str, tmp_path: Path, furnished: SlackStandin
) -> None:
    project = connected(tmp_path / "project", furnished, name)
    sample = project.root / recipes.about(name).sample
    emitted(project, sample)
    sent = "".join(str(request.params) for request in furnished.requests)
    traces = str(project.rows("SELECT * FROM runs")) + str(project.rows("SELECT * FROM deliveries"))
    for words in PERSONAL[name]:
        assert words in sample.read_text(), words
        assert words not in sent
        assert words not in traces


def test_what_a_subscription_teaches_is_seen_by_another_recipe(tmp_path: Path, furnished: SlackStandin) -> None:
    project = connected(tmp_path / "project", furnished, "new-subscriptions", "feature-usage")
    subscription = '{"subscription_id": "s", "customer_id": "globex", "company": "Globex GmbH", "plan": "pro", '
    subscription += '"interval": "month", "mrr": 990, "seats": 9, "sold_by": "sales"}'
    assert project.here("emit", "subscription.created", "--data", subscription, "-q").code == 0
    assert project.here("emit", "feature.used", "customer_id=globex", "feature=sso", "uses=150", "-q").code == 0
    assert posted(furnished) == {
        "#revenue": ["Globex GmbH bought pro"],
        "#product": ["Globex GmbH relies on sso"],  # and nobody in #growth is told that they outgrow the plan of before
    }
