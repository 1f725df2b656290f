"""Keyrings for tests; the package finds one by PYTHON_KEYRING_BACKEND=tests.support.keyrings.NAME."""

import json
import os
import signal
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError, PasswordSetError


class Good(KeyringBackend):
    """Keeps passwords in the file that TEST_KEYRING names."""

    priority = 1

    @property
    def _path(self) -> Path:
        return Path(os.environ["TEST_KEYRING"])

    def _read(self) -> dict[str, str]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def get_password(self, service: str, username: str) -> str | None:
        return self._read().get(f"{service} {username}")

    def set_password(self, service: str, username: str, password: str) -> None:
        self._path.write_text(json.dumps({**self._read(), f"{service} {username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        held = self._read()
        if held.pop(f"{service} {username}", None) is None:
            raise PasswordDeleteError("not found")
        self._path.write_text(json.dumps(held))


class Raising(Good):
    """Locked: every question fails, and its error tells what it was asked."""

    def get_password(self, service: str, username: str) -> str | None:
        raise RuntimeError(f"locked: {self._read()}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise PasswordSetError(f"locked: {password}")

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("locked")


class Clinging(Good):
    """Tells what it has, and lets nothing go."""

    def delete_password(self, service: str, username: str) -> None:
        raise PasswordDeleteError("locked")


class Stopped(Good):
    """Has just taken a password when the machine stops."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        os.kill(os.getpid(), signal.SIGKILL)


class Hanging(Good):
    """Waits for somebody to unlock it, and nobody comes."""

    def get_password(self, service: str, username: str) -> str | None:
        time.sleep(60)
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        time.sleep(60)


class Forgetful(Good):
    """Takes everything and keeps nothing."""

    def get_password(self, service: str, username: str) -> str | None:
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class Unusable(Good):
    """Cannot even be made."""

    def __init__(self) -> None:
        raise OSError("no D-Bus")


class Telling(Hanging):
    """Says that it was asked, in the file that TEST_KEYRING names, and hangs."""

    def get_password(self, service: str, username: str) -> str | None:
        self._path.write_text("{}")
        return super().get_password(service, username)
