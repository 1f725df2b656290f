"""What of entities a pipeline uses: that alone is kept of what its runs are given."""

import json

import pytest

from tests.support.pipe import Pipe

ENRICH = '[[steps]]\nuse = "enrich.entity"\nkind = "customer"\nkey = "$event.customer_id"\n'


@pytest.mark.parametrize(
    ("says", "names"),
    [
        ("no ref", []),
        ("${entity.customer.name} ${entity.customer.mrr | number}", ["mrr", "name"]),
        ("$entity.customer.address.city", ["address"]),
        ("${entity.customer | json}", None),
        ("${entity | json}", None),
    ],
)
def test_the_names_that_texts_have_refs_to(pipe: Pipe, says: str, names: list[str] | None) -> None:
    pipe.steps(ENRICH, says=says)
    assert pipe.project().pipelines[0]["uses"] == {"customer": names}


def test_conditions_mentions_channels_and_steps_count_too(pipe: Pipe) -> None:
    filtered = """[[steps]]
use = "filter"
when = '$entity.customer.mrr > 1 and $entity.customer["CSM Channel"] != null'
"""
    pipe.steps(
        ENRICH + filtered, destination='mention = "$entity.customer.csm"\nwhen = "$entity.customer.vip"', says="x"
    )
    assert pipe.project().pipelines[0]["uses"] == {"customer": ["CSM Channel", "csm", "mrr", "vip"]}


def test_a_list_that_blocks_repeat_counts(pipe: Pipe) -> None:
    block = {"type": "section", "repeat": "$entity.customer.seats", "text": {"type": "mrkdwn", "text": "$item.name"}}
    pipe.write("own.json", json.dumps([block]))
    pipe.write(
        "pipelines/pipeline.toml",
        f'match = ["usage"]\n{ENRICH}\n[[destinations]]\nuse = "slack"\nchannel = "#c"\n'
        '[destinations.message]\nblocks = "own.json"\n',
    )
    assert pipe.project().pipelines[0]["uses"] == {"customer": ["seats"]}
