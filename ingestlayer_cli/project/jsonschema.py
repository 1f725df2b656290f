"""JSON Schemas (draft 2020-12) of the project's files, for editors: made of the models that check them.

`init` and `validate` keep them under `.ingestlayer/schema/`, where the first line of each file finds them:
`#:schema ../.ingestlayer/schema/pipeline.json`.
"""

import json
import os
from collections.abc import Callable
from functools import cache
from inspect import cleandoc
from typing import Any, Literal

from pydantic import Field

from ..model import families
from ..system.typed import Schema
from . import models as schema
from .event_file import EventFile
from .pipeline_file import PipelineFile
from .settings import project_file

_MODELS: dict[str, Callable[[], type[schema.Strict]]] = {
    "project": project_file,
    "event": lambda: EventFile,
    "pipeline": lambda: PipelineFile,
}
KINDS = tuple(_MODELS)
FOLDER = os.path.join(".ingestlayer", "schema")


@cache
def schema_of(kind: str) -> Schema:
    """Return the JSON Schema of a kind of file: project, event or pipeline; it takes long to make."""
    made = _MODELS[kind]().model_json_schema()
    if kind == "pipeline":
        for family in ("steps", "destinations"):
            members = {name: _member(family, name) for name in families.kinds(family)}
            made.setdefault("$defs", {}).update({f"{family}.{name}": table for name, table in members.items()})
            one = {"oneOf": [{"$ref": f"#/$defs/{family}.{name}"} for name in members], "required": ["use"]}
            made["properties"][family]["items"] = one
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(made)}


@cache
def text_of(kind: str) -> str:
    """Return the same as it is written into a file."""
    return json.dumps(schema_of(kind), indent=1, ensure_ascii=False) + "\n"


def _member(family: str, kind: str) -> Schema:
    """Return the schema of a step or a destination; its own definitions stay inside it."""
    cls = families.member(family, kind)
    model = schema.section_model(cls, use=(Literal[kind], Field(description=f"Which of the {family} it is.")))
    return model.model_json_schema(ref_template=f"#/$defs/{family}.{kind}/$defs/{{model}}")


def _tidy(data: object, is_names: bool = False) -> Any:
    """Leave out the titles that pydantic makes of the names, null, and the indentation of docstrings."""
    if isinstance(data, list):
        return [_tidy(item) for item in data]
    if not isinstance(data, dict):
        return data
    if not is_names and {"type": "null"} in data.get("anyOf", ()):  # TOML has no null
        others = [option for option in data["anyOf"] if option != {"type": "null"}]
        data = {name: value for name, value in data.items() if name not in ("anyOf", "default")}
        data = {**others[0], **data} if len(others) == 1 else {**data, "anyOf": others}
    kept = {
        name: it for name, it in data.items() if is_names or not ((name == "title") or (name, it) == ("default", None))
    }
    tidied = {name: _tidy(value, not is_names and name in ("properties", "$defs")) for name, value in kept.items()}
    if not is_names and isinstance(tidied.get("description"), str):
        tidied["description"] = cleandoc(tidied["description"])
    return tidied


def refresh(root: str) -> None:
    """Write the schemas of a project where they are missing or stale; one that may not be written is left."""
    for kind in KINDS:
        path = os.path.join(root, FOLDER, f"{kind}.json")
        text = text_of(kind)
        try:
            with open(path, encoding="utf-8") as file:
                if file.read() == text:
                    continue
        except (OSError, ValueError):
            pass
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            part = f"{path}.{os.getpid()}"
            with open(part, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(part, path)
        except OSError:
            return
