"""Our own troubles as events: one when a trouble opens, one when it has become another, one when it is over.

Which of them are open is noted in the store, in the transaction that accepts the event: whoever looks, and however many
at once, each is told once. What comes of these events themselves, a message that nobody takes, is no trouble that is
told: it would be told for ever.
"""

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.accepting import accept, transact
from ..engine.runtime import Runtime
from ..engine.tally import WAIT, send_own
from ..model.events import OURS
from ..model.gate import Raw
from ..model.memory import Foreseen
from ..project import Project
from ..project.own import OWN
from ..store.contract.accepting import NOTHING, Queued
from ..system.clock import HOUR, MINUTE, format_time
from ..system.errors import in_words
from .gathering import SEVERAL, by_place, few
from .troubles import checks, outbox, stores
from .troubles.symptoms import Symptom, guarded

if TYPE_CHECKING:
    from ..engine.attempts import Said
    from ..store.contract.protocols import Store
    from ..store.contract.roles.transaction import Transaction

TOPIC = "trouble"  # of the notes; their names are like `delivery_dead:#alerts`
SOURCE = "ingestlayer"  # of the events
AGAIN = 10 * MINUTE  # between two tellings of one that is open
CALM = HOUR  # one that comes back within this time is the same
OPEN, RESOLVED = "open", "resolved"
# What is the same to those who are told.
_SAME = {"source_missing": "source_failing"}

Note = dict[str, Any]  # times in milliseconds


def tell(runtime: Runtime) -> Queued:
    """Look for our own troubles and accept the events that tell what is new of them; return what these queued."""
    if not runtime.project.hears_of_itself or runtime.project.trouble is not None:
        return NOTHING
    now = runtime.clock.now()
    found = Sighting(runtime.project, runtime.store, now)
    names = {*found.troubles, *runtime.store.notes(TOPIC)}
    changed = [name for name in names if news(found, name, runtime.store.note(TOPIC, name)) is not None]
    if not changed:
        return NOTHING

    def work(transaction: "Transaction") -> None:
        for name in sorted(changed):  # in one order: others take them up, too
            made = news(found, name, transaction.note(TOPIC, name))
            if made is not None:
                _keep(runtime, transaction, name, made, now)

    return transact(runtime, Foreseen(), work)[1]


def tell_and_send(runtime: Runtime, wait: int | None = WAIT, said: "Said | None" = None) -> list[str]:
    """Tell what is new, and send it, unless `wait` is None; return what went wrong, which stops nobody."""
    try:
        queued = tell(runtime)
        if queued and wait is not None:
            send_own(runtime, queued, wait, said)
    except Exception as error:
        return [f"of our own troubles nobody was told: {in_words(error).message}"]
    return []


def _keep(runtime: Runtime, transaction: "Transaction", name: str, made: "News", now: int) -> None:
    if made.note is None:
        transaction.drop_note(TOPIC, name)
        return
    transaction.write_note(TOPIC, name, made.note, now)
    if made.state is not None:
        event, text = runtime.gate.admit_own(
            Raw(*_told(runtime.project, made.note, made.state), None, None, SOURCE), now
        )
        accept(runtime, transaction, event, text, now)


class News(NamedTuple):
    """What is to be noted of a trouble, None: nothing any more; and the state in which it is told, if it is."""

    note: Note | None
    state: str | None = None


class Sighting:
    """What a look found. It `is_whole` unless some of it could not be seen: then nothing is over."""

    def __init__(self, project: Project, store: "Store", now: int) -> None:
        seen = [*_seen(project, store, now)]
        self.now = now
        self.is_whole = all(it.kind != "not_seen" for it in seen)
        known = [it._replace(kind=_SAME.get(it.kind, it.kind)) for it in seen]
        told = {name for name, note in store.notes(TOPIC).items() if note["told"] and note["until"] is None}
        self.troubles = few(by_place([it for it in known if OURS + it.kind in OWN]), told)
        self._every = {name: data["every"] or 0 for name, data in project.checks.items()}

    def opens(self, trouble: Symptom, first_seen: int) -> bool:
        """Say whether it is worth a word: a check that never ran is, once its time has passed."""
        if trouble.kind == "check_stale" and trouble.since is None:
            every = self._every.get(trouble.subject, 0)
            return trouble.mark == "problem" and self.now - first_seen > every + checks.GRACE
        return trouble.mark == "problem"


def _seen(project: Project, store: "Store", now: int) -> Iterator[Symptom]:
    looks: dict[str, Iterable[Symptom]] = {
        "store": stores.place(project),
        "checks": checks.checks(project, store, now),
        "deliveries": outbox.messages(project, store, now, OURS),
        "runs": outbox.runs(project, store, now, OURS),
    }
    for check, found in looks.items():
        yield from guarded(check, found)


def news(found: Sighting, name: str, note: Note | None) -> News | None:
    """Return what is new of a trouble beside what is noted of it; None where that is nothing."""
    trouble, now = found.troubles.get(name), found.now
    is_told = note is not None and note["told"] > 0
    if trouble is None:
        return None if note is None or not found.is_whole else _ended(note, is_told, now)
    if note is None or (note["until"] is not None and not 0 <= now - note["until"] < CALM):
        begun = {"first_seen": now, "since": trouble.since or now, "until": None, "told": 0, "told_at": 0}
        if found.opens(trouble, now):
            return _opened(begun, trouble, now)
        # What may become worth a word is known from now on.
        is_young = trouble.kind == "check_stale" and trouble.since is None and trouble.mark == "problem"
        return News(_described(begun, trouble)) if is_young and note is None else None
    if not is_told or note["until"] is not None:
        return _opened(note, trouble, now) if found.opens(trouble, note["first_seen"]) else None
    has_changed = (_title(trouble), trouble.why) != (note["title"], note["why"])
    return _opened(note, trouble, now) if has_changed and not 0 <= now - note["told_at"] < AGAIN else None


def _opened(note: Note, trouble: Symptom, now: int) -> News:
    told = {"until": None, "told": note["told"] + 1, "told_at": now}
    return News({**_described(note, trouble), **told}, OPEN)


def _ended(note: Note, is_told: bool, now: int) -> News | None:
    if not is_told:
        return News(None)
    if note["until"] is None:
        return News({**note, "until": now}, RESOLVED)
    return None if 0 <= now - note["until"] < CALM else News(None)


def _title(trouble: Symptom) -> str:
    """Return the words for somebody who sees nothing else."""
    is_told = trouble.subject == SEVERAL or trouble.subject in trouble.words
    return trouble.words if is_told else f"{trouble.subject}: {trouble.words}"


def _described(note: Note, trouble: Symptom) -> Note:
    told = {"kind": trouble.kind, "subject": trouble.subject, "title": _title(trouble), "why": trouble.why}
    return {**note, **told, "hint": trouble.hint, "command": trouble.command}


def _told(project: Project, note: Note, state: str) -> tuple[str, dict[str, Any]]:
    """Return the type and the payload of the event that tells of a trouble."""
    texts = {name: _sound(note[name]) for name in ("subject", "title", "why", "hint", "command")}
    where = {"project": _sound(project.root), "host": _sound(os.uname().nodename)}
    payload = {"state": state, **texts, **where, "since": format_time(note["since"])}
    if state == RESOLVED:
        payload |= {"until": format_time(note["until"])}
    return OURS + note["kind"], {
        name: value for name, value in payload.items() if value or name in ("subject", "title")
    }


def _sound(text: str) -> str:
    """Make a text fit for an event: names of files may hold anything."""
    return text.encode("utf-8", "replace").decode()
