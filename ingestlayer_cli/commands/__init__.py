"""Commands: read arguments, call one function of the flow, show the result."""


class Settings:
    """The options before the command."""

    def __init__(self) -> None:
        self.project: str | None = None
        self.debug = False


settings = Settings()
