"""Secrets are named in the project's files, `env:NAME` or `keyring:NAME`, and read when they are needed."""

import os
import re

from ..system.errors import ProjectError

SERVICE = "ingestlayer"  # under which the system's keyring has them
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
    try:
        import keyring
    except ImportError:
        hint = f"pip install 'ingestlayer-cli[keyring]', or name an environment variable: env:{key}"
        raise ProjectError(f"the secret keyring:{key} cannot be read: there is no keyring package", hint) from None
    try:
        return keyring.get_password(SERVICE, key) or ""
    except Exception as error:  # its backends raise what they like
        raise ProjectError(
            f"the secret keyring:{key} cannot be read: {type(error).__name__}",
            f"unlock the system's keyring, or name an environment variable: env:{key}",
        ) from None
