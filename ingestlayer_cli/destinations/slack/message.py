"""What a message in Slack says: the table of a destination, and the body that comes of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import repeat

from ...language.expressions import Scope
from ...language.templates import Template, as_text, url_text
from ...model.events import encode, quoted
from ...model.families import JsonFile, Section, WrongKeyError
from ...system.patterns import lazy
from ...system.typed import Annotated, Any, Body, Literal, TomlTable
from ...system.zones import moment_of
from ..base import Composing
from . import kit as kit
from . import text as texts

_LONG = 250
_COLOR = lazy(r"good|warning|danger|#[0-9a-fA-F]{6}")
_GOOD = "good"

Blocks = list[kit.Block] | tuple[list[str], kit.Layout]
"""The blocks of a message; of one that meets no limit, as nearly all, their texts and how they are laid out."""

_FORMS = 64  # that are kept of one destination
_GAP = "\0"  # where a text goes in a form
_NO_MARKUP = str.maketrans("<>", "‹›")


class Button(Section):
    """A button that opens a link.

    Where the link comes out as none, a line says so in its place.

        buttons = [{ text = "Open account", url = "https://crm.example/$event.customer_id", style = "primary" }]
    """

    text: Annotated[Template, "What is on it."]
    url: Annotated[Template, "What it opens; values in it are percent-encoded."]
    style: Annotated[Literal["primary", "danger"] | None, "Green or red; without it grey."] = None


class SlackMessage(Section):
    """What a message says. Without it: the event's name and its fields.

    In every text the author's markup works, and a value's does not.

        [destinations.message]
        title = "$entity.customer.name is out of $event.metric"
        text = "${event.used | number} of ${event.limit | number} used"
        fields = { Plan = "$event.plan" }
        context = "owner: $entity.customer.csm_email"
        color = "danger"
        buttons = [{ text = "Open account", url = "https://crm.example/$event.customer_id" }]

        [destinations.message]
        blocks = "blocks/alert.json"
    """

    title: Annotated[Template | None, "Its headline; without it the event's type."] = None
    text: Annotated[Template | None, "What it says below that."] = None
    fields: Annotated[dict[str, Template], "Names and values, in two columns."] = {}
    context: Annotated[Template | None, "A line in small letters at its end."] = None
    color: Annotated[str | None, "The bar beside its last line: good, warning, danger or #2eb67d."] = None
    buttons: Annotated[list[Button], "Links as buttons."] = []
    blocks: Annotated[JsonFile | None, "A file of Block Kit blocks, in place of all others."] = None

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._buttons = [Button(**row) for row in values.get("buttons", [])]
        self._pairs = [(texts.tidy(name, quotes=True), value) for name, value in self.fields.items()]

    @classmethod
    def compiled(cls, values: TomlTable) -> TomlTable:
        blocks = values.get("blocks")
        if blocks is not None:
            from .blocks_file import compiled

            try:
                values["blocks"] = compiled(blocks)
            except ValueError as error:
                raise WrongKeyError(str(error), "blocks") from None
            if idle := [name for name in ("fields", "context", "buttons") if values.get(name)]:
                words = f"`blocks` is the whole message: {', '.join(idle)} would not show; put them into the file"
                raise WrongKeyError(words, idle[0])
        if not _COLOR.fullmatch(values.get("color", "good")):
            raise WrongKeyError('color is "good", "warning", "danger", or as in "#2eb67d"', "color")
        if len(values.get("buttons", [])) > kit.MAX_BUTTONS:
            raise WrongKeyError(f"a message takes at most {kit.MAX_BUTTONS} buttons", "buttons")
        return values

    def headline(self, scope: Scope) -> str:
        """Return its title as plain text, empty without one."""
        return texts.undated(texts.said(self.title, scope, quotes=False).strip()) if self.title else ""

    def said(self, composing: Composing, mention: str, is_over: bool, zone: str) -> tuple[str, Blocks]:
        """Return what it says, in a notification and in its blocks.

        `mention` is the line that says whom it is for, `zone` that of its times.
        """
        event, scope, way = composing.event, composing.scope, f"`ingestlayer events show {composing.event.id}`"
        title = self.headline(scope)
        title = f"Resolved: {title or event.type}" if is_over else title
        text = texts.said(self.text, scope).strip() if self.text else ""
        blocks: Blocks
        if self.blocks:
            blocks = self._own_blocks(composing, mention, way, is_over)
        else:
            where = f"{texts.escape(composing.pipeline)} · {_time(event.received_at // 1_000, zone)} · {event.id}"
            where += f" · {composing.mark}" if composing.mark else ""
            blocks = self._blocks(scope, title or event.type, [text, mention, where], way, is_over)
        both = f"{title}: {text}" if title and text else title or text
        return texts.clip(texts.undated(both) or event.type, kit.MAX_FALLBACK), blocks

    def _own_blocks(self, composing: Composing, mention: str, way: str, is_over: bool) -> list[kit.Block]:
        """Return the blocks of the author's file; a mention and the mark of a replay come after them."""
        from .blocks_layout import laid_out

        more = [kit.section(mention)] if mention else []
        if composing.mark:
            more.append(kit.context(composing.mark))
        if is_over:
            more.append(kit.context("Resolved"))
        room = kit.MAX_BLOCKS - len(more)
        own = laid_out(self.blocks or [], composing.scope, way, room)
        if is_over:
            own = [block for block in own or () if block["type"] != "actions"]
        return kit.fit([*(own or [kit.context(f"nothing to show, {way}")]), *more], way)

    def _blocks(self, scope: Scope, title: str, words: list[str], way: str, is_over: bool) -> Blocks:
        """Return the blocks of a title and `words`: the text, the mention, and where the message comes from."""
        text, mention, where = words
        # A long text may be cut, and whom it is for must not be lost.
        lines = [line for line in (text, mention) if line]
        if len(text) <= _LONG and lines:
            lines = ["\n".join(lines)]
        pairs = [(name, texts.said(value, scope)) for name, value in self._pairs]
        if not (pairs or self.text):
            pairs = [(texts.escape(name), texts.escape(as_text(value))) for name, value in scope["body"].items()]
        cells = kit.cells(pairs, way)
        buttons, links, problems = self._open(scope) if not is_over else ((), [], [])
        context = texts.said(self.context, scope).strip() if self.context else ""
        notes = [line for line in ("\n".join(problems), context, where) if line]
        found = [kit.one_line(title), *lines, *cells, *links, *notes]
        layout = len(lines), len(cells), buttons, len(notes)
        if kit.is_small(found, links[::2]):
            return found, layout
        return kit.fit(kit.laid_out(iter(found), layout), way)

    def _open(self, scope: Scope) -> tuple[tuple[tuple[int, str | None], ...], list[str], list[str]]:
        """Return the buttons, the label and the link of each, and a note for each whose link Slack would refuse."""
        found: list[tuple[int, str | None]] = []
        links: list[str] = []
        notes = []
        room = kit.MAX_URLS
        for number, row in enumerate(self._buttons):
            label, url = texts.undated(texts.said(row.text, scope, quotes=False)), url_text(row.url, scope)
            problem = texts.url_problem(url)
            if problem is None and len(url) > room:
                problem = "the links of this message are too long together"
            if problem is None:
                room -= len(url)
                found.append((number, row.style))
                links += label.strip() or "—", url
            else:
                notes.append(kit.no_button(label, problem))
        return (*found,), links, notes


