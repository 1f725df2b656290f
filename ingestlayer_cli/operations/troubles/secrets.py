"""Which secrets, and packages, the project's files ask for, and this process lacks."""

import os
from collections.abc import Iterator
from importlib.util import find_spec

from ...project import Project
from ...project.check_table import SECRET, source_kind
from ...project.own import ALERTS
from ...system.extras import to_install
from .symptoms import Symptom, trouble


def secrets(project: Project) -> Iterator[Symptom]:
    """Yield the secrets of the environment that are not set, and the drivers that are not installed."""
    for name, users in sorted(named(project).items()):
        if not os.environ.get(name, "").strip():
            words = f"{name}, which {' and '.join(users)} {'names' if len(users) == 1 else 'name'}, is not set"
            yield trouble("secrets", "problem", "secret_missing", name, words, hint=f"set {name}")
    for name, data in project.checks.items():
        if source_kind(data["source"] or "") == "postgres" and find_spec("psycopg") is None:
            words, command = f"the check {name} needs the package psycopg", to_install("postgres")
            yield trouble("secrets", "problem", "package_missing", "psycopg", words, command=command)
            break


def named(project: Project) -> dict[str, list[str]]:
    """Return the environment variables that active pipelines and checks name as secrets, each with who does."""
    found: dict[str, list[str]] = {}
    for pipeline in project.pipelines:
        if pipeline["status"] == "active":
            name = pipeline["name"]
            user = "[alerts]" if name == ALERTS else f"the pipeline {name}"
            _look([pipeline["steps"], pipeline["destinations"]], user, found)
    for data in project.checks.values():
        _look([data["source"], *data["headers"].values(), data["heartbeat"]], f"the check {data['name']}", found)
    _look(project.heartbeat, "[deliver]", found)
    return found


def _look(data: object, user: str, found: dict[str, list[str]]) -> None:
    if isinstance(data, dict):
        data = [*data.values()]
    if isinstance(data, list):
        for value in data:
            _look(value, user, found)
    elif isinstance(data, str):
        for name in SECRET.findall(data):
            if name.startswith("env:") and user not in found.setdefault(name.removeprefix("env:"), []):
                found[name.removeprefix("env:")].append(user)
