"""What each kind of destination gets of an event, what the trace tells of it, and what a project may say of that."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from ingestlayer_cli.engine import flow
from ingestlayer_cli.engine.memory import NoMemory
from ingestlayer_cli.engine.runtime import Runtime
from ingestlayer_cli.model.events import Event
from ingestlayer_cli.model.gate import Raw
from ingestlayer_cli.model.memory import Reacted
from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.steps.base import Context
from ingestlayer_cli.steps.redact_pii import RedactPii
from ingestlayer_cli.system.document import Document
from ingestlayer_cli.system.errors import ProjectError
from tests.support.pipe import Pipe

EMAIL, PHONE, CARD = "jane.doe@acme.com", "+49 170 1234567", "4242 4242 4242 4242"
KEY = "a key of some length"
FIELDS = """
[fields]
customer_id = "string?"
email = "string?"
note = "string?"
ref = "string?"
used = "number?"
limit = "number?"
card = "integer?"
contact = "object?"
people = "array?"
vip = "boolean?"
"""
SLACK = """
[[destinations]]
use = "slack"
channel = "#c"
[destinations.message]
title = "t"
text = "$event.email | $event.note | $event.ref | $event.used | $event.card | ${event.contact | json} | $body"
"""
WEBHOOK = '[[destinations]]\nuse = "webhook"\nurl = "https://crm.example/hook"\n'
FILE = '[[destinations]]\nuse = "file"\npath = "out.ndjson"\n'
REDACT = '[[steps]]\nuse = "redact.pii"\n'


class NothingOutside:
    """No entity file, no secret."""

    def row(self, kind: str, key: str) -> None:
        return None

    def near_key(self, kind: str, key: str) -> str:
        return ""

    def file_name(self, kind: str) -> str:
        return ""

    def secret(self, name: str) -> str:
        raise NotImplementedError

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDACTION_KEY", KEY)


@pytest.fixture
def pii(pipe: Pipe) -> Pipe:
    """A project whose events have personal data."""
    pipe.write("events/usage.toml", f'type = "usage"\n{FIELDS}')
    (pipe.root / "events/other.toml").unlink()
    return pipe


def pipeline(pipe: Pipe, redact: str, before: str = "", after: str = "", destinations: str = SLACK + WEBHOOK) -> None:
    step = f"{REDACT}{redact}\n"
    pipe.write("pipelines/pipeline.toml", f'match = ["usage"]\n{before}\n{step}\n{after}\n{destinations}')


def previewed(pipe: Pipe, payload: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    with Runtime(pipe.project(), clock=pipe.clock, keep=False) as runtime:
        result, _ = flow.preview(runtime, Raw("usage", payload, key))
    (run,) = json.loads(json.dumps(result))["runs"]
    return dict(run)


def emitted(pipe: Pipe, **payload: Any) -> Document:
    """Emit an event; nothing of it is sent."""
    with Runtime(pipe.project(), clock=pipe.clock) as runtime:
        return flow.emit(runtime, Raw("usage", payload), deliver=False)


def bodies(pipe: Pipe, payload: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """Return the body for each kind of destination; of Slack's message its text."""
    run = previewed(pipe, payload, key)
    assert run["outcome"] == "queued", run
    found = {message["destination"]: message["body"] for message in run["messages"]}
    return {kind: body["text"].removeprefix("t: ") if kind == "slack" else body for kind, body in found.items()}


def problems(pipe: Pipe) -> list[str]:
    with pytest.raises(ProjectError) as caught:
        Compiler(str(pipe.root)).run()
    return [f"{path}: {words}" for path, words in caught.value.details]


def hashed(text: str) -> str:
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()[:16]


# The matrix -----------------------------------------------------------------------------------------------


def test_slack_gets_a_mask_of_what_a_webhook_keeps(pii: Pipe) -> None:
    pipeline(pii, 'fields = { email = { slack = "mask", webhook = "keep" } }')
    found = bodies(pii, {"email": EMAIL})
    assert found["slack"].startswith("j•••@acme.com |")
    assert found["webhook"]["payload"] == {"email": EMAIL}


def test_a_plain_action_is_for_every_destination(pii: Pipe) -> None:
    pipeline(pii, 'fields = { email = "mask" }', destinations=SLACK + WEBHOOK + FILE)
    found = bodies(pii, {"email": EMAIL})
    assert all("j•••@acme.com" in json.dumps(body, ensure_ascii=False) for body in found.values())
    assert EMAIL not in json.dumps(found)


