"""Each check beyond syntax: where it warns, and the nearest case where it must not."""

from pathlib import Path

import pytest

from ingestlayer_cli.project.lint.inspect import inspect
from tests.support.validate import BASE, project_of, with_lines

FILTER = '[[steps]]\nuse = "filter"\nwhen = "{}"\n'
DESTINATION = '[[destinations]]\nuse = "slack"\nchannel = "#alerts"\n'
MESSAGE = "[destinations.message]\n"


def found(root: Path, files: dict[str, str]) -> list[str]:
    """Return what is found, without the names of the files: `error 9:12 words`."""
    project_of(root, files)
    return [f"{it.severity} {it.line}:{it.column} {it.problem}" for it in inspect(str(root))]


def piped(steps: str, destination: str = "") -> dict[str, str]:
    """Return the base project with steps before its destination, and lines after it."""
    head, _, rest = BASE["pipelines/alert.toml"].partition("[[destinations]]")
    return {**BASE, "pipelines/alert.toml": f"{head}{steps}[[destinations]]{rest}{destination}"}


def filtered(first: str, when: str) -> dict[str, str]:
    return piped(FILTER.format(first), f'when = "{when}"\n')


def second(text: str) -> dict[str, str]:
    """Return the base project with a second pipeline."""
    return {**BASE, "pipelines/second.toml": text}


LONG = "N" * 180
CUSTOMERS = "id,name,mail,mrr\na,{},x@y.example,5\n"
ACCOUNTS = '[entities.account]\nfile = "customers.csv"\nkey = "id"\n'
ENRICH_ACCOUNT = '[[steps]]\nuse = "enrich.entity"\nkind = "account"\nkey = "$event.customer"\n'
KEY = "[idempotency]\nkey = '{}'\n"
OTHER = 'type = "other"\n[fields]\nmetric = { enum = ["storage"] }\n'

UPSERT = (
    '[[steps]]\nuse = "upsert.entity"\nkind = "customer"\nexternal_id = "$event.customer"\n'
    'traits = { used = "$event.used" }\n'
)

