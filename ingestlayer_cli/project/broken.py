"""A pipeline file that is wrong: what is still known of it, so that its own runs fail and no others."""

import hashlib
import json
import os
from typing import get_args

from ..system.errors import Problem
from ..system.typed import TomlTable
from .pipeline_file import PipelineFile
from .source import SourceFile

_STATUSES = get_args(PipelineFile.model_fields["status"].annotation)


def broken_pipeline(source: SourceFile, problems: list[Problem], last: dict[str, list[str]]) -> TomlTable:
    """Return a pipeline with its problems in place of steps and destinations.

    `last` has what pipelines took when they were read last.
    """
    name = os.path.basename(source.name).removesuffix(".toml")
    data = source.data if source.data is not None else source.above()
    status = data.get("status")
    # Of the text and of what is wrong with it: that may be another file, a `blocks` file for one.
    version = hashlib.sha256(json.dumps([source.text, problems]).encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return {
        "name": name,
        "version": version,
        "status": status if status in _STATUSES else "active",
        "match": _match(source, data, last.get(name, [])),
        "text": source.text,
        "problems": [[*problem] for problem in problems],
    }


def _match(source: SourceFile, data: TomlTable, last: list[str]) -> list[str]:
    """Return what the pipeline takes; where that cannot be told, what it took, else every type: none goes unheard."""
    match = data.get("match")
    if "match" in source.wrong or (source.data is None and match is None):
        return last
    return match if isinstance(match, list) else []
