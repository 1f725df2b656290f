"""`serve` is killed in the middle: what was answered is stored, once."""

from tests.support.folder import Folder
from tests.support.serve_crash import Ordeal


def test_every_event_that_was_answered_is_stored_once_though_it_is_killed(project: Folder) -> None:
    """The long one is a benchmark: python -m tests.benchmarks.serve_crash"""
    ordeal = Ordeal(project, events=300, connections=32)
    ordeal.run(kills=2)
    ordeal.check()
