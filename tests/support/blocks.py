"""What Slack accepts in a message, checked at least as strictly as Slack does.

The limits come from Slack's documentation: the Block Kit reference (blocks, block elements, composition
objects), chat.postMessage, "Formatting message text", "Message metadata", "Sending messages using incoming
webhooks". Every length counts UTF-16 code units.
Where Slack forgives (unknown keys, blank texts, an unescaped `&`), this module does not.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

MAX_BLOCKS = 50
MAX_TEXT = 40_000
MAX_BLOCKS_WEIGHT = 13_200
MAX_ATTACHMENTS = 100
MAX_ID = 255
MAX_URL = 3000

SECTION_TEXT = CONTEXT_TEXT = 3000
HEADER_TEXT = 150
FIELDS, FIELD_TEXT = 10, 2000
CONTEXT_ELEMENTS, ACTIONS_ELEMENTS = 10, 25
BUTTON_TEXT, BUTTON_VALUE = 75, 2000
ALT_TEXT = IMAGE_TITLE = 2000
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_ANSWER = 100, 300, 30

Check = Callable[[Any, str], None]

_NOT_IN_A_WEBHOOK = {"channel", "metadata", "username", "icon_emoji", "icon_url"}
_TYPES: dict[str, type] = {
    "channel": str,
    "text": str,
    "blocks": list,
    "attachments": list,
    "metadata": dict,
    "thread_ts": str,
    "reply_broadcast": bool,
    "unfurl_links": bool,
    "unfurl_media": bool,
    "mrkdwn": bool,
    "parse": str,
    "link_names": bool,
    "username": str,
    "icon_emoji": str,
    "icon_url": str,
    "client_msg_id": str,
}
_ATTACHMENT_TEXTS = {"author_name", "fallback", "footer", "pretext", "text", "title"}
_ATTACHMENT_OTHERS = {
    *("author_icon", "author_link", "blocks", "color", "fields", "footer_icon"),
    *("image_url", "mrkdwn_in", "thumb_url", "title_link", "ts"),
}
_JSON_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object", bool: "a boolean"}
_PRECEDENCE = (
    "no_text",
    "invalid_arguments",
    "invalid_blocks_format",
    "invalid_blocks",
    "msg_blocks_too_long",
    "too_many_attachments",
    "invalid_attachments",
    "invalid_metadata_format",
    "msg_too_long",
)

_MARKUP = re.compile(r"<[^<>]*>")
_KNOWN_MARKUP = re.compile(
    r"<(!(channel|here|everyone)|!subteam\^\w+|!date\^\d+\^[^|]+|[@#][A-Z0-9]+"
    r"|(https?://|mailto:|tel:|slack://)[^|\s]+)(\|[^\n]+)?>"
)
_TIME = re.compile(r"<!date\^\d+\^\{date_num\} \{time\}\|\d{4,}-\d\d-\d\d \d\d:\d\d [A-Z0-9+-]+>")
_LOOSE_AMPERSAND = re.compile(r"&(?!amp;|lt;|gt;)")
_QUOTE_MARK = re.compile(r"^[ \t]*>{1,3}", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_NAMES = re.compile(r"(?<!\w)[@#][\w.-]+")


@dataclass(frozen=True)
class Problem:
    """One thing that Slack refuses: the error code that it answers, what is wrong, and where."""

    code: str
    text: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.text} [json-pointer:{self.pointer}]"


@dataclass(frozen=True)
class Refusal:
    """Slack's answer to a message with problems: one error code, and the messages that belong to it."""

    code: str
    messages: list[str]


def problems(message: dict[str, Any], *, webhook: bool = False) -> list[str]:
    """Everything wrong with the JSON body of a chat.postMessage (or of an incoming webhook post)."""
    return [str(problem) for problem in _check(message, webhook)]


def refusal(message: dict[str, Any], *, webhook: bool = False) -> Refusal | None:
    """The error that Slack answers this message with, or None when it takes it."""
    found = _check(message, webhook)
    for code in _PRECEDENCE:
        messages = [str(problem) for problem in found if problem.code == code]
        if messages:
            return Refusal(code, messages)
    return None


def mentions(message: dict[str, Any]) -> list[str]:
    """Every `<!…>`, `<@…>`, `<#…>`, `<url>` and `<url|…>` in any text of the message, repeats included.

    Our own times, which mention nobody, are left out.

    Rich text has elements where other texts have markup; they are listed as the markup they stand for. With
    `link_names` or `parse: "full"` Slack also links bare names, so those are listed too.
    """
    bare = bool(message.get("link_names")) or message.get("parse") == "full"
    found: list[str] = []
    for text in _texts(message):
        found += [markup for markup in _MARKUP.findall(text) if not _TIME.fullmatch(markup)]
        if bare:
            found += _NAMES.findall(_MARKUP.sub(" ", text))
    return found


