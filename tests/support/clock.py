"""A clock of the test's own."""

from ingestlayer_cli.system.clock import Clock, parse_duration, parse_rfc3339


def at(text: str) -> int:
    """Return a time of RFC 3339 in milliseconds."""
    return int(parse_rfc3339(text).timestamp()) * 1000


class FakeClock(Clock):
    """Stands still; sleeping moves it on."""

    def __init__(self, at: int | None = None) -> None:
        self.at = super().now() if at is None else at
        self._set = 0  # by how much it was set, and did not go

    def now(self) -> int:
        return self.at

    def steady(self) -> int:
        return self.at - self._set

    def sets(self, by: int) -> None:
        """Somebody sets it: no time passes."""
        self.at += by
        self._set += by

    def sleep(self, duration: int) -> None:
        self.at += duration

    def passes(self, duration: str) -> None:
        self.at += parse_duration(duration)
