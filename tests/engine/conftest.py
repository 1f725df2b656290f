"""A project whose messages hang together."""

import pytest

from tests.support.posting import Posting
from tests.support.threads import THREADED


@pytest.fixture
def threaded(posting: Posting) -> Posting:
    posting.pipeline(THREADED)
    return posting
