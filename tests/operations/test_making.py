"""The files of a project, made of answers."""

import tomllib
from typing import Any

import pytest

from ingestlayer_cli import recipes
from ingestlayer_cli.operations import making
from ingestlayer_cli.operations.making import Answers, Owners

ANSWERS = Answers(
    source="usage.csv",
    query=None,
    format={"delimiter": ";", "thousands": ","},
    key="Customer ID",
    metric="Metric",
    used="Used this month",
    limit="Plan limit",
    percentage=None,
    is_of_hundred=False,
    is_limited=True,
    levels=[0.8, 1.0],
    period="month",
    channel="#alerts",
    owners=Owners("customers.csv", {}, "customer_id", "name", "csm_email"),
    customer="acme",
    kind="api-calls",
)


def toml(answers: Answers) -> dict[str, Any]:
    return {name: tomllib.loads(text) for name, text in making.files(answers).items()}


def test_the_recipe_is_what_is_made_of_its_own_files() -> None:
    recipe, made = recipes.files("quota-check"), making.files(ANSWERS)
    assert made.keys() <= recipe.keys()
    for name, text in made.items():
        if name != recipes.PROJECT:
            assert recipe[name].decode() == text
    assert recipe[recipes.PROJECT].decode().endswith(making.check_table(ANSWERS))


def test_every_file_is_explained_and_fits_the_screen() -> None:
    for text in making.files(ANSWERS).values():
        lines = text.splitlines()
        assert lines[0].startswith("#:schema ")
        assert all(len(line) <= 120 for line in lines if "#" in line)


def test_only_what_is_called_otherwise_is_mapped() -> None:
    table = toml(ANSWERS._replace(key="customer_id", metric=None, used="used"))[recipes.PROJECT]["checks"]["quota"]
    assert table["columns"] == {"limit": "Plan limit"}
    assert table["key"] == ["customer_id"]


@pytest.mark.parametrize(
    ("is_of_hundred", "value", "example"), [(True, "percentage / 100", 102.5), (False, "percentage", 1.025)]
)
def test_a_percentage_stands_for_used_and_limit(is_of_hundred: bool, value: str, example: float) -> None:
    made = toml(
        ANSWERS._replace(used=None, limit=None, percentage="Used %", is_of_hundred=is_of_hundred, is_limited=False)
    )
    assert made[recipes.PROJECT]["checks"]["quota"]["value"] == value
    assert made["events/quota.reached.toml"]["example"]["percentage"] == example
    assert made["pipelines/quota-check.toml"]["steps"][1]["value"] == f"$event.{value}"


def test_without_customers_the_title_has_the_key() -> None:
    pipeline = toml(ANSWERS._replace(owners=None))["pipelines/quota-check.toml"]
    assert [step["use"] for step in pipeline["steps"]] == ["crossing"]
    assert pipeline["destinations"][0]["message"]["title"].startswith("$event.customer_id is at ")
    assert "mention" not in pipeline["destinations"][0]


@pytest.mark.parametrize(
    ("name", "owner", "columns"),
    [
        ("Account Name", "CSM", {"account_name": "Account Name", "csm": "CSM"}),
        ("名前", "担当", {"name": "名前", "owner": "担当"}),
        ("customer id", "Customer-ID", {"name": "customer id", "owner": "Customer-ID"}),
        ("CSM", "csm", {"csm": "CSM", "owner": "csm"}),
        (None, "csm", {}),
    ],
)
def test_no_two_columns_get_one_name(name: str | None, owner: str, columns: dict[str, str]) -> None:
    owners = Owners("customers.csv", {}, "customer_id", name, owner)
    assert toml(ANSWERS._replace(owners=owners))[recipes.PROJECT]["entities"]["customer"].get("columns", {}) == columns


@pytest.mark.parametrize(
    "value",
    [
        {"a": 'Customer "ID"', "b": ["x", 0.8, True], "c": {"d": "\x7f\n\\"}},
        ["", "ü", "'''", '"""'],
        [{"a": 1}, {}],
    ],
)
def test_any_value_is_one_line_of_toml(value: Any) -> None:
    text = making.in_toml(value)
    assert "\n" not in text
    assert tomllib.loads(f"x = {text}") == {"x": value}
