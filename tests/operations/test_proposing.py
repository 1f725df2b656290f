"""What columns seem to be, by their names and cells."""

from typing import Any

import pytest

from ingestlayer_cli.operations import proposing
from ingestlayer_cli.operations.proposing import Customers, Sample, Usage


def sample(header: str, *rows: str) -> Sample:
    """Return a table of texts, with `;` between its cells."""
    columns = header.split(";")
    return Sample(columns, [dict(zip(columns, (cell or None for cell in row.split(";")), strict=True)) for row in rows])


# Which column is what -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "key", "metric", "used", "limit"),
    [
        ("customer_id;metric;used;limit", "customer_id", "metric", "used", "limit"),
        ("Customer ID;Metric;Used this month;Plan limit", "Customer ID", "Metric", "Used this month", "Plan limit"),
        ("accountId;feature;usage;quota", "accountId", "feature", "usage", "quota"),
        ("Org;Resource;Consumed;Allowance", "Org", "Resource", "Consumed", "Allowance"),
        ("tenant;meter;value;max", "tenant", "meter", "value", "max"),
        ("Company;Limit type;Current;Included", "Company", "Limit type", "Current", "Included"),
    ],
)
def test_the_names_of_columns_say_what_they_are(header: str, key: str, metric: str, used: str, limit: str) -> None:
    found = proposing.usage_of(sample(header, "acme;seats;9;10", "globex;seats;1;10"))
    assert found == Usage(key, metric, used, limit, None)


def test_numbers_in_any_writing_are_numbers() -> None:
    found = proposing.usage_of(
        sample("Account;Plan;Used;Limit", "acme;pro;10,250;10,000", "globex;pro;$1,900.00;2,000")
    )
    assert (found.used, found.limit) == ("Used", "Limit")


def test_one_percentage_stands_for_used_and_limit() -> None:
    found = proposing.usage_of(sample("Account;Usage", "acme;85%", "globex;12%"))
    assert found == Usage("Account", None, None, None, "Usage")


def test_used_and_limit_are_more_than_a_percentage_beside_them() -> None:
    found = proposing.usage_of(sample("Account;Used %;Used;Limit", "acme;85%;85;100"))
    assert found == Usage("Account", None, "Used", "Limit", None)


def test_a_key_of_numbers_is_the_one_whose_name_says_so() -> None:
    assert proposing.usage_of(sample("Used;Account ID;Limit", "9;1001;10")).key == "Account ID"


def test_what_no_name_speaks_for_is_not_proposed() -> None:
    assert proposing.usage_of(sample("a;b;c", "acme;9;10")) == Usage("a", None, None, None, None)


def test_rows_of_one_customer_are_told_apart_by_the_column_that_does() -> None:
    table = sample("Account;Plan;What;Used;Limit", "acme;pro;seats;9;10", "acme;pro;storage;9;10")
    assert proposing.metric_of(table, "Account") == "What"


def test_a_column_that_does_not_tell_them_apart_is_none() -> None:
    table = sample("Account;Plan;Used;Limit", "acme;pro;9;10", "acme;pro;9;10")
    assert proposing.metric_of(table, "Account") is None
    assert proposing.repeated(table, ["Account", "Plan"]) == "acme:pro"


def test_keys_repeat_as_the_check_compares_them() -> None:
    assert proposing.repeated(Sample(["id"], [{"id": 42}, {"id": " 42 "}]), ["id"]) == "42"
    assert proposing.repeated(Sample(["id"], [{"id": None}, {"id": None}]), ["id"]) is None


def test_a_second_pair_of_columns_is_seen() -> None:
    table = sample("customer;API used;API limit;Seats used;Seats limit", "acme;9;10;1;2")
    assert proposing.also(table, "API used", "API limit") == ("Seats used", "Seats limit")
    assert proposing.also(sample("customer;used;limit;MRR", "acme;9;10;1"), "used", "limit") is None