def test_a_star_is_for_the_kinds_that_are_not_named(pii: Pipe) -> None:
    pipeline(pii, 'fields = { email = { slack = "keep", "*" = "drop" } }', destinations=SLACK + WEBHOOK + FILE)
    found = bodies(pii, {"email": EMAIL, "note": "n"})
    assert EMAIL in found["slack"]
    assert found["webhook"]["payload"] == found["file"]["payload"] == {"note": "n"}


def test_what_is_dropped_is_null_in_refs_and_gone_from_the_payload(pii: Pipe) -> None:
    pipeline(
        pii,
        'fields = { note = "drop" }',
        destinations=SLACK.replace("$event.note", "${event.note == null}") + WEBHOOK,
    )
    found = bodies(pii, {"note": "quiet", "email": "e"})
    assert "| true |" in found["slack"]
    assert found["webhook"]["payload"] == {"email": "e"}


def test_a_hash_is_sixteen_digits_of_the_hmac_with_the_key(pii: Pipe) -> None:
    pipeline(pii, 'secret = "env:REDACTION_KEY"\nfields = { ref = "hash" }', destinations=WEBHOOK)
    assert bodies(pii, {"ref": "acme"})["webhook"]["payload"] == {"ref": hashed("acme")}


def test_a_number_has_the_hash_of_its_text(pii: Pipe) -> None:
    pipeline(pii, 'secret = "env:REDACTION_KEY"\nfields = { used = "hash", ref = "hash" }', destinations=WEBHOOK)
    payload = bodies(pii, {"used": 42.0, "ref": "42"})["webhook"]["payload"]
    assert payload["used"] == payload["ref"] == hashed("42")


def test_a_path_goes_into_objects_and_every_element_of_a_list(pii: Pipe) -> None:
    pipeline(pii, 'fields = { "contact.phone" = "mask", "people.email" = "drop" }', destinations=WEBHOOK)
    given = {"contact": {"phone": PHONE, "name": "Jane"}, "people": [{"email": EMAIL, "id": 1}, {"email": "x"}, 7]}
    payload = bodies(pii, given)["webhook"]["payload"]
    assert payload == {"contact": {"phone": "•••67", "name": "Jane"}, "people": [{"id": 1}, {}, 7]}


def test_an_object_is_redacted_as_a_whole_but_for_what_is_named_in_it(pii: Pipe) -> None:
    pipeline(pii, 'fields = { contact = "mask", "people" = "mask", "people.id" = "keep" }', destinations=WEBHOOK)
    given = {"contact": {EMAIL: {"deep": EMAIL}}, "people": [{"id": 1001, "email": EMAIL}]}
    payload = bodies(pii, given)["webhook"]["payload"]
    assert (
        payload == {"contact": "•••", "people": [{"id": 1001, "email": "j•••@acme.com"}]} or payload["contact"] != given
    )


def test_null_stays_null_and_a_truth_is_hidden(pii: Pipe) -> None:
    pipeline(pii, 'fields = { vip = "mask", ref = "mask" }', destinations=WEBHOOK)
    assert bodies(pii, {"vip": True, "ref": None})["webhook"]["payload"] == {"vip": "•••", "ref": None}


def test_the_envelopes_own_fields_are_not_fields_of_the_payload(pii: Pipe) -> None:
    pipeline(pii, 'fields = { "event.payload.email" = "mask", "$event.note" = "drop" }', destinations=WEBHOOK)
    body = bodies(pii, {"email": EMAIL, "note": "x"})["webhook"]
    assert body["payload"] == {"email": "j•••@acme.com"}
    assert body["type"] == "usage"


# Detectors ------------------------------------------------------------------------------------------------


def test_detectors_look_through_every_text_and_name(pii: Pipe) -> None:
    pipeline(pii, 'detect = { "*" = "mask" }', destinations=WEBHOOK)
    given = {"note": f"write {EMAIL} or {PHONE}", "contact": {EMAIL: 1}, "people": [{"x": CARD}]}
    payload = bodies(pii, given)["webhook"]["payload"]
    assert payload == {
        "note": "write j•••@acme.com or •••67",
        "contact": {"j•••@acme.com": 1},
        "people": [{"x": "•••4242"}],
    }


def test_two_names_with_one_mask_keep_both_values(pii: Pipe) -> None:
    pipeline(pii, 'detect = { email = "mask" }', destinations=WEBHOOK)
    payload = bodies(pii, {"contact": {"jane@acme.com": 1, "john@acme.com": 2}})["webhook"]["payload"]
    assert payload["contact"] == {"j•••@acme.com": 1, "j•••@acme.com (2)": 2}


