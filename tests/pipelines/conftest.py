"""A project whose pipelines are listed, on a terminal of 80 columns that is a pipe."""

from tests.testing.conftest import tested

__all__ = ["tested"]
