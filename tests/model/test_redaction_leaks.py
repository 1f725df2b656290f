"""Five hundred planted secrets, pipelines of all steps in random orders: none of them reaches anybody."""

import json
import random
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.support.bench import Bench
from tests.support.planted import KINDS, written

SECRETS = 500
PER_EVENT = 10
FIELDS = ("email", "note", "ref", "code", "more", "tags", "deep")
DECLARATION = """
type = "usage"
[fields]
customer_id = "string"
used = "number"
limit = "number"
email = "string?"
note = "string?"
ref = "string?"
code = "string?"
card = "number?"
more = "object?"
tags = "array?"
"""
STEPS = {
    "filter": "use = 'filter'\nwhen = \"$event.email != 'nobody' and $event.note contains '{word}'\"",
    "filter.drop": "use = 'filter'\nwhen = \"$event.note == $event.code or $event.ref == 'nobody'\"",
    "dedupe": 'use = "dedupe"\nkey = "$event.customer_id:$event.email:$event.code"\nwindow = "1h"',
    "throttle": 'use = "throttle"\nkey = "$event.ref $event.note"\nmax = 1\nwindow = "1h"',
    "crossing": 'use = "crossing"\nvalue = "$event.used / $event.limit"\nlevels = [0.5, 1]\nkey = "$event.note"',
    "crossing.card": 'use = "crossing"\nvalue = "$event.card"\nlevels = [1]\nkey = "$event.email:$event.code"',
    "transform": 'use = "transform"\nbody = {{ who = "$event.email", all = "${{event.more | json}}", n = "$event.card",'
    ' words = "so: $event.note, ${{event.ref | upper}}", c = "${{event.code | truncate(30)}}", t = "$event.tags" }}',
    "transform.parts": 'use = "transform"\nrename = {{ email = "mail", note = "contact.note" }}\nremove = ["ref"]\n'
    'set = {{ "deep.code" = "$event.code", "deep.card" = "${{event.card | number}}" }}',
    "upsert.entity": 'use = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer_id"\n'
    'traits = {{ mail = "$event.email", words = "[$event.note]", code = "$event.code", more = "$event.more",'
    ' from_body = "${{body | json}}", card = "$event.card" }}',
    "enrich.entity": 'use = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"',
    "enrich.secret": 'use = "enrich.entity"\nkind = "customer"\nkey = "$event.email"',
}
DESTINATIONS = """
[[destinations]]
use = "slack"
channel = "#alerts"
thread = "$event.note:$event.email"
mention = "$event.email, $entity.customer.mail"
[destinations.message]
title = "$event.email $event.ref"
text = "$event.note $event.card ${event.more | json} ${body | json} ${event.payload | json} ${crossing | json}"
fields = { Key = "$event.idempotency_key", Traits = "${entity | json}", Code = "$event.code", All = "${event | json}" }
context = "$entity.customer.words $entity.customer.code ${event.card | number}"
buttons = [{ text = "$event.ref", url = "https://crm.example/?a=$event.email&b=$event.code" }]

[[destinations]]
use = "slack"
channel = "#rest"

[[destinations]]
use = "slack"
channel = "#never-$event.ref"
channel_default = "#never"
when = "$event.email == 'nobody' or $event.note == $event.code"
"""
MATRICES = [
    'detect = { "*" = "mask" }\nfields = { ref = "drop", code = "hash" }',
    'detect = { "*" = { slack = "drop" } }\nfields = { ref = { slack = "mask" }, code = { slack = "mask" } }',
    'detect = { "*" = "hash" }\nfields = { ref = "hash", code = "drop", more = { slack = "hash" }, tags = "mask" }',
]


def shuffled(chance: random.Random, number: int) -> str:
    """Return a pipeline of some of the steps in some order, the redaction anywhere among them."""
    key = "env:NO_SUCH_KEY" if number % 7 == 6 else "env:REDACTION_KEY"
    redact = f'use = "redact.pii"\nsecret = "{key}"\n{chance.choice(MATRICES)}'
    names = chance.sample(
        [name for name in STEPS if name != "filter.drop" or number % 5 == 4], k=chance.randrange(2, 9)
    )
    steps = [STEPS[name].format(word="e" if number % 2 else "") for name in names]
    steps.insert(chance.randrange(len(steps) + 1), redact)
    return "match = ['usage']\n" + "".join(f"[[steps]]\n{step}\n" for step in steps) + DESTINATIONS


class Planted:
    """An event with secrets in its values, its names, and its idempotency key."""

    def __init__(self, chance: random.Random, kinds: list[str]) -> None:
        self.secrets = [KINDS[kind](chance) for kind in kinds]
        text = [written(kind, secret) for kind, secret in zip(kinds, self.secrets, strict=True)]
        # Of no shape that a detector knows: their fields are named.
        self.named = ["".join(chance.choices("abcdefghijklmnop", k=12)) for _ in range(2)]
        card = KINDS["card"](chance).replace(" ", "").replace("-", "")
        self.secrets += [card, f"{int(card):,}"]
        self.payload = {
            "customer_id": f"c{chance.randrange(4)}",
            "used": chance.randrange(1, 200),
            "limit": 100,
            "email": text[0],
            "note": f"they wrote: {text[1]} and then {text[2]}, {text[3]}",
            "ref": self.named[0],
            "code": f"{self.named[1]} {text[4]}",
            "card": int(card),
            "more": {"a": {"b": [text[5], {"c": f'x\n{text[6]}\n"y"'}]}, text[7]: 1},
            "tags": [text[8], f"about {text[9]}"],
        }
        self.key = " ".join(f"{text[0]}:{self.named[0]}:{text[9]}".split())[:500]