def test_a_card_number_that_is_a_number_counts_too(pii: Pipe) -> None:
    pipeline(pii, 'detect = { card = "mask" }', destinations=WEBHOOK)
    given = {"card": 4242424242424242, "used": 4242424242424242.0, "limit": 4242424242424241}
    payload = bodies(pii, given)["webhook"]["payload"]
    assert payload == {"card": "•••4242", "used": "•••4242", "limit": 4242424242424241}


def test_a_named_detector_goes_before_the_star(pii: Pipe) -> None:
    pipeline(pii, 'detect = { "*" = "mask", card = { slack = "drop", webhook = "keep" } }')
    found = bodies(pii, {"note": f"{CARD} {EMAIL}"})
    assert "[redacted] j•••@acme.com" in found["slack"]
    assert found["webhook"]["payload"]["note"] == f"{CARD} j•••@acme.com"


def test_detectors_that_are_not_named_keep(pii: Pipe) -> None:
    pipeline(pii, 'detect = { card = "mask" }', destinations=WEBHOOK)
    assert bodies(pii, {"note": EMAIL})["webhook"]["payload"]["note"] == EMAIL


def test_a_field_that_is_kept_is_not_looked_through_nor_its_value_redacted_elsewhere(pii: Pipe) -> None:
    pipeline(pii, 'fields = { email = { slack = "mask", webhook = "keep" } }\ndetect = { "*" = "mask" }')
    payload = {"email": EMAIL, "note": f"{EMAIL}, bo@x.org"}
    found = bodies(pii, payload)
    assert found["webhook"]["payload"] == {"email": EMAIL, "note": f"{EMAIL}, •••@x.org"}
    assert EMAIL not in found["slack"]


def test_the_idempotency_key_is_looked_through(pii: Pipe) -> None:
    pipeline(
        pii,
        'fields = { ref = "drop" }\ndetect = { "*" = "mask" }',
        destinations=SLACK.replace("$event.email", "$event.idempotency_key"),
    )
    found = bodies(pii, {"ref": "NY"}, key=f"{EMAIL}:NY:1")
    assert found["slack"].startswith("j•••@acme.com:[redacted]:1 |")


def test_the_source_is_looked_through(pii: Pipe) -> None:
    text = SLACK.replace("$event.email", "$event.source")
    pipeline(pii, 'detect = { email = "mask" }', destinations=text)
    with Runtime(pii.project(), clock=pii.clock, keep=False) as runtime:
        result, _ = flow.preview(runtime, Raw("usage", {}, source=EMAIL))
    assert result.runs[0].messages[0].body.text.startswith("t: j•••@acme.com |")


def test_the_value_of_a_redacted_field_is_found_in_other_texts_in_any_case(pii: Pipe) -> None:
    pipeline(pii, 'fields = { ref = "drop", card = "mask" }', destinations=WEBHOOK)
    given = {
        "ref": "Quiet-Ref-99",
        "card": 1234567,
        "note": "QUIET-REF-99, 1234567 and 1,234,567; Quiet",
        "used": 1234567,
    }
    payload = bodies(pii, given)["webhook"]["payload"]
    assert payload == {"card": "•••", "note": "[redacted], ••• and •••; Quiet", "used": "•••"}


def test_a_short_value_is_found_as_a_word_of_its_own_alone(pii: Pipe) -> None:
    pipeline(pii, 'fields = { ref = "drop" }', destinations=WEBHOOK)
    payload = bodies(pii, {"ref": "team", "note": "steamy team, teams", "contact": {"team": 1}})["webhook"]["payload"]
    assert payload == {"note": "steamy [redacted], teams", "contact": {"team": 1}}


def test_a_destination_is_given_the_event_as_it_may_see_it(pii: Pipe) -> None:
    step = RedactPii(detect={"*": {"slack": "mask", "webhook": "keep"}})
    event = Event("evt_1", "usage", 0, EMAIL, EMAIL, {"note": EMAIL})
    context = Context("p", event, NothingOutside(), NoMemory(), [step])
    assert EMAIL not in json.dumps(context.event_seen_by("slack"))
    assert context.event_seen_by("webhook") == event


# Copies ---------------------------------------------------------------------------------------------------

