"""The built-in recipes: a folder each, with the files of a project."""

import os

from ..errors import UsageError, near_miss

_FOLDER = os.path.dirname(__file__)


def names() -> list[str]:
    return sorted(name for name in os.listdir(_FOLDER) if os.path.isdir(os.path.join(_FOLDER, name)) and name[0] != "_")


def files(recipe: str) -> list[str]:
    """Return the files of a recipe, relative; UsageError for an unknown one."""
    if recipe not in names():
        raise UsageError(f"there is no recipe {recipe}{near_miss(recipe, names())}", f"recipes: {', '.join(names())}")
    root = os.path.join(_FOLDER, recipe)
    found = [os.path.join(folder, name) for folder, _, inside in os.walk(root) for name in inside]
    return sorted(os.path.relpath(path, root) for path in found)


def write(recipe: str, directory: str) -> tuple[list[str], list[str]]:
    """Write a recipe's files below a directory; returns those created and those left as they were."""
    created: list[str] = []
    kept: list[str] = []
    for name in files(recipe):
        with open(os.path.join(_FOLDER, recipe, name), "rb") as source:
            content = source.read()
        # A file of that name would hide files of this repository from its own git.
        target = ".gitignore" if name == "gitignore" else name
        path = os.path.join(directory, target)
        try:
            if os.path.lexists(path):
                kept.append(target)
                continue
            os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
            with open(path, "xb") as file:
                file.write(content)
            created.append(target)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror}", "name a folder that you may write"
            ) from None
    return created, kept
