"""The system's keyring, asked with patience: it may wait for somebody who unlocks it."""

from collections.abc import Callable

from ..system.console import is_attended
from ..system.typed import Protocol, TypeVar

SERVICE = "ingestlayer"  # under which it has our secrets
PATIENCE = 5  # seconds in which it must answer when nobody is there to unlock it

Answer = TypeVar("Answer")


class Backend(Protocol):
    """What we ask of the package keyring."""

    def get_password(self, service_name: str, username: str) -> str | None: ...
    def set_password(self, service_name: str, username: str, password: str) -> None: ...
    def delete_password(self, service_name: str, username: str) -> None: ...


class NoAnswerError(Exception):
    """The keyring did not answer in time."""

    def __str__(self) -> str:
        return f"the keyring does not answer ({PATIENCE} s)"


class NoPackageError(Exception):
    """The package is not installed that speaks to keyrings."""


def has_keyring_extra() -> bool:
    """Say whether the package is there that speaks to keyrings."""
    from importlib.util import find_spec

    return find_spec("keyring") is not None


def ask(question: Callable[[Backend], Answer]) -> Answer:
    """Return what a keyring answers to a question; any Exception when it does not.

    NoPackageError without the package, NoAnswerError when it hangs. It may wait for somebody to unlock it: at a
    terminal as long as that takes, elsewhere (cron, a remote machine whose desktop nobody sees) for `PATIENCE`. The
    question is asked in a thread, as it cannot be called off.
    """
    from threading import Thread

    answers: list[Answer] = []
    failures: list[Exception] = []

    def wait() -> None:
        try:
            answers.append(question(_package()))
        except Exception as error:  # a backend may fail in any way: no D-Bus, a locked session
            failures.append(error)

    thread = Thread(target=wait, daemon=True)
    thread.start()
    thread.join(None if is_attended() else PATIENCE)
    if failures:
        raise failures[0]
    if not answers:
        raise NoAnswerError
    return answers[0]


def _package() -> Backend:
    try:
        import keyring
    except ImportError:
        raise NoPackageError from None
    return keyring