CASES = {
    "a pipeline that nothing comes of": (
        second(FILTER.format("$event.used > 5")),
        second(UPSERT),
    ),
    "a column": (
        with_lines(pipeline='mention = "$entity.customer.maul"\n'),
        with_lines(pipeline='mention = "$entity.customer.mail"\n'),
    ),
    "inside an object": (
        with_lines(pipeline='mention = "$event.note.x"\n'),
        with_lines(pipeline='mention = "$event.bag.x"\n'),
    ),
    "inside the payload": (
        with_lines(pipeline='mention = "$event.payload.used.x"\n'),
        with_lines(pipeline='mention = "$event.payload.bag.x"\n'),
    ),
    "an entity that is enriched": (
        piped(FILTER.format("$entity.account.mrr > 5") + ENRICH_ACCOUNT)
        | {"ingestlayer.toml": BASE["ingestlayer.toml"] + ACCOUNTS},
        piped(ENRICH_ACCOUNT + FILTER.format("$entity.account.mrr > 5"))
        | {"ingestlayer.toml": BASE["ingestlayer.toml"] + ACCOUNTS},
    ),
    "a constant": (
        with_lines(pipeline='when = "2 < 1"\n'),
        with_lines(pipeline='when = "1 < 2"\n'),
    ),
    "null on its own": (
        with_lines(pipeline='when = "$event.plan < null"\n'),
        with_lines(pipeline='when = "$event.plan == null"\n'),
    ),
    "null beside or": (
        with_lines(pipeline='when = "$event.used / 0 > 1 or null"\n'),
        with_lines(pipeline='when = "$event.used / 0 > 1 or $event.paid"\n'),
    ),
    "null and a default": (
        with_lines(pipeline=MESSAGE + 'title = "${event.used / 0}"\n'),
        with_lines(pipeline=MESSAGE + "title = \"${event.used / 0 | default('none')}\"\n"),
    ),
    "dates are no numbers": (
        with_lines(pipeline='when = "$event.day > 5"\n'),
        with_lines(pipeline="when = \"$event.day > '2026-11-03'\"\n"),
    ),
    "texts may be numbers": (
        with_lines(pipeline='when = "$event.metric > 5"\n'),
        with_lines(pipeline='when = "$event.plan > 5"\n'),
    ),
    "a value of the enum": (
        with_lines(pipeline="when = \"$event.metric == 'seat'\"\n"),
        with_lines(pipeline="when = \"$event.metric == 'seats'\"\n"),
    ),
    "a part of a value": (
        with_lines(pipeline="when = \"$event.metric contains 'seatz' and $event.used > 1\"\n"),
        with_lines(pipeline="when = \"$event.metric contains 'seat' and $event.used > 1\"\n"),
    ),
    "a value of one of two declarations": (
        with_lines(pipeline="when = \"$event.metric == 'disk'\"\n")
        | {
            "events/other.toml": OTHER,
            "pipelines/other.toml": 'match = ["other"]\n' + DESTINATION.replace("alerts", "x"),
        },
        with_lines(pipeline="when = \"$event.metric == 'storage'\"\n")
        | {
            "events/other.toml": OTHER,
            "pipelines/other.toml": 'match = ["other"]\n' + DESTINATION.replace("alerts", "x"),
        },
    ),
    "the negation of the filter": (
        filtered("$event.used > 5", "not ($event.used > 5)"),
        filtered("$event.used > 5", "not ($event.used > 6)"),
    ),
    "the negation with the sides swapped": (
        filtered("$event.used > $event.limit", "$event.limit >= $event.used"),
        filtered("$event.used > $event.limit", "$event.limit >= $event.used - 1"),
    ),
    "another value of the enum": (
        filtered("$event.metric == 'seats'", "$event.metric != 'seats'"),
        filtered("$event.metric == 'seats'", "$event.metric != 'storage'"),
    ),
    "one of the filter's two": (
        filtered("$event.used > 5 and $event.paid", "$event.used > 5 and not $event.paid"),
        filtered("$event.used > 5 or $event.paid", "$event.used > 5 and not $event.paid"),
    ),
    "another filter": (
        piped(FILTER.format("$event.paid") + FILTER.format("not $event.paid")),
        piped(FILTER.format("$event.paid") + FILTER.format("$event.used > 1")),
    ),
    "what an enrichment changes": (
        piped(FILTER.format("$entity.customer.mrr > 5") + FILTER.format("$entity.customer.mrr <= 5")),
        piped(
            FILTER.format("$entity.customer.mrr > 5")
            + '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.plan"\n'
            + FILTER.format("$entity.customer.mrr <= 5")
        ),
    ),
    "two pipelines of one channel": (
        second('match = ["usage"]\n' + DESTINATION),
        second('match = ["usage"]\n' + DESTINATION.replace("alerts", "other")),
    ),
    "two pipelines, one paused": (
        second(DESTINATION),
        second('status = "paused"\n' + DESTINATION),
    ),
    "two pipelines that share the events": (
        with_lines(pipeline='when = "$event.used > 5"\n')
        | {"pipelines/second.toml": DESTINATION + 'when = "$event.used > 4"\n'},
        with_lines(pipeline='when = "$event.used > 5"\n')
        | {"pipelines/second.toml": DESTINATION + 'when = "$event.used <= 5"\n'},
    ),
    "a declaration": (
        BASE | {"events/other.toml": 'type = "other"\n[fields]\n'},
        BASE
        | {
            "events/other.toml": 'type = "usage.other"\n[fields]\n',
            "pipelines/other.toml": 'status = "draft"\nmatch = ["usage.*"]\n' + DESTINATION,
        },
    ),
    "an entity": (
        with_lines(project=ACCOUNTS),
        piped(ENRICH_ACCOUNT) | {"ingestlayer.toml": BASE["ingestlayer.toml"] + ACCOUNTS},
    ),
    "a key of optional fields": (
        with_lines(event=KEY.format("$event.customer:$event.plan")),
        with_lines(event=KEY.format("$event.customer:$event.metric")),
    ),
    "a key with a default": (
        with_lines(event=KEY.format("$event.customer:${event.plan | upper}")),
        with_lines(event=KEY.format('${event.customer}:${event.plan | default("none")}:${event.plan == "pro"}')),
    ),
    "a key of the event's own id": (
        with_lines(event=KEY.format("$event.customer:$event.id")),
        with_lines(event=KEY.format("$event.customer:${event.received_at | month}")),
    ),
    "a title and the rows": (
        with_lines(pipeline=MESSAGE + 'title = "$entity.customer.name"\n', csv=CUSTOMERS.format("N" * 151)),
        with_lines(pipeline=MESSAGE + 'title = "$entity.customer.name"\n', csv=CUSTOMERS.format("N" * 150)),
    ),
    "rows that escaping makes longer": (
        with_lines(pipeline=MESSAGE + 'title = "$entity.customer.name"\n', csv=CUSTOMERS.format("&" * 31)),
        with_lines(pipeline=MESSAGE + 'title = "$entity.customer.name"\n', csv=CUSTOMERS.format("&" * 30)),
    ),
    "two columns of one row": (
        with_lines(
            pipeline=MESSAGE + 'title = "$entity.customer.name $entity.customer.mail"\n',
            csv=f"id,name,mail,mrr\na,{'N' * 100},{'m' * 100},1\n",
        ),
        with_lines(
            pipeline=MESSAGE + 'title = "$entity.customer.name $entity.customer.mail"\n',
            csv=f"id,name,mail,mrr\na,{'N' * 100},m,1\nb,n,{'m' * 100},1\n",
        ),
    ),
    "a row that is cut": (
        with_lines(pipeline=MESSAGE + 'title = "${entity.customer.name | upper}"\n', csv=CUSTOMERS.format(LONG)),
        with_lines(pipeline=MESSAGE + 'title = "${entity.customer.name | truncate(99)}"\n', csv=CUSTOMERS.format(LONG)),
    ),
    "a field with a limit": (
        with_lines(pipeline=MESSAGE + 'title = "$event.note"\n'),
        with_lines(pipeline=MESSAGE + 'title = "${event.note | truncate(150)}"\n'),
    ),
    "a field without a limit": (
        with_lines(pipeline=MESSAGE + 'title = "$event.note"\n'),
        with_lines(pipeline=MESSAGE + 'title = "$event.plan $event.used $event.customer"\n'),
    ),
    "a longer text than a title": (
        with_lines(pipeline=MESSAGE + f'text = "{"w " * 1501}$event.used"\n'),
        with_lines(pipeline=MESSAGE + 'text = "$event.note $event.note $event.note"\n'),
    ),
    "an enum": (
        with_lines(event=f'tier = {{ enum = ["a", "{"b" * 151}"] }}\n', pipeline=MESSAGE + 'title = "$event.tier"\n'),
        with_lines(event=f'tier = {{ enum = ["a", "{"b" * 150}"] }}\n', pipeline=MESSAGE + 'title = "$event.tier"\n'),
    ),
    "an address that is a column": (
        with_lines(
            pipeline=MESSAGE + 'buttons = [{ text = "x", url = "https://x.example/$entity.customer.name" }]\n',
            csv=CUSTOMERS.format("é" * 600),
        ),
        with_lines(
            pipeline=MESSAGE + 'buttons = [{ text = "x", url = "$entity.customer.name" }]\n',
            csv=CUSTOMERS.format("https://x.example/" + "/" * 2000),
        ),
    ),
}


