"""In which order the files of tests are taken: first those that take long, so that no worker is alone at the end.

A worker takes file after file: who took one of these last would be the last by far. What the list lacks is said at the
end of a whole run.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import ROOT

SHARE = 0.02  # of the time of all files
LONG = {
    f"tests/{name}"
    for name in (
        *("system/test_console.py", "model/test_redaction_leaks.py", "project/test_kept.py", "test_docs.py"),
        *("destinations/test_webhook.py", "sdk/test_typescript_client.py", "checks/test_sources.py", "test_readme.py"),
        *("commands/test_batch.py", "test_examples_deploy.py", "checks/test_run_month.py", "test_examples_cron.py"),
        *("engine/test_flow_ordeal.py", "steps/test_histories.py", "engine/test_outbox_crash.py"),
        *("destinations/slack/test_answers.py", "completion/test_installing.py", "engine/test_outbox_threads.py"),
        *("engine/test_gathering_model.py", "engine/test_flow_look_ahead.py", "commands/test_events.py"),
        *("commands/test_emit_broken.py", "commands/test_status_situations.py", "engine/test_outbox_threads_model.py"),
        *("engine/test_flood.py", "commands/test_deliver.py", "server/test_life.py", "engine/test_outbox_faults.py"),
    )
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that are known to take long, then with those of the most tests."""
    counts = Counter(item.path for item in items)
    items.sort(key=lambda item: (_file(item.nodeid) not in LONG, -counts[item.path], item.path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say after a whole run which files are to be begun with."""
    is_part = config.getoption("keyword") or config.getoption("lf") or config.getoption("maxfail")
    if is_part or config.args != config.getini("testpaths"):
        return
    took: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[_file(report.nodeid)] += report.duration
    if found := lacking(took):
        terminalreporter.write_line(f"they take long, and tests/support/order.py lacks them: {', '.join(found)}")


def lacking(took: Mapping[str, float]) -> list[str]:
    """Return the files that take more than their share, and are not begun with."""
    whole = sum(took.values())
    return sorted(file for file, seconds in took.items() if seconds > SHARE * whole and file not in LONG)


def missing() -> list[str]:
    """Return the files of the list that are not there any more."""
    return sorted(file for file in LONG if not Path(ROOT, file).exists())


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
