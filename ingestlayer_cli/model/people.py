"""People of a workspace, known by their e-mail addresses."""

from ..system.clock import DAY, HOUR
from ..system.typed import NamedTuple

# How long an answer holds: somebody who is there rarely goes, somebody who is not may come, a scope may be given.
_AGES = {"": 7 * DAY, "missing_scope": HOUR}
_AGE = DAY


class Person(NamedTuple):
    """What a workspace said of an e-mail address: a user's id, or why there is none. `at` in milliseconds."""

    email: str
    user: str | None
    why: str  # users_not_found deactivated missing_scope; empty with a user
    at: int

    def is_fresh(self, now: int) -> bool:
        """Say whether the answer still holds."""
        return 0 <= now - self.at < _AGES.get(self.why, _AGE)
