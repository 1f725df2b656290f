"""What not everybody has installed: the extras of the package."""

import shlex
import sys
from importlib.util import find_spec


def to_install(extra: str) -> str:
    """Return the command that adds an extra where this program is: its own Python need not be first on the PATH.

    Without pip beside us we were installed by uv, or by a pipx that uses it.
    """
    python, what = shlex.quote(sys.executable), f"'ingestlayer-cli[{extra}]'"
    return f"{python} -m pip install {what}" if find_spec("pip") else f"uv pip install --python {python} {what}"
