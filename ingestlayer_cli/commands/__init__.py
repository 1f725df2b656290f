"""Commands: read arguments, call one function of the flow, show the result."""

from typing import Any


class Settings:
    """The options before the command."""

    def __init__(self) -> None:
        self.project: str | None = None
        self.debug = False


settings = Settings()


def open_runtime(keep: bool = True) -> Any:
    """Return the runtime of the project that the command line means; a `with` closes it.

    `keep=False` is for commands that read, and leave no file behind.
    """
    from ..engine.runtime import Runtime
    from ..project import load

    return Runtime(load(settings.project, keep=keep), keep=keep)
