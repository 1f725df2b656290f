"""The one language of conditions, keys and texts: its refs, and its filters with an example each."""

from collections.abc import Iterator
from typing import NamedTuple

from ..language.templates import FILTERS
from ..model import families
from ..model.events import HEAD
from .topics import Topic


class Shown(NamedTuple):
    """What a filter does: of a value what its text becomes, as a template has it."""

    meaning: str
    template: str
    value: object
    text: str


SHOWN = {
    "number": Shown("Groups the digits, with two decimals at most.", "${event.used | number}", 10250, "10,250"),
    "percent": Shown("Times a hundred, with one decimal at most.", "${event.used | percent}", 1.025, "102.5%"),
    "date": Shown("The day of a date or time.", "${event.used | date}", "2026-11-03T09:30:00Z", "2026-11-03"),
    "datetime": Shown(
        "Day and time; in Slack each reader sees it in their own zone.",
        "${event.used | datetime}",
        "2026-11-03T09:30:00Z",
        "2026-11-03 09:30 UTC",
    ),
    "month": Shown("The month; in keys a period.", "${event.used | month}", "2026-11-03T09:30:00Z", "2026-11"),
    "week": Shown("The ISO week; in keys a period.", "${event.used | week}", "2026-11-03T09:30:00Z", "2026-W45"),
    "day": Shown("The day; in keys a period.", "${event.used | day}", "2026-11-03T09:30:00Z", "2026-11-03"),
    "hour": Shown("The hour; in keys a period.", "${event.used | hour}", "2026-11-03T09:30:00Z", "2026-11-03T09"),
    "upper": Shown("In capital letters.", "${event.used | upper}", "pro", "PRO"),
    "lower": Shown("In small letters.", "${event.used | lower}", "PRO", "pro"),
    "truncate": Shown("At most so many characters.", "${event.used | truncate(5)}", "api-calls", "api-…"),
    "default": Shown("What stands in place of null.", "${event.used | default('none')}", None, "none"),
    "json": Shown("As JSON; null is null.", "${event.used | json}", ["a", 1], '["a", 1]'),
}

_EXPRESSIONS = """Conditions, values and `${…}` speak one language of refs, numbers, texts and lists.

    $event.used / $event.limit >= 0.8 and $event.metric in ['seats', 'storage']
    $entity.customer["CSM Channel"] != null

Operators are `+ - * / %`, `== != < <= > >=`, `in`, `contains`, `and`, `or`, `not`, and parentheses.
`/` is true division. Constants are `null`, `true` and `false`. Dates and RFC 3339 times compare as such, numbers in
texts as numbers.

What is missing is null, and so are a division by zero and a text where a number is needed. Null goes through arithmetic
and `< <= > >=`; `== null` and `!= null` test for it. A condition that ends null does not hold, and the trace says which
ref was null. A name that is no identifier stands in brackets. There are no calls."""

_TEMPLATES = """Texts and keys in which values are put: `$root.path`, or `${ expression | filter }`.

    $entity.customer.name is out of $event.metric: ${event.used / event.limit | percent}

`$$` is a dollar sign. In a text null is nothing; a key with a null in it is none, for half a key would merge strangers.
In messages every value is literal: it mentions nobody, makes no link, no emoji and no format. In an address values are
percent-encoded. `explain` of a filter shows what it does: {filters}."""


def topics() -> Iterator[Topic]:
    """Yield the language, its roots and its filters."""
    yield Topic("expressions", "language", "expressions and conditions", _EXPRESSIONS)
    yield Topic("templates", "language", "templates", _TEMPLATES.replace("{filters}", ", ".join(FILTERS)))
    own = ", ".join(f"`{name}`" for name in HEAD)
    for root, words in {
        "event": f"The event as it was sent: the fields of its payload, and {own} of its own, `payload` for the whole.",
        "entity": "What is known of an entity, by its kind: `$entity.customer.name`. A step `enrich.entity` puts it"
        " there.",
        "body": "The payload, or what a step `transform` made of it. Of a source: the JSON that came.",
        "item": "Where a list is laid out by `repeat` in a file of blocks: one of its elements.",
        "digest": "Of a digest: `$digest.count`, and `$digest.items`, each with `line`, `order` and `event`.",
        "header": "Of a source: the headers of the request, by their names in small letters.",
    }.items():
        yield Topic(f"${root}", "language", f"the ref ${root}", words)
    for kind in families.kinds("steps"):
        for root, values in families.member("steps", kind).puts.items():
            listed = "; ".join(f"`${root}.{name}`, a {type_}" for name, type_ in values.items())
            words = f"What a step `{kind}` before it found: {listed}. Any of them may be null."
            yield Topic(f"${root}", "language", f"the ref ${root}", words)
    for name in FILTERS:
        shown = SHOWN[name]
        text = f"{shown.meaning} {_shown(shown.value)} becomes `{shown.text}`."
        yield Topic(f"filters.{name}", "filter", f"the filter {name}", text, example=shown.template)


def _shown(value: object) -> str:
    from .keys import written

    return f"`{'null' if value is None else written(value)}`"