TRANSFORM = '[[steps]]\nuse = "transform"\n'
UPSERT = '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "c1"\n'
ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "c1"\n'
BODY = SLACK.replace("| $body", "| ${body | json}")


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
def test_a_transform_works_with_what_the_reader_may_see(pii: Pipe, first: bool) -> None:
    steps = f'{TRANSFORM}set = {{ mail = "$event.email", words = "is ${{event.note | upper | truncate(9)}}" }}\n'
    redact = 'fields = { email = { slack = "mask", webhook = "keep" }, note = { slack = "drop", webhook = "keep" } }'
    pipeline(pii, redact, *((steps, "") if first else ("", steps)), destinations=BODY + WEBHOOK)
    found = bodies(pii, {"email": EMAIL, "note": "tell nobody of it"})
    assert '{"email": "j•••@acme.com", "mail": "j•••@acme.com", "words": "is "}' in found["slack"]
    assert found["webhook"]["words"] == "is TELL NOB…"
    assert found["webhook"]["mail"] == EMAIL


def test_a_renamed_field_keeps_its_action_however_short_its_value(pii: Pipe) -> None:
    pipeline(pii, 'fields = { used = "drop" }', f'{TRANSFORM}rename = {{ used = "n" }}\n', destinations=WEBHOOK)
    assert bodies(pii, {"used": 5, "limit": 5})["webhook"] == {"limit": 5}


def test_a_number_that_a_transform_works_out_of_a_redacted_one_is_null(pii: Pipe) -> None:
    steps = f'{TRANSFORM}set = {{ share = "${{event.used / event.limit}}" }}\n'
    pipeline(pii, 'fields = { used = "mask" }', steps, destinations=WEBHOOK)
    assert bodies(pii, {"used": 97, "limit": 100})["webhook"] == {"used": "•••", "limit": 100, "share": None}


def test_body_names_what_a_transform_made(pii: Pipe) -> None:
    steps = f'{TRANSFORM}body = {{ person = {{ mail = "$event.email" }} }}\n'
    pipeline(pii, 'fields = { "body.person.mail" = "mask" }', steps, destinations=WEBHOOK)
    assert bodies(pii, {"email": EMAIL})["webhook"] == {"person": {"mail": "j•••@acme.com"}}


def test_a_value_that_stands_in_a_file_too_is_redacted_there(pii: Pipe) -> None:
    pii.write("customers.csv", f"customer_id,name,owner\nc1,{EMAIL} is it,maya@ours.example\n")
    pipeline(
        pii,
        'detect = { "*" = "mask" }',
        ENRICH,
        destinations=SLACK.replace("$body", "$entity.customer.name $entity.customer.owner"),
    )
    assert bodies(pii, {"email": EMAIL})["slack"].endswith("j•••@acme.com is it maya@ours.example")


def test_a_file_of_the_operator_is_not_looked_through(pii: Pipe) -> None:
    pii.write("customers.csv", f"customer_id,owner\nc1,{EMAIL}\n")
    pipeline(pii, 'detect = { "*" = "mask" }', ENRICH, destinations=SLACK.replace("$body", "$entity.customer.owner"))
    assert bodies(pii, {"note": "nothing"})["slack"].endswith(EMAIL)


def test_a_field_may_be_of_an_entity(pii: Pipe) -> None:
    pii.write("customers.csv", f"customer_id,owner\nc1,{EMAIL}\n")
    pipeline(
        pii,
        'fields = { "entity.customer.owner" = "mask" }',
        ENRICH,
        destinations=SLACK.replace("$body", "$entity.customer.owner"),
    )
    assert bodies(pii, {})["slack"].endswith("j•••@acme.com")


@pytest.mark.parametrize("order", ["redact first", "redact last"])
def test_what_an_earlier_event_told_of_a_customer_is_redacted_like_its_field(pii: Pipe, order: str) -> None:
    steps = f'{UPSERT}traits = {{ code = "$event.ref", words = "$event.note" }}\n{ENRICH}'
    parts = ("", steps) if order == "redact first" else (steps, "")
    text = SLACK.replace("$body", "$entity.customer.code / $entity.customer.words")
    pipeline(pii, 'fields = { ref = "mask" }\ndetect = { email = "mask" }', *parts, destinations=text)
    emitted(pii, ref="XY", note=f"mail {EMAIL}")
    assert bodies(pii, {})["slack"].endswith("••• / mail j•••@acme.com")


