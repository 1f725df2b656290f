"""The hint of a broken project names what explains the key that is meant."""

from pathlib import Path

import pytest

from ingestlayer_cli.project.compile import Compiler
from ingestlayer_cli.reference import every, named
from ingestlayer_cli.system.errors import ProjectError
from tests.support.validate import BASE, project_of

CHECK = '[checks.limits]\nsource = "u.csv"\nvalue = "used"\nlevels = [1]\nkey = ["customer_id"]\nemit = "usage"\n'


@pytest.mark.parametrize(
    ("file", "text", "topic"),
    [
        ("ingestlayer.toml", CHECK.replace("levels", "lvels"), "levels"),
        ("ingestlayer.toml", '[stre]\npath = "x"\n', "store"),
        ("pipelines/alert.toml", '[[steps]]\nuse = "enrich.entty"\n[[destinations]]\nuse = "slack"\n', "enrich.entity"),
        ("events/usage.toml", 'type = "usage"\n', "fields"),
    ],
)
def test_a_key_that_is_missing_or_misspelt_is_explained(file: str, text: str, topic: str, tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        Compiler(str(project_of(tmp_path, {**BASE, file: text}).root)).run()
    assert caught.value.hint.endswith(f"; what may stand there: ingestlayer explain {topic}")
    assert named(every(), topic)


def test_of_another_problem_it_is_the_way_to_look_again(tmp_path: Path) -> None:
    with pytest.raises(ProjectError) as caught:
        Compiler(str(project_of(tmp_path, {**BASE, "ingestlayer.toml": 'timezone = "Mars"\n'}).root)).run()
    assert caught.value.hint == "after the edit: ingestlayer validate"
