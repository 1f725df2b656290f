"""Where the secrets of a Slack connection lie: the environment, the OS keyring, or a file that only its owner reads.

They belong to one project (by its folder) and one of its workspaces; the default workspace has no name. What is
kept is listed in `slack.json` below the user's state folder (XDG Base Directory Specification): there stands the
secret itself, or that the keyring has it.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from ...secrets.keyring import SERVICE, Backend, NoAnswerError, NoPackageError, ask
from ...system.errors import ProjectError
from ...system.state import make_folder, state_folder
from ...system.typed import Any, NamedTuple, TextIO

NAMES = {"bot": "SLACK_BOT_TOKEN", "webhook": "SLACK_WEBHOOK_URL"}
KEYRING = "the keyring"

Kept = dict[str, dict[str, dict[str, str | None]]]
"""{project: {workspace: {connection: secret, or null when the keyring has it}}}"""


class Secret(NamedTuple):
    """A secret and, for people, where it lies."""

    value: str
    where: str


class CredentialsError(ProjectError):
    """A secret cannot be kept."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "make the folder writable, set XDG_STATE_HOME, or give SLACK_BOT_TOKEN instead")


def variable(connection: str, workspace: str = "") -> str:
    """Return the environment variable of a connection: `SLACK_BOT_TOKEN`, or `SLACK_BOT_TOKEN_ACME`."""
    mark = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in workspace).upper()
    return f"{NAMES[connection]}_{mark}" if workspace else NAMES[connection]


def find(root: str, connection: str, workspace: str = "") -> Secret | None:
    """Return the secret of a connection, `bot` or `webhook`; the environment wins.

    Raises ProjectError when what was kept cannot be read.
    """
    name = variable(connection, workspace)
    if value := os.environ.get(name, "").strip():
        return Secret(value, f"the environment ({name})")
    return kept(root, connection, workspace)


def kept(root: str, connection: str, workspace: str = "") -> Secret | None:
    """Return the secret that `keep` kept. Raises ProjectError when it cannot be read."""
    folder = state_folder()
    if folder is None:
        return None  # nobody's folder: nothing can have been kept there
    path = _path(folder)
    held = _read(path).get(os.path.realpath(root), {}).get(workspace, {})
    if connection not in held:
        return None
    value = held[connection]
    return Secret(_from_keyring(root, connection, workspace), KEYRING) if value is None else Secret(value, path)


def stamp(connection: str, workspace: str = "") -> tuple[Any, ...]:
    """Return what is another one when the secret of a connection may be: for a process that lives long."""
    folder = state_folder()
    try:
        kept_at = os.stat(_path(folder)) if folder else None
    except OSError:
        kept_at = None
    given = os.environ.get(variable(connection, workspace))
    return given, kept_at and (kept_at.st_ino, kept_at.st_size, kept_at.st_mtime_ns)


def keep(root: str, connection: str, workspace: str, value: str) -> Secret:
    """Keep a secret, in the OS keyring where there is one; return it with its place.

    A workspace has one connection: the secret of the one before is forgotten.
    """
    with _changed() as (path, all_kept):
        project = all_kept.setdefault(os.path.realpath(root), {})
        before = project.get(workspace, {})
        if connection not in before:
            # Listed before the keyring has it: who is killed leaves nothing there that is not listed.
            project[workspace] = {**before, connection: None}
            _write(path, all_kept)
        in_keyring = _to_keyring(root, connection, workspace, value)
        for other, secret in before.items():
            if secret is None and not (in_keyring and other == connection):
                _out_of_keyring(root, other, workspace)
        project[workspace] = {connection: None if in_keyring else value}
    return Secret(value, KEYRING if in_keyring else path)


def remove(root: str, workspace: str = "") -> bool:
    """Forget the secrets of a workspace; say whether there was one. ProjectError when the keyring keeps its own."""
    with _changed() as (_, all_kept):
        held = all_kept.get(os.path.realpath(root), {}).get(workspace, {})
        found, stay = bool(held), []
        for connection, value in [*held.items()]:
            # What stays in the keyring stays listed, for the next try.
            if value is None and not _out_of_keyring(root, connection, workspace):
                stay.append(connection)
            else:
                del held[connection]
    if stay:
        account = _account(root, stay[0], workspace)
        hint = f'remove it there: service "{SERVICE}", account "{account}"'
        raise ProjectError("the secret cannot be removed from the keyring", hint)
    return found


def others(root: str, workspace: str, value: str) -> list[str]:
    """Return the other projects that keep the very same bot token, by their folders; what cannot be read is none."""
    found = []
    with suppress(ProjectError):
        folder = state_folder()
        for other, spaces in _read(_path(folder)).items() if folder else ():
            for name, held in spaces.items():
                if (other, name) != (os.path.realpath(root), workspace) and "bot" in held:
                    with suppress(ProjectError):
                        secret = kept(other, "bot", name)
                        if secret is not None and secret.value == value:
                            found.append(other)
    return found


