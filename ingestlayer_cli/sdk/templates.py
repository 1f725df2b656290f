"""The texts that a client has whatever is declared: data files beside this module, with `__NAMES__` for what is not."""

import os
import re

from .. import __version__
from .folder import MARK

_FOLDER = os.path.dirname(__file__)
_HOLE = re.compile(r"__[A-Z_]+__")


def filled(language: str, name: str, **values: str) -> str:
    """Return a text of a language with its holes filled."""
    head = f"{MARK} {__version__} from the declarations of this project. Do not edit."
    known = {"HEAD": head, "VERSION": __version__, **values}
    with open(os.path.join(_FOLDER, language, name), encoding="utf-8") as file:
        return _HOLE.sub(lambda hole: known[hole[0].strip("_")], file.read())
