"""What is offered, place by place."""

from pathlib import Path

import pytest

from tests.support.completion import completed, told
from tests.support.customers import Customers
from tests.support.folder import USAGE, Folder

ACME = ("--customer", "acme", "--metric", "seats", "--limit", "100", "--used", "120", "--plan", "pro")


@pytest.fixture(scope="module")
def used(shared: Folder) -> Folder:
    """A project with a check, a second workspace and one event that was shown."""
    shared.emit(*ACME)
    toml = shared.root / "ingestlayer.toml"
    more = '\n[checks.api-limits]\nfile = "usage.csv"\n\n[slack.workspaces.partner]\nconnection = "bot"\n'
    toml.write_text(toml.read_text() + more)
    shared.declare("user.seen", '[fields]\nactive = "boolean"')
    return shared


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("em", ["emit"]),
        ("deliveries se", ["settle"]),
        ("emit us", [USAGE, "user.seen"]),
        ("preview usa", [USAGE]),
        (f"emit {USAGE} --cu", ["--customer-id"]),
        (f"emit {USAGE} --metric ", ["seats", "api-calls", "storage"]),
        (f"emit {USAGE} --customer-id x --metric s", ["seats", "storage"]),
        (f"emit {USAGE} --customer x --metric=s", ["--metric=seats", "--metric=storage"]),
        (f"emit {USAGE} me", ["metric="]),
        (f"emit {USAGE} metric=s", ["metric=seats", "metric=storage"]),
        (f"emit {USAGE} metric=seats --plan pro ", ["customer_id=", "limit=", "used="]),
        ("emit user.seen --active ", ["true", "false"]),
        ("events list --type usage", [USAGE]),
        ("events list --type ingestlayer.check_s", ["ingestlayer.check_stale"]),
        ("events list --status d", ["delivered", "dead", "dropped"]),
        ("deliveries list --status de", ["delivered", "dead"]),
        ("replay --channel ", ["#alerts", "#growth"]),
        ("slack test ", ["#alerts", "#growth"]),
        ("slack status --workspace ", ["partner"]),
        ("check ", ["api-limits"]),
        ("pipelines pause ", ["usage-limit-hits"]),
        ("events list --pipeline u", ["usage-limit-hits"]),
        ("entities get cu", ["customer"]),
        ("entities get customer ac", ["acme"]),
        ("entities get nothing a", []),
        ("init --recipe trial", ["trial-conversions"]),
        ("recipes trial", ["trial-conversions"]),
        ("explain checks.NAME.le", ["checks.NAME.levels"]),
        ("replay --clock ", ["acceptance", "event"]),
        ("--install-completion ", ["bash", "zsh", "fish"]),
        ("status --w", ["--watch"]),
        ("status --watch --w", []),
        ("status ", ["--watch", "--json", "--quiet", "--help"]),
        ("status -q", ["-q"]),
        ("pipelines show --version x usage", ["usage-limit-hits"]),
        ("pipelines show -- usage", ["usage-limit-hits"]),
    ],
)
def test_what_may_stand_there_is_offered(used: Folder, line: str, offered: list[str]) -> None:
    assert completed(f"ingestlayer {line}", used.root) == offered


def test_fields_and_own_options_are_offered_together(used: Folder) -> None:
    offered = completed(f"ingestlayer emit {USAGE} --", used.root)
    assert {"--customer-id", "--metric", "--used", "--limit", "--plan", "--json", "--key"} <= set(offered)


def test_ids_are_offered_with_what_people_know_them_by(used: Folder) -> None:
    events, deliveries = told("ingestlayer events show ", used.root), told("ingestlayer deliveries show ", used.root)
    (id_, words), last = events.items()
    assert id_.startswith("evt_")
    assert words.endswith(f"Z {USAGE} acme")
    assert last[0] == "@last"
    assert list(deliveries.values()) == ["shown #alerts usage-limit-hits"]
    assert completed(f"ingestlayer events show {id_[:20]}", used.root) == [id_]
    assert set(completed("ingestlayer why ", used.root)) == {*events, *deliveries}
    (version,) = completed("ingestlayer pipelines diff usage-limit-hits ", used.root)
    assert len(version) == 12


def test_commands_and_names_have_a_short_description(used: Folder) -> None:
    assert told("ingestlayer stat", used.root)["status"]
    assert told("ingestlayer emit usage", used.root) == {USAGE: "A customer bumped a plan limit."}


def test_ids_of_the_store_are_offered_beside_those_of_the_file(customers: Customers) -> None:
    customers.seen("customer_id=acorn", "plan=pro")
    assert completed("ingestlayer entities set customer ac", customers.root) == ["acme", "acorn"]


def test_what_would_be_an_option_is_no_value(customers: Customers) -> None:
    file = customers.root / "customers.csv"
    file.write_text(file.read_text() + "-rf,Acme\n")
    assert "-rf" not in completed("ingestlayer entities get customer ", customers.root)


def test_the_project_is_the_one_that_the_line_names(used: Folder, tmp_path: Path) -> None:
    assert completed(f"ingestlayer -C {used.root} emit usa", tmp_path) == [USAGE]
    assert completed(f"ingestlayer -C {used.root} emit {USAGE} --metric se", tmp_path) == ["seats"]
    assert completed("ingestlayer emit us", tmp_path) == []