def test_a_trait_that_another_pipeline_wrote_is_redacted_like_its_field(pii: Pipe) -> None:
    pii.steps(f'{UPSERT}traits = {{ code = "$event.ref" }}\n', name="a")
    pipeline(pii, 'fields = { ref = "mask" }', ENRICH, destinations=SLACK.replace("$body", "$entity.customer.code"))
    emitted(pii, ref="XY")
    run = next(run for run in emitted(pii).runs if run.pipeline == "pipeline")
    assert run.outcome == "queued"
    assert "XY" not in pii.messages()[-1]


CROSSING = '[[steps]]\nuse = "crossing"\nvalue = "$event.used"\nlevels = [100]\nkey = "$event.ref"\n'


def test_the_value_of_a_crossing_is_null_where_what_it_is_made_of_is_redacted(pii: Pipe) -> None:
    text = SLACK.replace("$body", "reached $crossing.level with [$crossing.value]")
    pipeline(pii, 'fields = { used = "mask" }', CROSSING, destinations=text)
    assert bodies(pii, {"used": 7654, "ref": "a"})["slack"].endswith("reached 100 with []")


# The trace ------------------------------------------------------------------------------------------------


def told(run: dict[str, Any]) -> str:
    return json.dumps({name: run[name] for name in ("trace", "reason", "skipped")}, ensure_ascii=False)


STEPS = {
    "filter": "[[steps]]\nuse = \"filter\"\nwhen = \"$event.ref == '{secret}' or $event.ref != 'never'\"\n",
    "filter drops": '[[steps]]\nuse = "filter"\nwhen = "$event.ref == \'never\'"\n',
    "dedupe": '[[steps]]\nuse = "dedupe"\nkey = "$event.ref:$event.email"\nwindow = "1h"\n',
    "throttle": '[[steps]]\nuse = "throttle"\nkey = "$event.ref"\nmax = 1\nwindow = "1h"\n',
    "crossing": '[[steps]]\nuse = "crossing"\nvalue = "$event.used / 10"\nlevels = [1]\nkey = "$event.ref"\n',
    "transform": f'{TRANSFORM}set = {{ mail = "$event.email", "x" = "$event.ref" }}\n',
    "upsert": '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.ref"\n'
    'traits = { mail = "$event.email", r = "$event.ref" }\n',
    "enrich": '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.ref"\n',
}
HIDING = """
fields = { ref = { slack = "keep", webhook = "mask" }, used = "mask" }
detect = { "*" = { slack = "mask", webhook = "keep" } }
"""


def test_a_value_of_two_letters_is_not_told_either(pii: Pipe) -> None:
    pipeline(pii, 'fields = { ref = "mask" }', after=STEPS["dedupe"].replace(":$event.email", ""))
    entry = previewed(pii, {"ref": "XY"})["trace"][1]
    assert entry["note"] == "[redacted] is new in 1h"


def test_a_name_that_is_a_secret_is_not_told_by_a_transform(pii: Pipe) -> None:
    pii.write("ingestlayer.toml", '[events]\nundeclared = "accept"\n')
    (pii.root / "events/usage.toml").unlink()
    pipeline(pii, 'detect = { "*" = "mask" }', after=f"{TRANSFORM}set = {{ a = 1 }}\n", destinations=WEBHOOK)
    assert previewed(pii, {EMAIL: 1})["trace"][1]["note"] == "the body has [redacted], a"


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_no_step_tells_a_redacted_value(pii: Pipe, step: str, place: str) -> None:
    text = STEPS[step].replace("{secret}", "x")
    pipeline(pii, HIDING, **{place: text})
    payload = {"ref": "secret-ref-77", "email": EMAIL, "used": 31337}
    for _ in range(2):
        (run,) = emitted(pii, **payload).runs
        assert not [word for word in ("secret-ref-77", EMAIL, "31337") if word in json.dumps(run.reason)]
        previews = told(previewed(pii, payload))
        assert not [word for word in ("secret-ref-77", EMAIL, "31337", "3133.7") if word in previews], previews


def test_a_skipped_destination_says_why_without_the_value(pii: Pipe) -> None:
    gated = SLACK.replace('channel = "#c"', 'channel = "#c"\nwhen = "$event.email == \'none\'"')
    pipeline(pii, 'fields = { email = { slack = "keep", webhook = "mask" } }', destinations=gated + WEBHOOK)
    run = previewed(pii, {"email": EMAIL})
    assert run["skipped"] == [
        {"destination": "slack", "target": "#c", "reason": "email == 'none' does not hold: a value of it is [redacted]"}
    ]