def length(text: str) -> int:
    """Characters as UTF-16 code units: never fewer than code points, so never looser than Slack."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def weight(blocks: list[Any]) -> int:
    """What counts towards `msg_blocks_too_long`: texts and their containers, as the length of compact JSON.

    Slack does not document this limit. Reported for chat.postMessage: about 13,200 characters when nearly all
    of them are text, and less text when there are more containers around it.
    """
    return length(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def _check(message: dict[str, Any], webhook: bool) -> list[Problem]:
    checker = _Checker()
    checker.message(message, webhook)
    return checker.found


class _Checker:
    """Walks a message and collects problems. Every method takes a value and the JSON pointer it stands at."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        self._block_ids: Counter[str] = Counter()
        self._action_ids: Counter[str] = Counter()

    def add(self, at: str, text: str, code: str = "") -> None:
        self.found.append(Problem(code or _code_for(at), text, at or "/"))

    # The message

    def message(self, message: dict[str, Any], webhook: bool) -> None:
        """Arguments of chat.postMessage; a webhook has its channel, name and icon, and takes no metadata."""
        for key, value in message.items():
            at = f"/{_escape(key)}"
            if key not in _TYPES:
                self.add(at, f'unknown key "{key}"', "invalid_arguments")
            elif webhook and key in _NOT_IN_A_WEBHOOK:
                self.add(at, f'"{key}" is not allowed in an incoming webhook', "invalid_arguments")
            else:
                self._argument(key, value, at)
        if not any(_filled(message.get(key)) for key in ("text", "blocks", "attachments")):
            self.add("/text", "no_text: text or blocks are needed", "no_text")

    def _argument(self, key: str, value: Any, at: str) -> None:
        checks: dict[str, Check] = {
            "text": self._top_text,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "metadata": self.metadata,
        }
        if not isinstance(value, _TYPES[key]):
            code = "invalid_blocks_format" if key == "blocks" else ""
            self.add(at, f"must be {_JSON_NAMES[_TYPES[key]]}", code)
        elif key in checks:
            checks[key](value, at)
        else:
            self._small_argument(key, value, at)

    def _top_text(self, text: str, at: str) -> None:
        """`text`: 40,000 characters (chat.postMessage, "Truncating content")."""
        if not text.strip():
            self.add(at, "must be more than 0 characters")
        if length(text) > MAX_TEXT:
            self.add(at, f"no more than {MAX_TEXT} characters allowed", "msg_too_long")
        self.markup(text, at, quotes=True)

    def _small_argument(self, key: str, value: Any, at: str) -> None:
        if isinstance(value, str) and not value.strip():
            self.add(at, "must be more than 0 characters")
        elif key == "thread_ts" and not re.fullmatch(r"\d{10}\.\d{6}", value):
            self.add(at, "must be the ts of a message")
        elif key == "parse" and value not in ("none", "full"):
            self.add(at, 'must be "none" or "full"')
        elif key == "icon_url":
            self.url(value, at)
        elif key == "username":
            self.letters(value, at)

    def metadata(self, value: dict[str, Any], at: str) -> None:
        """Message metadata: an event_type (Slack drops one with a dot in it) and an event_payload."""
        self.keys(value, at, {"event_type", "event_payload"})
        event_type = value.get("event_type", "-")
        if not isinstance(event_type, str) or not event_type.strip():
            self.add(f"{at}/event_type", "must be a non-empty string")
        elif "." in event_type:
            self.add(f"{at}/event_type", "must not contain a dot")
        if not isinstance(value.get("event_payload", {}), dict):
            self.add(f"{at}/event_payload", "must be an object")

    def attachments(self, value: list[Any], at: str) -> None:
        """Secondary attachments (legacy): at most 100 on a message."""
        if len(value) > MAX_ATTACHMENTS:
            self.add(at, f"no more than {MAX_ATTACHMENTS} items allowed", "too_many_attachments")
        for index, attachment in enumerate(value):
            here = f"{at}/{index}"
            if not self.keys(attachment, here, set(), _ATTACHMENT_TEXTS | _ATTACHMENT_OTHERS):
                continue
            for key in sorted(_ATTACHMENT_TEXTS & attachment.keys()):
                if self.string(attachment[key], f"{here}/{key}", MAX_TEXT):
                    self.markup(attachment[key], f"{here}/{key}", quotes=True)
            if isinstance(attachment.get("blocks", []), list):
                self.each(attachment.get("blocks", []), f"{here}/blocks", self.block)
            else:
                self.add(f"{here}/blocks", "must be an array")

    # Blocks

    def blocks(self, value: list[Any], at: str) -> None:
        """Block Kit reference: at most 50 blocks in a message; `weight` has the limit over all."""
        self.count(value, at, MAX_BLOCKS)
        self.each(value, at, self.block)
        if weight(value) > MAX_BLOCKS_WEIGHT:
            text = f"no more than {MAX_BLOCKS_WEIGHT} characters allowed over all blocks"
            self.add(at, text, "msg_blocks_too_long")

    def block(self, value: Any, at: str) -> None:
        checks: dict[str, Check] = {
            "section": self.section,
            "header": self.header,
            "context": self.context,
            "actions": self.actions,
            "image": self.image_block,
            "divider": self.divider,
            "rich_text": self.rich_text,
        }
        self.by_type(value, at, checks, "block")
        if isinstance(value, dict) and "block_id" in value:
            self.identifier(value["block_id"], f"{at}/block_id", self._block_ids)

    def section(self, value: dict[str, Any], at: str) -> None:
        """Section block: text of 1 to 3,000 characters, or up to 10 fields of 1 to 2,000; one accessory."""
        self.keys(value, at, {"type"}, {"block_id", "text", "fields", "accessory", "expand"})
        if "text" not in value and "fields" not in value:
            self.add(at, "must define either `text` or `fields`")
        if "text" in value:
            self.text_object(value["text"], f"{at}/text", SECTION_TEXT)
        if "fields" in value:
            self.count(value["fields"], f"{at}/fields", FIELDS)
            self.each(value["fields"], f"{at}/fields", self.field)
        if "accessory" in value:
            checks: dict[str, Check] = {"button": self.button, "image": self.image_element}
            self.by_type(value["accessory"], f"{at}/accessory", checks, "accessory")
        self.boolean(value, "expand", at)

    def field(self, value: Any, at: str) -> None:
        self.text_object(value, at, FIELD_TEXT)

    def header(self, value: dict[str, Any], at: str) -> None:
        """Header block: a plain_text of 1 to 150 characters."""
        if self.keys(value, at, {"type", "text"}, {"block_id"}):
            self.text_object(value["text"], f"{at}/text", HEADER_TEXT, plain=True)

    def context(self, value: dict[str, Any], at: str) -> None:
        """Context block: 1 to 10 elements, each a text or an image."""
        if self.keys(value, at, {"type", "elements"}, {"block_id"}):
            self.count(value["elements"], f"{at}/elements", CONTEXT_ELEMENTS)
            self.each(value["elements"], f"{at}/elements", self.context_element)

    def context_element(self, value: Any, at: str) -> None:
        if isinstance(value, dict) and value.get("type") == "image":
            self.image_element(value, at)
        else:
            self.text_object(value, at, CONTEXT_TEXT)

    def actions(self, value: dict[str, Any], at: str) -> None:
        """Actions block: 1 to 25 elements. Of the interactive elements only buttons are known here."""
        if self.keys(value, at, {"type", "elements"}, {"block_id"}):
            self.count(value["elements"], f"{at}/elements", ACTIONS_ELEMENTS)
            self.each(value["elements"], f"{at}/elements", self.action)

    def action(self, value: Any, at: str) -> None:
        self.by_type(value, at, {"button": self.button}, "element")

    def button(self, value: dict[str, Any], at: str) -> None:
        """Button element: label 75 characters, url 3,000, value 2,000, action_id 255 and unique."""
        known = {"action_id", "url", "value", "style", "confirm", "accessibility_label"}
        if self.keys(value, at, {"type", "text"}, known):
            self.text_object(value["text"], f"{at}/text", BUTTON_TEXT, plain=True)
        if "action_id" in value:
            self.identifier(value["action_id"], f"{at}/action_id", self._action_ids)
        if "url" in value:
            self.url(value["url"], f"{at}/url")
        if "value" in value:
            self.string(value["value"], f"{at}/value", BUTTON_VALUE)
        if "accessibility_label" in value:
            self.string(value["accessibility_label"], f"{at}/accessibility_label", BUTTON_TEXT)
        if "confirm" in value:
            self.confirm(value["confirm"], f"{at}/confirm")
        self.style(value, at)

    def confirm(self, value: Any, at: str) -> None:
        """Confirmation dialog: title 100 characters, text 300, confirm and deny 30."""
        if self.keys(value, at, {"title", "text", "confirm", "deny"}, {"style"}):
            limits = {
                "title": CONFIRM_TITLE,
                "text": CONFIRM_TEXT,
                "confirm": CONFIRM_ANSWER,
                "deny": CONFIRM_ANSWER,
            }
            for key, limit in limits.items():
                self.text_object(value[key], f"{at}/{key}", limit, plain=True)
            self.style(value, at)

    def style(self, value: dict[str, Any], at: str) -> None:
        if value.get("style", "primary") not in ("primary", "danger"):
            self.add(f"{at}/style", 'must be "primary" or "danger"')

    def image_block(self, value: dict[str, Any], at: str) -> None:
        """Image block: image_url of 3,000 characters, alt_text of 2,000, a plain_text title of 2,000."""
        self._image(value, at, {"block_id", "title"})
        if "title" in value:
            self.text_object(value["title"], f"{at}/title", IMAGE_TITLE, plain=True)

    def image_element(self, value: dict[str, Any], at: str) -> None:
        self._image(value, at, set())

    def _image(self, value: dict[str, Any], at: str, optional: set[str]) -> None:
        if self.keys(value, at, {"type", "image_url", "alt_text"}, optional):
            self.url(value["image_url"], f"{at}/image_url")
            if self.string(value["alt_text"], f"{at}/alt_text", ALT_TEXT):
                self.letters(value["alt_text"], f"{at}/alt_text")

    def divider(self, value: dict[str, Any], at: str) -> None:
        self.keys(value, at, {"type"}, {"block_id"})

    # Rich text

    def rich_text(self, value: dict[str, Any], at: str) -> None:
        """Rich text block: sections, quotes, preformatted texts, lists; texts are literal, not markup."""
        if self.keys(value, at, {"type", "elements"}, {"block_id"}):
            self.count(value["elements"], f"{at}/elements", None)
            self.each(value["elements"], f"{at}/elements", self.rich_container)

    def rich_container(self, value: Any, at: str) -> None:
        extra = {
            "rich_text_section": set[str](),
            "rich_text_quote": {"border"},
            "rich_text_preformatted": {"border"},
            "rich_text_list": {"style", "indent", "offset", "border"},
        }
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in extra:
            self.add(f"{at}/type", f"unsupported rich text element: {kind}")
            return
        if self.keys(value, at, {"type", "elements"}, extra[kind]):
            inner = self.rich_container if kind == "rich_text_list" else self.rich_leaf
            self.count(value["elements"], f"{at}/elements", None)
            self.each(value["elements"], f"{at}/elements", inner)

    def rich_leaf(self, value: Any, at: str) -> None:
        needs = {
            "text": {"text"},
            "link": {"url"},
            "user": {"user_id"},
            "usergroup": {"usergroup_id"},
            "channel": {"channel_id"},
            "broadcast": {"range"},
            "emoji": {"name"},
        }
        kind = value.get("type") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in needs:
            self.add(f"{at}/type", f"unsupported rich text element: {kind}")
            return
        self.keys(value, at, {"type", *needs[kind]}, {"style", "text"} if kind == "link" else {"style"})
        for key in sorted((needs[kind] | {"text"}) & value.keys()):
            if self.string(value[key], f"{at}/{key}", SECTION_TEXT, blank=key == "text"):
                self.letters(value[key], f"{at}/{key}")

    # Values

    def text_object(self, value: Any, at: str, limit: int, *, plain: bool = False) -> None:
        """Text object: plain_text (with emoji) or mrkdwn (with verbatim), at least one character."""
        kind = value.get("type") if isinstance(value, dict) else None
        if kind not in (("plain_text",) if plain else ("plain_text", "mrkdwn")):
            self.add(at, f"must be a {'plain_text' if plain else 'plain_text or mrkdwn'} object")
            return
        option = "emoji" if kind == "plain_text" else "verbatim"
        self.keys(value, at, {"type", "text"}, {option})
        self.boolean(value, option, at)
        if "text" in value and self.string(value["text"], f"{at}/text", limit):
            self.markup(value["text"], f"{at}/text", quotes=kind == "mrkdwn")

    def markup(self, text: str, at: str, *, quotes: bool) -> None:
        """Formatting message text: `&`, `<`, `>` are control characters; `<…>` holds a link or a mention."""
        self.letters(text, at)
        if _LOOSE_AMPERSAND.search(text):
            self.add(at, "unescaped & or broken entity: only &amp; &lt; &gt; are known")
        for found in _MARKUP.findall(text):
            if not _KNOWN_MARKUP.fullmatch(found):
                self.add(at, f"unknown markup {found!r}")
        rest = _MARKUP.sub("x", text)
        if "<" in rest:
            self.add(at, "< without its closing >")
        if ">" in (_QUOTE_MARK.sub("", rest) if quotes else rest):
            self.add(at, "unescaped >")

    def letters(self, text: str, at: str) -> None:
        if _CONTROL.search(text):
            self.add(at, "control characters are not allowed")
        if _SURROGATE.search(text):
            self.add(at, "lone surrogates are not allowed")

    def string(self, value: Any, at: str, limit: int, *, blank: bool = False) -> bool:
        if not isinstance(value, str):
            self.add(at, "must be a string")
        elif not (value if blank else value.strip()):
            self.add(at, "must be more than 0 characters")
        elif length(value) > limit:
            self.add(at, f"no more than {limit} characters allowed")
        return isinstance(value, str)

    def url(self, value: Any, at: str) -> None:
        """URLs of buttons and images: at most 3,000 characters, and http or https."""
        if self.string(value, at, MAX_URL) and not re.fullmatch(r"https?://[^\s<>/?#][^\s<>\x00-\x1f\x7f]*", value):
            self.add(at, "must be an http or https URL")

    def identifier(self, value: Any, at: str, seen: Counter[str]) -> None:
        """block_id and action_id: at most 255 characters, each used once in a message."""
        if self.string(value, at, MAX_ID):
            seen[value] += 1
            if seen[value] > 1:
                self.add(at, f'"{value[:40]}" already exists in this message')

    def boolean(self, value: dict[str, Any], key: str, at: str) -> None:
        if not isinstance(value.get(key, True), bool):
            self.add(f"{at}/{key}", "must be a boolean")

    def keys(self, value: Any, at: str, required: set[str], optional: set[str] | None = None) -> bool:
        """Whether the value is an object with all it needs; missing and unknown keys are problems."""
        if not isinstance(value, dict):
            self.add(at, "must be an object")
            return False
        for key in sorted(required - value.keys()):
            self.add(at, f'missing required key "{key}"')
        for key in value.keys() - required - (optional or set()):
            self.add(f"{at}/{_escape(key)}", f'unknown key "{key}"')
        return required <= value.keys()

    def count(self, value: Any, at: str, limit: int | None) -> None:
        if not isinstance(value, list):
            self.add(at, "must be an array")
        elif not value:
            self.add(at, "must have at least 1 item")
        elif limit is not None and len(value) > limit:
            self.add(at, f"no more than {limit} items allowed")

    def each(self, value: Any, at: str, check: Check) -> None:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            check(item, f"{at}/{index}")

    def by_type(self, value: Any, at: str, checks: dict[str, Check], what: str) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in checks:
            checks[kind](value, at)
        else:
            self.add(f"{at}/type", f"unsupported {what} type: {kind}")