# The keyring ----------------------------------------------------------------------------------------------


def _account(root: str, connection: str, workspace: str) -> str:
    return f"{connection} {workspace or 'default'} {os.path.realpath(root)}"


def _to_keyring(root: str, connection: str, workspace: str, value: str) -> bool:
    """Say whether a keyring has taken a secret: some take it and have it not."""
    account = _account(root, connection, workspace)

    def put(keyring: Backend) -> bool:
        keyring.set_password(SERVICE, account, value)
        return keyring.get_password(SERVICE, account) == value

    try:
        return ask(put)
    except Exception:  # there is none, it is locked, or nobody is there to unlock it
        return False


def _from_keyring(root: str, connection: str, workspace: str) -> str:
    hint = f"set {variable(connection, workspace)}, or connect again: ingestlayer slack connect"
    try:
        value = ask(lambda keyring: keyring.get_password(SERVICE, _account(root, connection, workspace)))
    except NoPackageError:
        from ...system.extras import to_install

        hint = f"{to_install('keyring')}, or {hint}"
        raise ProjectError("Slack's secret is in the keyring, and the package keyring is not installed", hint) from None
    except NoAnswerError as error:
        raise ProjectError(str(error), hint) from None
    except Exception as error:  # its text may hold anything
        raise ProjectError(f"the keyring cannot be read ({type(error).__name__})", hint) from None
    if not value:
        raise ProjectError("Slack's secret is not in the keyring any more", hint)
    return value


def _out_of_keyring(root: str, connection: str, workspace: str) -> bool:
    """Remove a secret from the keyring; say whether it is gone."""
    account = _account(root, connection, workspace)

    def drop(keyring: Backend) -> bool:
        from keyring.errors import PasswordDeleteError

        with suppress(PasswordDeleteError):  # it is gone already, or the next line tells
            keyring.delete_password(SERVICE, account)
        return keyring.get_password(SERVICE, account) is None

    try:
        return ask(drop)
    except Exception:
        return False


# The file -------------------------------------------------------------------------------------------------


def is_private() -> bool:
    """Say whether nobody else may read the file of secrets."""
    folder = state_folder()
    try:
        return folder is None or not os.stat(_path(folder)).st_mode & 0o077
    except OSError:
        return True  # there is none


def _path(folder: str) -> str:
    return os.path.realpath(os.path.join(folder, "slack.json"))


def _read(path: str) -> Kept:
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}", "check its owner and mode") from None
    except (ValueError, RecursionError):
        found = None
    if not _is_sound(found):
        raise ProjectError(f"{path} is damaged", "remove it and connect again: ingestlayer slack connect")
    return dict(found)


def _is_sound(found: Any) -> bool:
    try:
        held = [item for spaces in found.values() for space in spaces.values() for item in space.items()]
    except AttributeError:
        return False
    return all(value is None or isinstance(value, str) for _, value in held)


@contextmanager
def _changed() -> Iterator[tuple[str, Kept]]:
    """Let what is kept be changed, by one process at a time, and write it in one move, with mode 0600."""
    from fcntl import LOCK_EX, flock

    folder = state_folder()
    if folder is None:
        raise CredentialsError("this user has no home folder to keep a secret in")
    path = _path(folder)
    try:
        make_folder(os.path.dirname(path))
        lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            flock(lock, LOCK_EX)
            _sweep(path)
            found = _read(path)
            yield path, found
            _write(path, found)
        finally:
            os.close(lock)
    except OSError as error:
        raise CredentialsError(f"{error.filename or path} cannot be written: {error.strerror}") from None


def _sweep(path: str) -> None:
    """Remove what a process that was killed while it wrote has left: it holds secrets."""
    folder, name = os.path.split(path)
    for found in os.listdir(folder):
        if found.startswith(f"{name}.") and found.removeprefix(f"{name}.").isdigit():
            os.unlink(os.path.join(folder, found))


def _write(path: str, found: Kept) -> None:
    part = f"{path}.{os.getpid()}"
    with _unnamed(path, part) as (file, name):
        json.dump({root: spaces for root, spaces in found.items() if any(spaces.values())}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
        name()
    os.replace(part, path)


@contextmanager
def _unnamed(path: str, part: str) -> Iterator[tuple[TextIO, Callable[[], None]]]:
    """Open a file that has no name until it is whole, so that who is killed leaves none; where there is no such file,
    one that has its name from the start.
    """
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            handle = os.open(".", os.O_WRONLY | getattr(os, "O_TMPFILE", os.O_EXCL), 0o600, dir_fd=folder)
        except OSError:  # this system, or this disk, has none
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            name: Callable[[], None] = lambda: None  # noqa: E731
        else:
            name = partial(os.link, f"/proc/self/fd/{handle}", part, src_dir_fd=folder, follow_symlinks=True)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                yield file, name
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(part)  # it holds secrets
            raise
    finally:
        os.close(folder)