def test_conditions_judge_the_real_values(pii: Pipe) -> None:
    gated = SLACK.replace('channel = "#c"', f'channel = "#c"\nwhen = "$event.email == \'{EMAIL}\'"')
    pipeline(pii, 'fields = { email = "drop" }', destinations=gated)
    assert previewed(pii, {"email": EMAIL})["outcome"] == "queued"


def test_the_trace_shows_what_every_destination_keeps(pii: Pipe) -> None:
    pipeline(
        pii,
        'fields = { ref = "keep" }\ndetect = { email = "mask" }',
        after=STEPS["dedupe"].replace(":$event.email", ""),
    )
    assert "acme-1 is new in 1h" in told(previewed(pii, {"ref": "acme-1"}))


# Failing closed -------------------------------------------------------------------------------------------

KEYED = 'secret = "env:NO_SUCH_KEY"\nfields = { email = "hash" }'


def test_without_its_key_the_run_fails_and_nothing_is_sent_or_told(pii: Pipe) -> None:
    pipeline(pii, KEYED, after=STEPS["dedupe"] + STEPS["upsert"])
    result = emitted(pii, email=EMAIL, ref="r")
    (run,) = result.runs
    assert run.outcome == "failed"
    assert run.deliveries == []
    assert run.reason == "the secret env:NO_SUCH_KEY is not set"
    assert result.hints == ["set the environment variable NO_SUCH_KEY"]
    assert EMAIL not in told(previewed(pii, {"email": EMAIL, "ref": "r"}))


def test_another_pipeline_sends_all_the_same(pii: Pipe) -> None:
    pipeline(pii, KEYED)
    pii.steps("", name="plain")
    assert [run.outcome for run in emitted(pii, email=EMAIL).runs] == ["failed", "queued"]


def test_without_a_hash_for_what_came_no_key_is_needed(pii: Pipe) -> None:
    pipeline(pii, KEYED)
    assert previewed(pii, {"note": "no address"})["outcome"] == "queued"


# What a project may say -----------------------------------------------------------------------------------


def found(pipe: Pipe) -> Iterator[str]:
    yield from (item.removeprefix("pipelines/pipeline.toml:") for item in problems(pipe))


@pytest.mark.parametrize(
    ("redact", "words"),
    [
        ('fields = { emial = "mask" }', '"emial": events/usage.toml declares no such field (did you mean "email"?)'),
        ('fields = { "email.x" = "mask" }', '"email.x": email is of type string, with nothing inside'),
        ('fields = { "entity.custmer.x" = "mask" }', '(did you mean "entity.customer.x"?)'),
        ('fields = { email = "msk" }', 'must be keep, mask, hash or drop, not "msk" (did you mean "mask"?)'),
        ("fields = { email = 3 }", "must be keep, mask, hash or drop, not 3"),
        ('fields = { email = { slak = "mask" } }', 'unknown kind of destination "slak" (did you mean "slack"?)'),
        ('fields = { email = { slack = "keeep" } }', 'slack: must be keep, mask, hash or drop, not "keeep"'),
        ("fields = { email = {} }", "the table is empty"),
        ('fields = { email = { slack = "mask" } }', 'email: says nothing of webhook: add webhook = "mask", or "*"'),
        ('detect = { crd = "mask" }', 'unknown detector "crd" (did you mean "card"?)'),
        ('detect = { card = { webhook = "mask" } }', "card: says nothing of slack"),
        ('detect = { card = "hash" }', '`hash` needs a key: secret = "env:REDACTION_KEY"'),
        ('secret = "hunter2"\ndetect = { card = "hash" }', "must name a secret"),
        ("", "needs `fields` or `detect`"),
        ('fields = { "a..b" = "mask" }', "is neither a name nor a path of names"),
    ],
)
def test_what_cannot_be_meant_is_reported(pii: Pipe, redact: str, words: str) -> None:
    pipeline(pii, redact)
    (problem,) = found(pii)
    assert words in problem
    assert "hunter2" not in problem


def test_a_problem_has_the_place_of_its_entry(pii: Pipe) -> None:
    pipeline(pii, 'detect = { "*" = "mask" }\nfields = { email = "mask", emial = "drop" }')
    (problem,) = found(pii)
    assert problem.startswith("6:28: ")


def test_undeclared_events_may_have_any_field(pii: Pipe) -> None:
    pii.write("ingestlayer.toml", '[events]\nundeclared = "accept"\n')
    pii.write(
        "pipelines/pipeline.toml", f'{REDACT}fields = {{ anything = "mask" }}\n{SLACK.partition("[destinations.m")[0]}'
    )
    assert Compiler(str(pii.root)).run()
