"""Makes `words.json` of the commands, so that who presses Tab does not wait for them to be loaded.

When they have changed: `python -m tests.completion_words`.
"""

import re
from collections.abc import Iterable
from typing import Any

# What a value is: by the option that takes it, else by what help calls it, for one command or for all.
_OPTIONS = {
    "-C": "files",
    "--batch": "files",
    "--channel": "channels",
    "--data": "files",
    "--digest": "deliveries",
    "--event": "events",
    "--install-completion": "shells",
    "--pipeline": "pipelines",
    "--recipe": "recipes",
    "--show-completion": "shells",
    "--workspace": "workspaces",
}
_CALLED = {
    "CHANNEL": "channels",
    "DIR": "folders",
    "EVENT": "events",
    "FIELD=TEXT|FIELD:=JSON": "fields",
    "FILE": "files",
    "FILES": "files",
    "FILE|-": "files",
    "KIND": "kinds",
    "PIPELINE": "pipelines",
    "PLACE": "files",
    "SOURCE": "files",
    "TOPIC": "topics",
    "TYPE": "chosen-types",
    "TYPES": "chosen-types",
    "VERSION": "versions",
}
_IN_COMMAND = {
    "check": {"NAME": "checks"},
    "deliveries": {"ID": "deliveries"},
    "emit": {"TYPE": "types", "FILE": "files"},
    "entities": {"ID": "entities"},
    "events": {"ID": "events"},
    "keys": {"NAME": "keys"},
    "pipelines": {"NAME": "pipelines"},
    "preview": {"TYPE": "types"},
    "recipes": {"NAME": "recipes"},
    "replay": {"ID": "events"},
    "why": {"ID": "told"},
}


def words(command: object, topics: Iterable[tuple[str, str]], statuses: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """Return the commands of the program, and the topics of `explain`; `statuses` by the command that takes them."""
    return {**_node(command, "", statuses), "topics": dict(topics)}


def _node(command: Any, path: str, statuses: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    with command.context_class(command, resilient_parsing=True, **command.context_settings) as context:
        params = [param for param in command.get_params(context) if not getattr(param, "hidden", False)]
    node: dict[str, Any] = {"help": _first(command.help or ""), "options": {}}
    for param in params:
        kind = _kind(param, path, statuses)
        if param.param_type_name == "option":
            is_switch = getattr(param, "is_flag", False) and kind != "shells"
            told = [None if is_switch else kind, _first(param.help or "")]
            node["options"] |= dict.fromkeys(sorted({*param.opts, *param.secondary_opts}), told)
    if not hasattr(command, "commands"):
        taken = [param for param in params if param.param_type_name == "argument"]
        return node | {"arguments": [[_kind(param, path, statuses), param.nargs == -1] for param in taken]}
    below = sorted(command.commands.items())
    return node | {"commands": {name: _node(it, f"{path} {name}".strip(), statuses) for name, it in below}}


def _kind(param: Any, path: str, statuses: dict[str, tuple[str, ...]]) -> str | list[str]:
    first = path.partition(" ")[0]
    called = re.sub(r"^\[|\](?=\.*$)|\.+$", "", param.metavar or "")
    if choices := getattr(param.type, "choices", None):
        return [str(choice) for choice in choices]
    if "--status" in param.opts:
        return list(statuses.get(first, statuses[""]))
    if re.fullmatch(r"[a-z]+(\|[a-z]+)+", called):
        return called.split("|")
    by_name = _IN_COMMAND.get(first, {}).get(called) if param.param_type_name == "argument" else None
    by_flag = (_OPTIONS[flag] for flag in param.opts if flag in _OPTIONS)
    return by_name or next(by_flag, None) or _CALLED.get(called, "")


def _first(text: str) -> str:
    """Return the first sentence of a help text, as it is meant and not as Rich reads it."""
    plain = re.sub(r"\[/?[a-z]*\]", "", text.replace("\\[", "\0")).replace("\0", "[")
    return " ".join(re.split(r"(?<=[.;])\s", plain.strip().split("\n\n")[0])[0].rstrip(".;").split())
