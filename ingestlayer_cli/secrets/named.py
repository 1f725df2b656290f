"""Secrets are named in the project's files, `env:NAME` or `keyring:NAME`, and read when they are needed."""

import os
import re

from ..system.errors import ProjectError
from .keyring import SERVICE, NoAnswerError, NoPackageError, ask

_NAME = re.compile(r"(env|keyring):([\w./-]+)", re.ASCII)


def is_name(text: str) -> bool:
    """Say whether a text names a secret."""
    return _NAME.fullmatch(text) is not None


def resolve(name: str) -> str:
    """Return the secret that `env:NAME` or `keyring:NAME` names, without white space around it.

    ProjectError when it is not set, or empty; an error never holds the secret.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        # What stands there is not shown: it may be the secret itself.
        raise ProjectError("a secret is not named", 'name it, "env:NAME" or "keyring:NAME"')
    place, key = found.groups()
    if place == "env":
        secret, hint = os.environ.get(key, ""), f"set the environment variable {key}"
    else:
        secret, hint = _from_keyring(key), f"store it: keyring set {SERVICE} {key}"
    if not secret.strip():
        raise ProjectError(f"the secret {name} is not set", hint)
    return secret.strip()


def _from_keyring(key: str) -> str:
    hint = f"name an environment variable: env:{key}"
    try:
        return ask(lambda keyring: keyring.get_password(SERVICE, key)) or ""
    except NoPackageError:
        from ..system.extras import to_install

        why, remedy = "there is no keyring package", to_install("keyring")
    except NoAnswerError as error:
        why, remedy = str(error), "unlock the system's keyring"
    except Exception as error:  # its backends raise what they like, and its text may hold anything
        why, remedy = type(error).__name__, "unlock the system's keyring"
    raise ProjectError(f"the secret keyring:{key} cannot be read: {why}", f"{remedy}, or {hint}")