# How numbers are written ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "format"),
    [
        (["9", "10.5"], {}),
        (["10,250", "9"], {"thousands": ","}),
        (["9.100,50", "9.100"], {"decimal": ",", "thousands": "."}),
        (["1,5", "10,250"], {"decimal": ","}),
        (["10 250", "9"], {"thousands": " "}),
        (["85%", "12%"], {"percent": True}),
        (["$1,900.00"], {"thousands": ",", "currency": True}),
        (["unlimited", "-", "9"], {}),
    ],
)
def test_what_reads_the_most_cells_is_proposed(cells: list[str], format: dict[str, Any]) -> None:
    table = Sample(["n"], [{"n": cell} for cell in cells])
    assert proposing.format_of(table, ["n"]) == format
    read = proposing.reading(format)
    assert all(read(cell) is not None for cell in cells if cell.lower() not in proposing.UNLIMITED)


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (["9.100", "12"], "9.100"),
        (["9.100", "9.5"], None),
        (["9.100", "0.250"], None),
        (["9.1"], None),
        (["9100"], None),
    ],
)
def test_points_between_groups_of_three_may_be_either(cells: list[str], found: str | None) -> None:
    assert proposing.doubtful(Sample(["n"], [{"n": cell} for cell in cells]), ["n"]) == found


@pytest.mark.parametrize(("cell", "is_one"), [(None, True), ("0", True), ("Unlimited", True), ("10,000", False)])
def test_a_row_without_a_limit_is_seen(cell: str | None, is_one: bool) -> None:
    table = Sample(["limit"], [{"limit": "5,000"}, {"limit": cell}])
    assert proposing.has_unlimited(table, "limit", {"thousands": ","}) is is_one


@pytest.mark.parametrize(
    ("cells", "format", "is_one"),
    [(["85", "100"], {}, True), (["0.85", "1.02"], {}, False), (["85%", "120%"], {"percent": True}, False)],
)
def test_a_percentage_is_of_a_hundred_or_of_one(cells: list[str], format: dict[str, Any], is_one: bool) -> None:
    assert proposing.is_of_hundred(Sample(["n"], [{"n": cell} for cell in cells]), "n", format) is is_one


def test_a_percentage_with_and_without_its_sign_does_not_go_together() -> None:
    table = sample("n", "85%", "0.9", "90")
    assert proposing.mixed(table, "n", {"percent": True}) == ("85%", "90")
    assert proposing.mixed(sample("n", "85%", "0.9"), "n", {"percent": True}) is None
    assert proposing.mixed(sample("n", "85", "90"), "n", {}) is None


# Customers ------------------------------------------------------------------------------------------------


def test_the_key_of_customers_is_the_column_that_has_the_keys() -> None:
    table = sample("Customer ID;CRM ref;Account Name;CSM Email", "0017;acme;Acme Inc;maya@our.example")
    assert proposing.customers_of(table, ["acme", "globex"]) == Customers("CRM ref", "Account Name", "CSM Email")


def test_an_id_is_no_name() -> None:
    table = sample("CRM ref;Customer ID;CSM Email", "acme;0017;maya@our.example")
    assert proposing.customers_of(table, ["acme"]).name is None


def test_an_owner_is_a_column_of_addresses_or_one_that_is_called_so() -> None:
    assert proposing.customers_of(sample("id;who", "acme;maya@our.example"), ["acme"]).owner == "who"
    assert proposing.customers_of(sample("id;Account owner", "acme;Maya"), ["acme"]).owner == "Account owner"
    assert proposing.customers_of(sample("id;plan", "acme;pro"), ["acme"]).owner is None


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("CSM Email", "csm_email"),
        ("AccountName", "account_name"),
        ("csm_email", "csm_email"),
        ("2nd owner", "_2nd_owner"),
        ("Betreuer (E-Mail)", "betreuer_e_mail"),
        ("担当", ""),
    ],
)
def test_our_name_of_a_column_is_a_word(theirs: str, ours: str) -> None:
    assert proposing.ours(theirs) == ours
