"""The OpenAPI document of what is taken over HTTP."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from ingestlayer_cli.project import load
from ingestlayer_cli.project.openapi import document
from tests.support.folder import PAYLOAD, USAGE, Folder

EVENT = {"type": USAGE, "payload": PAYLOAD}


def made(project: Folder) -> Any:
    return document(load(str(project.root), keep=False))


def fits(document: Any, event: Any) -> bool:
    schema = {"$ref": "#/components/schemas/Event", "components": document["components"]}
    return bool(Draft202012Validator(schema).is_valid(event))


def test_it_is_valid(project: Folder) -> None:
    project.declare("Error", 'description = "of ours, too"\n[fields]\nwhy = { enum = ["a", 1], optional = true }\n')
    project.declare("a.b-c_d", '[fields]\n"odd name" = "datetime?"\n')
    found = made(project)
    validate(found, cls=OpenAPIV31SpecValidator)
    assert {"Error", "Error_", "a.b-c_d", USAGE, "Event", "Result"} == found["components"]["schemas"].keys()


def test_the_sources_are_those_of_the_project(project: Folder) -> None:
    assert "/in/{name}" not in made(project)["paths"]
    project.edit("ingestlayer.toml", "[slack]", '[sources.stripe]\nverify = "none"\n[slack]')
    found = made(project)
    validate(found, cls=OpenAPIV31SpecValidator)
    (name,) = found["paths"]["/in/{name}"]["post"]["parameters"]
    assert name["schema"]["enum"] == ["stripe"]


@pytest.mark.parametrize(
    ("event", "is_fit"),
    [
        (EVENT, True),
        ({**EVENT, "idempotencyKey": "acme:11", "timestamp": None}, True),
        ({**EVENT, "type": "usage.limit_reachd"}, False),
        ({**EVENT, "payload": {**PAYLOAD, "metric": "api-cals"}}, False),
        ({**EVENT, "idempotency_key": "acme:11"}, False),
        ({"type": USAGE}, False),
    ],
)
def test_it_describes_the_declared_events_alone(project: Folder, event: Any, is_fit: bool) -> None:
    assert fits(made(project), event) is is_fit
    assert not fits(made(project), {"type": "page.viewed", "payload": {}})


def test_where_undeclared_events_are_accepted_those_that_are_declared_are_as_strict(project: Folder) -> None:
    project.edit("ingestlayer.toml", "[slack]", '[events]\nundeclared = "accept"\n[slack]')
    found = made(project)
    validate(found, cls=OpenAPIV31SpecValidator)
    assert fits(found, {"type": "page.viewed", "payload": {"a": 1}})
    assert fits(found, EVENT)
    assert not fits(found, {**EVENT, "payload": {}})
