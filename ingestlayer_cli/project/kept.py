"""A pipeline's text as the store kept it, checked against the project's declarations and settings of today."""

from typing import Any

from ..system.errors import Problem
from . import models as schema
from .compile import Checker
from .source import SourceFile


def check_kept(root: str, name: str, text: str) -> dict[str, Any]:
    """Return a pipeline's compiled data; ProjectError with every problem, the places in `text`."""
    data: dict[str, Any] = _OneKept(root, name, text).run()["pipelines"][0]
    return data


class _KeptFile(SourceFile):
    def __init__(self, root: str, name: str, problems: list[Problem], text: str) -> None:
        self._kept = text
        super().__init__(root, name, problems)

    def read(self) -> bytes:
        return self._kept.encode()


class _OneKept(Checker):
    """Checks the kept text as the project's only pipeline."""

    def __init__(self, root: str, name: str, text: str) -> None:
        super().__init__(root)
        self._name = f"pipelines/{name}.toml"
        self._text = text

    def _names(self, folder: str) -> list[str]:
        return [self._name] if folder == "pipelines" else super()._names(folder)

    def _read(self, name: str, model: type[schema.Strict]) -> tuple[SourceFile, Any]:
        if name != self._name:
            return super()._read(name, model)
        source = self.sources[name] = _KeptFile(self.root, name, self.problems, self._text)
        return source, None if source.data is None else source.check(model, source.data)