# What is found in the first project of each case: `case => line`.
FOUND = dict(line.split(" => ") for line in Path(__file__).with_name("found.txt").read_text().splitlines())


@pytest.mark.parametrize("name", CASES)
def test_it_is_found(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, CASES[name][0]) == [FOUND[name]]


@pytest.mark.parametrize("name", CASES)
def test_the_case_beside_it_is_no_alarm(name: str, tmp_path: Path) -> None:
    assert found(tmp_path, CASES[name][1]) == []


def test_a_condition_that_undeclared_events_may_meet_is_no_alarm(tmp_path: Path) -> None:
    files = with_lines(pipeline="when = \"$event.metric == 'other'\"\n", project='[events]\nundeclared = "accept"\n')
    files["pipelines/alert.toml"] = files["pipelines/alert.toml"].replace('match = ["usage"]\n', "")
    assert found(tmp_path, files) == []


def test_a_broken_pipeline_does_not_hide_what_is_wrong_elsewhere(tmp_path: Path) -> None:
    files = with_lines(
        pipeline='chanel = "#b"\nmention = "$entity.customer.maul"\n', csv=BASE["customers.csv"] + "a,A,x,1\n"
    )
    assert [line.split()[1] for line in found(tmp_path, files)] == ["9:1", "10:12", "4:1"]
