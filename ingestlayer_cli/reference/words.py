"""The glossary: what a word means here."""

from collections.abc import Iterator

from .topics import Topic

WORDS = {
    "accept": "To check an event, store it, run the pipelines and queue the messages, in one transaction: all of it"
    " or nothing.",
    "attempt": "One try to send a delivery. `deliveries show` lists them.",
    "backtest": "What the pipelines as they are on disk would have sent of stored events, beside what was sent.",
    "baseline": "A first run of a check that takes who is over already as known, and emits nothing: `check"
    " --baseline`.",
    "batch": "Many events in one file or stream, each accepted or refused for itself: `emit --batch`.",
    "check": "Usage that is read from a source and compared with its limits, by cron: `[checks.NAME]`.",
    "condition": "An expression that holds or does not: `when`. One that ends null does not hold.",
    "connection": "By what a destination is reached: of Slack the terminal, a bot or a webhook.",
    "crossing": "That a value newly reaches a level: told once in a period, however often the value is seen there.",
    "dead": "Of a delivery: refused for good, or out of attempts. Nothing sends it again but `deliveries retry`.",
    "dead letter": "A refused line or request, kept with its reason: `events list --refused`.",
    "declaration": "The file events/TYPE.toml, which says what the payload of a type of event is: its fields, its"
    " key, an example.",
    "delivery": "One message on its way to one target, with its status and attempts; its id begins with dlv_.",
    "destination": "Where a pipeline's messages go: slack, webhook or file.",
    "digest": "One message that says many, of a window, a run or a day: `[destinations.digest]`. What becomes of it"
    " becomes of each of them.",
    "draft": 'A pipeline that is not yet to run: status = "draft".',
    "duplicate": "An event whose key an earlier one has, within the window: it is answered with the first, and"
    " nothing is sent.",
    "entity": "Whom or what events are about, such as a customer: a row of a file, and traits of the store over it.",
    "envelope": "What of an event is not its payload: type, idempotency key, timestamp, source.",
    "event": "Something that happened to a customer: a type, a payload and a time. Its id begins with evt_.",
    "gate": "The check of an event before it is accepted: its type, its payload, its key, its time.",
    "golden": "A file with the whole body that a test expects: `test --update` writes it.",
    "heartbeat": "What a monitor is told of each run, so that a run that does not come is noticed.",
    "idempotency key": "What two events have in common that are one: given by the sender, or made as the declaration"
    " says.",
    "lane": "The queue of the messages to one target. They go in the order of acceptance, at the pace of their"
    " connection.",
    "lease": "The time for which a process has a delivery to itself, to send it: 60 s. Then another may look what"
    " came of it.",
    "level": "A value at which a message goes, 0.8 of a limit or the limit itself; who reached it holds it until it"
    " is armed again.",
    "outbox": "The deliveries that are stored and not settled. `deliver`, `emit` and `check` send what is due.",
    "pace": "The time between two messages to one target.",
    "payload": "What an event says: the fields that its declaration names.",
    "period": "The hour, day, week, month, quarter or year within which a level is told once.",
    "pipeline": "A file pipelines/NAME.toml: which events it takes, its steps, its destinations and its tests.",
    "project": "A folder with an ingestlayer.toml, its declarations, its pipelines and its store.",
    "rearm": "How far a value must fall below a level before that level can be reached again.",
    "recipe": "A declaration, a pipeline and samples to start from: `ingestlayer recipes`.",
    "ref": "A name of a value: $event.used, $entity.customer.name, $crossing.level. A missing one is null.",
    "refused": "Of an event: not accepted, by a rule that is named. Of a delivery: not taken by the destination.",
    "replay": "Stored events run once more, as runs of the same events: what a destination took is left out.",
    "retention": "How old what is settled may get before `store prune` removes it.",
    "run": "What one pipeline made of one event: queued, dropped or failed, with its trace.",
    "secret": "A token, password or address that is named in the files and never stands there: env:NAME or"
    " keyring:NAME.",
    "settled": "Done, one way or the other: delivered, shown or dead, or dropped. What is not settled is never"
    " removed.",
    "source": "Who sent an event: cli, a key's name, a check. Also where a check reads its rows, and what"
    " `[sources.NAME]` takes.",
    "spool": "A file of this machine that keeps what is accepted while the database is away, and hands it over in"
    " order.",
    "step": "One thing that a pipeline does with an event: it goes on, or drops it with a reason.",
    "store": "Where events, runs, deliveries and memory are kept: one file of SQLite, or a PostgreSQL database.",
    "superseded": "Of a delivery: a replay has sent another in its place, which `superseded_by` names; it is dead.",
    "target": "Where a delivery went: a channel, a person, an address, a file.",
    "template": "A text in which values are put: $event.metric, ${event.used | number}.",
    "thread": "The messages of one key, below the first of them in Slack.",
    "trace": "What each step and condition of a run said, with the values it saw: `why` shows it.",
    "trait": "A value that is known of an entity, by its name: from a file, from an event (`upsert.entity`), or by"
    " hand.",
    "unfinished": "Accepted and not done: a run that failed, a delivery that waits. It is found and finished by"
    " `deliver`.",
    "version": "A pipeline as it was when it ran, by a hash of its compiled form: `pipelines show NAME --version V`.",
    "window": "For how long something is remembered: of a key, of `dedupe`, of `throttle`, of a thread.",
}


def topics() -> Iterator[Topic]:
    """Yield the words."""
    for word, meaning in WORDS.items():
        yield Topic(f"word.{word}", "word", word, meaning)
