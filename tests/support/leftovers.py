"""What a test leaves behind that has failed: it is ended with it, so that no other test is red for it."""

import gc
import subprocess
import sys
import warnings
from collections.abc import Generator
from contextlib import suppress

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    failed = item.session.testsfailed
    result = yield
    if item.session.testsfailed > failed:
        _end()
    return result


def _end() -> None:
    """Let go of what the failure has held, and end the processes that nobody knows of any more.

    Files and connections that are not closed would else be warned of in whatever test they are collected in.
    """
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        with suppress(AttributeError):
            delattr(sys, name)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
        gc.collect()  # what was held by what ended just now
    for warning in told:
        if isinstance(warning.source, subprocess.Popen):
            warning.source.kill()
            warning.source.wait()
