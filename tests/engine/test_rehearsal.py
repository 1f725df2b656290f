"""`emit --batch FILE --dry-run`: what would come of a batch, and nothing of it."""

import pytest

from tests.support.folder import USAGE, Folder

HEADER = "customer_id,metric,limit,used,plan\n"
ROWS = HEADER + "acme,seats,100,120,pro\nacme,seats,100,120,pro\nglobex,nope,100,50,pro\nglobex,seats,100,130,pro\n"


def test_a_dry_run_counts_what_a_run_then_does(project: Folder) -> None:
    project.write("events.csv", ROWS)
    trial = project.run("emit", USAGE, "--batch", "events.csv", "--dry-run", "--json")
    assert (trial.json["accepted"], trial.json["duplicates"], trial.json["rejected"]) == (2, 1, 1)
    assert trial.json["rejects"][0]["line"] == 4
    assert not (project.root / ".ingestlayer" / "store.db").exists()
    real = project.run("emit", USAGE, "--batch", "events.csv", "--json", "--no-deliver")
    for name in ("accepted", "duplicates", "rejected", "runs", "rejects"):
        assert real.json[name] == trial.json[name]
    assert sum(trial.json["messages"].values()) == real.json["deliveries"]["pending"]
    assert trial.code == real.code == 65
    again = project.run("emit", USAGE, "--batch", "events.csv", "--dry-run", "--json")
    assert (again.json["accepted"], again.json["duplicates"]) == (0, 3)


@pytest.mark.parametrize("option", [("--no-deliver",), ("--rejects", "r.ndjson"), ("--log", "l"), ("--wait", "1s")])
def test_what_a_dry_run_cannot_mean_is_wrong_usage(project: Folder, option: tuple[str, ...]) -> None:
    project.write("events.csv", ROWS)
    result = project.run("emit", USAGE, "--batch", "events.csv", "--dry-run", *option)
    assert result.code == 2
    assert option[0] in result.err
