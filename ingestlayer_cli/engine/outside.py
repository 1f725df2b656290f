"""What runs ask for outside the store, rows of entity files and secrets: read before the store is held, never while."""

from collections.abc import Callable, Collection, Container, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from ..entities.files import EntityFiles
from ..model.memory import UNASKED, Foreseen, Reacted
from ..system.errors import ProjectError
from ..system.typed import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ..entities.table import Row
    from ..system.stamps import FileStamp

Found = TypeVar("Found")
Asked = tuple[str, tuple[str, ...], str]  # of `reacted`
Look = Callable[[str, tuple[str, ...], str], Reacted]
PATIENCE = 10  # seconds for looking up who has reacted, before one transaction
MISSES = 100  # keys that neither a file nor the store has, and for which others like them are looked up in the store


class NotReadError(Exception):
    """A run asks for what was not read before the store was held. It is noted: read it, and run again."""


class OutsideStore:
    """The world outside the store, as runs see it.

    A slow disk or a keyring that hangs must never stop another process: inside `held()` it answers only what was
    read before, by `prepare` and `read_on`.
    """

    def __init__(
        self, files: EntityFiles, stored: Callable[[str, Collection[str]], Container[str]], look: Look
    ) -> None:
        """`stored` tells which of these keys of a kind the store has; `look` asks who has reacted."""
        self._files = files
        self._stored = stored
        self._look = look
        self._reactions: dict[Asked, Reacted] = {}
        self._misses = 0
        self._rows: dict[str, dict[str, Row | Exception | None]] = {}
        self._offered: Callable[[str, str], Row | None] = _none
        self._near: dict[tuple[str, str], str] = {}  # keys that are like those that have no row
        self._names: dict[str, str | Exception] = {}
        self._secrets: dict[str, str | Exception] = {}
        self._missing = Foreseen()

    def row(self, kind: str, key: str) -> "Row | None":
        """Return a row of a kind's file, or None."""
        if not self._files.sealed:
            return self._files.get(kind, key)
        rows = self._rows.get(kind, {})
        if key in rows:
            found = rows[key]
            return _raised(found) if isinstance(found, Exception) else found
        if (row := self._offered(kind, key)) is None:
            self._missing.rows[kind].add(key)
            raise NotReadError
        return row

    def near_key(self, kind: str, key: str) -> str:
        """Return a key that people may take for one of which nothing is known; empty for none."""
        if not self._files.sealed and (kind, key) not in self._near:
            self._note_near(kind, [key])
        return self._near.get((kind, key), "")

    def has(self, kind: str, stamp: "FileStamp", name: str) -> bool:
        """Say whether the file of a kind, as it was prepared, has this stamp, and this name for people."""
        return self._names.get(kind) == name and self._files.as_read(kind) == stamp

    def offer(self, rows: "Callable[[str, str], Row | None]") -> None:
        """Take rows that were read elsewhere, of files that it `has`, while it is held; None for one that was not."""
        self._offered = rows

    def file_name(self, kind: str) -> str:
        """Return the name of a kind's file; empty for a kind that only the store knows."""
        if not self._files.sealed:
            return self._files.name(kind)
        try:
            found = self._names[kind]
        except KeyError:
            self._missing.rows[kind].update()
            raise NotReadError from None
        return _raised(found) if isinstance(found, Exception) else found

    def secret(self, name: str) -> str:
        """Return the secret that `env:NAME` or `keyring:NAME` names; each is asked for once until `forget_secrets`."""
        if name not in self._secrets:
            if self._files.sealed:
                self._missing.secrets.add(name)
                raise NotReadError
            self._read_secret(name)
        return _raised(self._secrets[name])

    def reacted(self, pipeline: str, events: Sequence[str], emoji: str) -> Reacted:
        """Return whether somebody has reacted to what was posted. It is asked only for what is being accepted."""
        asked = pipeline, tuple(events), emoji
        if not self._files.sealed:
            return UNASKED
        if asked not in self._reactions:
            self._missing.reactions.add(asked)
            raise NotReadError
        return self._reactions[asked]

    def forget_secrets(self) -> None:
        """Ask for secrets again: somebody may have mended them."""
        self._secrets.clear()

    def prepare(self, foreseen: Foreseen) -> None:
        """Read what runs will ask for, of the files as they are now."""
        self._files.refresh()
        self._rows.clear()
        self._near.clear()
        self._names.clear()
        self._reactions.clear()
        self._read(foreseen)

    def read_on(self) -> None:
        """Read what was asked for and missing, of the files as they were found before."""
        missing, self._missing = self._missing, Foreseen()
        self._read(missing)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Read nothing inside; NotReadError at its end when something was asked for that was not read before."""
        self._files.sealed = True
        try:
            yield
            if self._missing.rows or self._missing.secrets or self._missing.reactions:
                raise NotReadError
        finally:
            self._files.sealed = False
            self._offered = _none

    def _read(self, wanted: Foreseen) -> None:
        for kind, keys in wanted.rows.items():
            found = self._files.look_up(kind, keys) if len(keys) != 1 else {}  # for none it looks at the file
            rows = self._rows.setdefault(kind, {})
            rows.update(found)
            others = [key for key in keys if key not in found]
            for key in others:
                rows[key] = _tried(self._files.get, kind, key)
            self._note_near(kind, [key for key in others if rows[key] is None])
            self._names[kind] = _tried(self._files.name, kind)
        for name in wanted.secrets:
            if name not in self._secrets:
                self._read_secret(name)
        ends = monotonic() + PATIENCE
        for asked in sorted(wanted.reactions):
            in_time = monotonic() < ends
            self._reactions[asked] = (
                self._look(*asked) if in_time else Reacted(why="there are too many to look up at once")
            )

    def _note_near(self, kind: str, keys: list[str]) -> None:
        """Note what looks like these keys, which have no row: a key of the file, or else one of the store."""
        missing = []
        for key in keys:
            if near := self._files.near_key(kind, key):
                self._near[kind, key] = near
            else:
                missing.append(key)
        if not missing or self._misses >= MISSES:
            return
        from ..entities.reading.cells import lookalikes

        known = self._stored(kind, missing)
        like = {key: lookalikes(key) for key in [key for key in missing if key not in known][: MISSES - self._misses]}
        self._misses += len(like)
        there = self._stored(kind, [other for others in like.values() for other in others]) if like else ()
        for key, others in like.items():
            if near := next((other for other in others if other in there), ""):
                self._near[kind, key] = near

    def _read_secret(self, name: str) -> None:
        from ..secrets.named import resolve

        self._secrets[name] = _tried(resolve, name)


def _none(kind: str, key: str) -> None:
    """Offer no row."""


def _tried(read: Callable[..., Any], *asked: str) -> Any:
    """Return what was read, or why it could not be: that is the outcome of the run that asks for it, of no other."""
    try:
        return read(*asked)
    except Exception as error:
        return error


def _raised(found: Found | Exception) -> Found:
    if isinstance(found, ProjectError):
        raise found.copy()
    if isinstance(found, Exception):
        raise found
    return found
