"""What PostgreSQL, and the way to it, say in words with a remedy; never with a password."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...system.addresses import without_password
from ...system.errors import StoreError, UsageError
from ...system.typed import Any
from ..contract.accepting import AwayError, RepeatError
from .address import Address

# Of others who were in the way: a serialization that failed, a deadlock, no room for locks.
_IN_THE_WAY = ("40001", "40P01", "53200")
# The server is going down, coming up, or has no connection left; or the connection did nothing for too long.
_AWAY = ("57P01", "57P02", "57P03", "57P05", "25P03", "53300", "08")
_READ_ONLY = "25006"  # a standby, or a user who only reads

_STATES = [
    ("42501", "may not be written by its user", "give the user the rights, or let who has them run what"
     " `ingestlayer store info --schema` prints"),
    ("28", "refuses its user", "look at the user and the password: they are in {url}, PGPASSWORD, or a service file"),
    ("3F000", "may not be written by its user", "give the user the rights on the schema: `ingestlayer store info"
     " --schema` prints them"),
    ("3D000", "does not exist", "make the database, or look at its name in {url}"),
    ("53100", "has no room: the disk is full", "free some space on the server"),
    ("42P01", "has not the tables of this program", "`ingestlayer store info --schema` prints the SQL that makes them"),
]  # fmt: skip
# What a pooler before the server refuses: no other try will do.
_REFUSED = [
    ("unsupported startup parameter", "take `options` out of {url} and PGOPTIONS: what is needed is set without it"),
    ("statement pooling", "set pool_mode of its pooler to transaction, or session"),
]


class HopelessError(AwayError):
    """The server takes nothing, or gives no answer: doing it again here would not end."""


@contextmanager
def errors(address: Address, conninfo: str, patience: float) -> Iterator[None]:
    """Turn what psycopg says into words with a remedy."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise _in_words(error, address, conninfo, patience) from None
    except UnicodeEncodeError as error:  # of an argument with half a character, or in another encoding
        word = ascii(str(error.object)[:60])
        hint = "nothing that is stored is called so: write it in UTF-8"
        raise UsageError(f"{word} is not Unicode text", hint) from None


def _in_words(error: Any, address: Address, conninfo: str, patience: float) -> StoreError:
    """Return the error for one of psycopg's."""
    state, said = error.sqlstate or "", _first_line(without_password(str(error), conninfo))
    store = f"the store {address.label}"
    if state in _IN_THE_WAY:
        return RepeatError(f"{store}: others were in the way: {said}", "try again")
    if state == "55P03":
        hint = "look for a process that is stuck; then try again"
        return StoreError(f"{store} is held by another process for over {patience:g} s", hint)
    if state == _READ_ONLY:
        hint = f"is it a standby, or default_transaction_read_only on? Its address is in {address.url}"
        return HopelessError(f"{store} takes nothing: {said}", hint)
    for start, words, hint in _STATES:
        if state.startswith(start) or (start == "28" and not state and "password" in said):
            return StoreError(f"{store} {words}: {said}", hint.format(url=address.url))
    for part, hint in _REFUSED:
        if part in said:
            return StoreError(f"the pooler of {store} refuses what it is asked: {said}", hint.format(url=address.url))
    if is_away(error):
        hint = f"is the server up, and reached from here? Its address is in {address.url}"
        return (HopelessError if is_silent(error) else AwayError)(f"{store} is out of reach: {said}", hint)
    return StoreError(f"{store} failed: {said}")


def is_away(error: Any) -> bool:
    """Say whether the server was not reached, or has ended the connection."""
    from psycopg import InterfaceError, OperationalError
    from psycopg.errors import PipelineAborted

    state = error.sqlstate or ""
    if isinstance(error, PipelineAborted):  # a statement before it failed
        return False
    return state.startswith(_AWAY) or (isinstance(error, OperationalError | InterfaceError) and not state)


def is_silent(error: Any) -> bool:
    """Say whether the server has not answered, nor would it who came to it."""
    from ...system.postgres import SILENT

    return str(error) == SILENT


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
