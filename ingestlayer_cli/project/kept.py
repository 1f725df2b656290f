"""A pipeline's text as the store kept it, checked against the project's declarations and settings of today."""

from ..system.errors import Problem
from ..system.typed import TomlTable
from .compile import Compiler
from .source import SourceFile


def check_kept(root: str, name: str, text: str) -> TomlTable:
    """Return a pipeline's compiled data; ProjectError with every problem, the places in `text`."""
    data: TomlTable = _OneKept(root, name, text).run()["pipelines"][0]
    return data


class _KeptFile(SourceFile):
    def __init__(self, root: str, name: str, problems: list[Problem], text: str) -> None:
        self._kept = text
        super().__init__(root, name, problems)

    def read(self) -> bytes:
        return self._kept.encode()


class _OneKept(Compiler):
    """Checks the kept text as the project's only pipeline."""

    def __init__(self, root: str, name: str, text: str) -> None:
        super().__init__(root)
        self._name = f"pipelines/{name}.toml"
        self._text = text

    def names(self, folder: str) -> list[str]:
        return [self._name] if folder == "pipelines" else super().names(folder)

    def add_alerts(self) -> None:
        """Leave out what is not the kept text."""

    def opened(self, name: str) -> SourceFile:
        if name != self._name:
            return super().opened(name)
        return _KeptFile(self.facts.root, name, self.facts.problems, self._text)
