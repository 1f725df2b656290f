"""A project as its files say it, unchecked."""

from pathlib import Path

import pytest

from ingestlayer_cli.project import load
from ingestlayer_cli.project.glimpse import Glimpse
from tests.support.folder import USAGE, Folder

STORES = ["", 'path = "data/x.db"', 'url = "env:HERE"', 'url = "env:HERE"\nschema = "b"']


@pytest.mark.parametrize("store", STORES)
def test_the_store_is_where_the_checked_project_has_it(project: Folder, store: str) -> None:
    project.write("ingestlayer.toml", f"[store]\n{store}")
    assert Glimpse(str(project.root)).store_place == load(str(project.root), keep=False).store_path


@pytest.mark.parametrize("text", ["[[[", "store = 1\nentities = 2", "[entities]\ncustomer = 1", "[store]\npath = 1"])
def test_what_is_broken_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "ingestlayer.toml").write_text(text)
    found = Glimpse(str(tmp_path))
    assert (found.tables("entities"), found.entities, found.names("events")) == ({}, {}, [])
    assert isinstance(found.store_place, str)


def test_what_has_a_file_is_named_by_it(shared: Folder) -> None:
    found = Glimpse(str(shared.root))
    assert (found.names("events"), found.names("pipelines")) == ([USAGE], ["usage-limit-hits"])
    assert found.fields(USAGE)["metric"] == {"enum": ["seats", "api-calls", "storage"]}
    assert found.entities["customer"]["key"] == "customer_id"
