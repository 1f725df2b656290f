"""A test put at the end of a pipeline's file: all that stands there stays as it is."""

import tomllib

from ..system.errors import ProjectError
from .edit import BOM, parsed, read, replace, told
from .kept import check_kept


def append_test(root: str, path: str, name: str, lines: list[str]) -> int:
    """Write the lines of a `[[tests]]` behind the others; return the number of its first line."""
    text, data = read(path, name)
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text if not text or text.endswith("\n") else text + newline
    before += "" if not before.strip() or before.endswith(newline * 2) else newline
    edited = before + "".join(line + newline for line in lines)
    (test,) = tomllib.loads("\n".join(lines))["tests"]
    if told(parsed([edited.removeprefix(BOM)])) != told({**data, "tests": [*data.get("tests", []), test]}):
        raise ProjectError(f"{name}: no test can be put at its end", "write its tests as [[tests]] tables")
    pipeline = name.rpartition("/")[2].removesuffix(".toml")
    check_kept(root, pipeline, edited.removeprefix(BOM).replace("\r\n", "\n"))
    replace(path, name, edited)
    return before.count("\n") + 1
