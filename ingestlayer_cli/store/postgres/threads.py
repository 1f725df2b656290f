"""The threads that messages belong to, many at a time."""

from ...system.typed import TYPE_CHECKING, TypeVar
from ..contract.accepting import NewThread
from .arrays import array, rows_of

if TYPE_CHECKING:
    from ..sql.link import Link

_NEAR = (
    "SELECT t.scope, t.key, t.opened_at, t.seq"
    " FROM unnest(?::text[], ?::text[], ?::bigint[], ?::bigint[]) AS w (scope, key, after, before)"
    " JOIN threads t ON t.scope = w.scope AND t.key = w.key AND t.opened_at > w.after AND t.opened_at < w.before"
)

K = TypeVar("K")


def made_threads(link: "Link", wanted: dict[K, NewThread]) -> dict[K, int]:
    """Return the number of the thread that each message belongs to, beginning one where there is none.

    In the order that is given: one that is begun for a message may be that of the next.
    """
    near = zip(
        *((new.scope, new.key, new.at - new.window, new.at + new.window) for new in wanted.values()), strict=True
    )
    there: dict[tuple[str, str], dict[int, int | None]] = {}
    for scope, key, opened_at, number in link.execute(_NEAR, [array(column) for column in near]).fetchall():
        there.setdefault((scope, key), {})[opened_at] = number
    places: dict[K, tuple[str, str, int]] = {}
    for name, (scope, key, at, window) in wanted.items():
        opened = there.setdefault((scope, key), {})
        latest = max((it for it in opened if at - window < it < at + window), default=None)
        if latest is None:
            opened[latest := at] = None
        places[name] = scope, key, latest
    begun = [(*place, at) for place, opened in there.items() for at, number in opened.items() if number is None]
    if begun:
        columns = "scope, key, opened_at"
        insert = f"INSERT INTO threads ({columns}) {rows_of('threads', columns)} RETURNING scope, key, opened_at, seq"
        for scope, key, opened_at, number in link.execute(insert, [array(it) for it in zip(*begun, strict=True)]):
            there[scope, key][opened_at] = number
    return {name: there[scope, key][at] or 0 for name, (scope, key, at) in places.items()}
