"""Finding the project: `-C`, `INGESTLAYER_PROJECT`, or the nearest `ingestlayer.toml` upward."""

import errno
import os
import stat

from ..system.errors import ProjectError

FILE = "ingestlayer.toml"
HOME = ".ingestlayer"
STORE = f"{HOME}/store.db"  # unless [store] says another place
SCHEMA = "ingestlayer"  # of its tables in a database, likewise
LARGEST = 1 << 20  # bytes of a file of the project
_LEFT = (STORE, f"{HOME}/project.json")  # what is left of a project whose file is gone


def find(path: str | None = None, *, even_gone: bool = False) -> str:
    """Return the project's folder, absolute; ProjectError when there is none.

    `even_gone`: one that has lost its file, and has a store, will do.
    """
    wanted = path or os.environ.get("INGESTLAYER_PROJECT")
    names = (FILE, *_LEFT) if even_gone else (FILE,)
    try:
        return _named(wanted, names) if wanted else _upward(os.getcwd(), names)
    except FileNotFoundError:
        hint = "go into a folder that exists, or name the project by its whole path: ingestlayer -C PATH …"
        raise ProjectError("the working directory does not exist any more", hint) from None


def store_place(root: str, path: str, url: str | None, schema: str) -> str:
    """Return the path of the store's file, or what names the database that several machines share."""
    return os.path.join(root, path) if url is None else f"{url}#{schema}"


def find_above(path: str) -> str | None:
    """Return the folder of the project that a file or folder lies in, absolute; None where it lies in none."""
    start = os.path.abspath(path)
    try:
        return _upward(start if os.path.isdir(start) else os.path.dirname(start), (FILE,))
    except ProjectError:
        return None


def from_here(path: str) -> str:
    """Return a path as it is shown: from the working directory, where there is one."""
    try:
        return os.path.relpath(path)
    except FileNotFoundError:
        return path


def files_in(root: str, folder: str) -> list[str]:
    """Return the TOML files of a folder of a project, relative, in a fixed order."""
    path = os.path.join(root, folder)
    if not os.path.isdir(path):
        return []
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(path)) if name.endswith(".toml")]
    except OSError as error:
        raise ProjectError(f"{path} cannot be read: {error.strerror}", "check its permissions") from None


def bounded(path: str) -> bytes:
    """Return a file's content; OSError for what is no file, or is larger than any of a project's is."""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe or a device")
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST:,} bytes")
    return content


def not_utf_8(raw: bytes, error: UnicodeDecodeError) -> str:
    """Say why a file is no text of ours."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16, by the mark that it begins with: save it as UTF-8"
    return f"is not UTF-8: byte {raw[error.start]:#04x}"


def _has(folder: str, names: tuple[str, ...]) -> bool:
    return any(os.path.exists(os.path.join(folder, name)) for name in names)


def _named(path: str, names: tuple[str, ...]) -> str:
    folder = os.path.abspath(os.path.dirname(path) if os.path.basename(path) == FILE else path)
    if _has(folder, names):
        return folder
    from ..system.console import safe

    raise ProjectError(f"there is no {FILE} in {folder}", f"make a project there: ingestlayer init {safe(path)}")


def _upward(start: str, names: tuple[str, ...]) -> str:
    folder = start
    while not _has(folder, names):
        parent = os.path.dirname(folder)
        if parent == folder:
            raise ProjectError(
                f"no {FILE} in {start} or in any folder above it",
                "make a project with `ingestlayer init`, or name one: ingestlayer -C PATH …",
            )
        folder = parent
    return folder