def _code_for(at: str) -> str:
    """The error code that Slack gives to what is wrong at this place."""
    codes = {
        "blocks": "invalid_blocks",
        "attachments": "invalid_attachments",
        "metadata": "invalid_metadata_format",
    }
    return codes.get(at.split("/")[1] if "/" in at else "", "invalid_arguments")


def _escape(key: str) -> str:
    """One reference token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _filled(value: Any) -> bool:
    return bool(value.strip() if isinstance(value, str) else value)


_NOT_SHOWN = {
    *("type", "style", "block_id", "action_id", "channel", "metadata", "thread_ts", "client_msg_id", "parse"),
    *("url", "image_url", "icon_url", "icon_emoji", "thumb_url", "title_link", "author_link", "author_icon"),
}


def _texts(value: Any) -> Iterator[str]:
    """Every text that a reader sees; of rich text, only its mentions, written as markup."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict) and value.get("type") == "rich_text":
        yield from _rich_mentions(value)
    elif isinstance(value, dict):
        hidden = _NOT_SHOWN | ({"value"} if value.get("type") == "button" else set())
        for key, item in value.items():
            if key not in hidden:
                yield from _texts(item)


_RICH_MENTIONS = {
    "user": ("@", "user_id"),
    "usergroup": ("!subteam^", "usergroup_id"),
    "channel": ("#", "channel_id"),
    "broadcast": ("!", "range"),
    "link": ("", "url"),
}


def _rich_mentions(value: Any) -> Iterator[str]:
    """The mentions and links among the elements of a rich text."""
    if not isinstance(value, dict):
        return
    form = _RICH_MENTIONS.get(str(value.get("type")))
    if form:
        label = f"|{value['text']}" if "text" in value else ""
        yield f"<{form[0]}{value.get(form[1])}{label}>"
    elements = value.get("elements")
    for element in elements if isinstance(elements, list) else ():
        yield from _rich_mentions(element)