def without_the_event(data: Any) -> Any:
    """Return a document without what tells the event itself."""
    if isinstance(data, dict):
        own = ("payload", "idempotency_key")
        return {name: without_the_event(value) for name, value in data.items() if name not in own}
    return [without_the_event(item) for item in data] if isinstance(data, list) else data


@pytest.fixture(scope="module")
def planted() -> list[Planted]:
    chance = random.Random(17)
    kinds = [kind for kind in KINDS for _ in range(SECRETS // len(KINDS) + 1)][:SECRETS]
    chance.shuffle(kinds)
    return [Planted(chance, kinds[at : at + PER_EVENT]) for at in range(0, SECRETS, PER_EVENT)]


def project(bench: Bench, known: str = "") -> None:
    """Write a project whose customers' file has one row by an address."""
    bench.write("events/usage.toml", DECLARATION)
    bench.write("customers.csv", f'customer_id,name\nc1,Acme Inc\n"{known or "c2"}",Known by address\n')
    settings = (bench.root / "ingestlayer.toml").read_text().partition("[events]")[0]
    bench.write("ingestlayer.toml", f'{settings}[entities.customer]\nfile = "customers.csv"\nkey = "customer_id"\n')


def test_none_of_500_secrets_reaches_slack_a_row_the_output_or_an_error(
    bench: Bench, planted: list[Planted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDACTION_KEY", "a key of some length")
    chance = random.Random(23)
    project(bench, known=str(planted[0].payload["email"]))
    (bench.root / "pipelines/alert.toml").unlink()
    for number in range(7):
        bench.pipeline(shuffled(chance, number), f"p{number:02}")

    said: list[str] = []
    outcomes: dict[str, int] = {}
    for number, event in enumerate(planted):
        bench.write("payload.json", json.dumps(event.payload, ensure_ascii=False))
        data = ("usage", "--data", f"@{bench.root}/payload.json", "--key", event.key)
        others = [bench.run("preview", *data, "--json")] if number % 3 == 0 else []
        emitted = bench.run("emit", *data, "--json")
        if others == []:
            asked = ("why", "@last") if number % 3 == 1 else ("preview", "--event", "@last")
            others = [bench.run(*asked, "--json")]
        for result in (emitted, *others):
            said += [json.dumps(without_the_event(result.json), ensure_ascii=False), result.err]
        assert "runs" in emitted.json, emitted.out
        for run in emitted.json["runs"]:
            outcomes[run["outcome"]] = outcomes.get(run["outcome"], 0) + 1
            if number % 10 == 0:
                said += [bench.run("deliveries", "show", row["id"]).out for row in run["deliveries"][:1]]
        if number % 10 == 0:
            again = bench.run("emit", *data[:3], "--key", f"again {number}")
            said += [again.out, again.err, bench.run("deliveries", "list").out]
    said.append(bench.run("deliveries", "list", "--json").out)
    replayed = bench.run("replay", "--type", "usage", "--yes", "--again", "--json")
    said += [replayed.out, replayed.err]
    backtested = bench.run("backtest", "--json")
    said += [json.dumps(without_the_event(backtested.json), ensure_ascii=False), backtested.err]
    said += [
        json.dumps([request.method, request.channel, request.params], ensure_ascii=False)
        for request in bench.slack.requests
    ]
    with closing(sqlite3.connect(bench.root / ".ingestlayer/store.db")) as connection:
        for table in ("runs", "deliveries", "attempts", "lanes"):
            said += [str(value) for row in connection.execute(f"SELECT * FROM {table}") for value in row]

    assert outcomes.keys() == {"queued", "dropped", "failed"}
    assert len(bench.slack.messages) > 100
    assert leaked(planted, said) == []


def leaked(planted: list[Planted], said: list[str]) -> list[str]:
    """Return the secrets that stand in texts, in any case, as they are or as JSON has them."""
    everything = "\n".join({part for text in set(said) for part in text.lower().split('"')})  # the same stands often
    secrets = [secret for event in planted for secret in [*event.secrets, *event.named]]
    assert len(secrets) >= SECRETS
    assert not any('"' in secret for secret in secrets)
    forms = {secret: {secret.lower(), json.dumps(secret)[1:-1].lower()} for secret in secrets}
    return [secret for secret, written_so in forms.items() if any(form in everything for form in written_so)]


def test_without_the_redaction_they_all_would(bench: Bench, planted: list[Planted]) -> None:
    project(bench)
    bench.pipeline(f"match = ['usage']\n{DESTINATIONS}")
    said = []
    for event in planted:
        bench.write("payload.json", json.dumps(event.payload, ensure_ascii=False))
        result = bench.run("preview", "usage", "--data", f"@{bench.root}/payload.json", "--key", event.key, "--json")
        said.append(json.dumps(result.json["runs"], ensure_ascii=False))
    assert len(leaked(planted, said)) > SECRETS