@lru_cache(maxsize=64)
def _time(seconds: int, zone: str) -> str:
    """Return a time as each reader is shown it: thousands of events come in one second."""
    return texts.dated(moment_of(seconds * 1_000, zone))


def name_of(username: Template | None, scope: Scope) -> str:
    """Return who a message is said to be from; empty for the app itself."""
    if username is None:
        return ""
    # A name is no markup to Slack; without the signs it can be none to anybody.
    said = username.render(scope, texts.literal).translate(_NO_MARKUP)
    return texts.clip(kit.one_line(said), kit.MAX_NAME, markup=False)


@lru_cache(maxsize=64)
def as_word(type_: str) -> str:
    """Return an event's type as metadata may have it: else Slack drops it."""
    return re.sub(r"\W", "_", type_)


class Bodies:
    """The bodies of one destination as JSON: what stands around their texts is the same in nearly all, and made once.

    A body that `is_posted` names its channel, and may name who it is from; that of a webhook does not.
    """

    def __init__(self, color: str | None, icon: str | None, unfurl: bool | None) -> None:
        self._color, self._icon, self._unfurl = color, icon, unfurl
        self._forms: dict[tuple[Any, ...], str] = {}

    def written(
        self, said: list[str], layout: kit.Layout | list[kit.Block], is_over: bool, is_posted: bool, has_name: bool
    ) -> str:
        """Return a body of these texts, or of these blocks and the texts beside them."""
        if isinstance(layout, list):
            return encode(self._body(iter(said), layout, is_over, is_posted, has_name))
        kind = layout, is_over, is_posted, has_name
        form = self._forms.get(kind)
        if form is None:
            if len(self._forms) >= _FORMS:
                self._forms.clear()
            gaps = repeat(_GAP)
            body = self._body(gaps, kit.laid_out(gaps, layout), is_over, is_posted, has_name)
            form = self._forms[kind] = encode(body).replace("%", "%%").replace(encode(_GAP), "%s")
        return form % (*map(quoted, said),)

    def _body(
        self, text: Iterator[str], blocks: list[kit.Block], is_over: bool, is_posted: bool, has_name: bool
    ) -> Body:
        """Return a body, whose texts are taken in their order."""
        channel = {"channel": next(text)} if is_posted else {}
        body = {**channel, "text": next(text), **kit.barred(blocks, _GOOD if is_over else self._color)}
        if not is_posted:
            return body
        name = {"username": next(text)} if has_name else {}
        metadata = {
            "event_type": next(text),
            "event_payload": {"event_id": next(text), "event_type": next(text), "delivery_id": next(text)},
        }
        return {**body, **name, **_looks(self._icon, self._unfurl), "metadata": metadata}


def _looks(icon: str | None, unfurl: bool | None) -> Body:
    """Return what a message is shown with, and whether links in it are drawn."""
    found: Body = {}
    if icon is not None:
        found["icon_emoji" if icon.startswith(":") else "icon_url"] = icon
    return found if unfurl is None else {**found, "unfurl_links": unfurl, "unfurl_media": unfurl}
