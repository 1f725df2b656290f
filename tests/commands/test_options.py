"""Options that several commands share: -q, for what cron runs."""

import pytest

from tests.support.folder import Folder


@pytest.mark.parametrize(
    "command",
    [
        "init ../other",
        "store prune",
        "store vacuum",
        "pipelines pause alert",
        "pipelines resume alert",
        "deliveries retry --status dead",
        "sdk python --out ../sdk",
        "capture @last",
    ],
)
def test_what_went_well_is_quiet(command: str, tested: Folder) -> None:
    tested.here("emit", "usage", "--customer", "acme", "--used", "120", "--limit", "100", "--json")
    assert tested.here(*command.split(), "-q") == (0, "", "")


def test_quiet_still_says_an_error_with_its_hint(tested: Folder) -> None:
    result = tested.here("pipelines", "pause", "alrt", "-q")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith('error: there is no pipeline "alrt" (did you mean "alert"?)\nhint: ')


def test_quiet_is_of_one_command(tested: Folder) -> None:
    tested.here("pipelines", "pause", "alert", "-q")
    assert tested.here("pipelines", "resume", "alert").out == "alert is active\n"


def test_a_document_that_was_asked_for_is_printed(tested: Folder) -> None:
    assert tested.here("store", "prune", "-q", "--json").json == {"removed": 0}
