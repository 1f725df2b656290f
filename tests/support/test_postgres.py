"""The server of the tests ends with who started it, however that ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.support import ROOT

START = """
import time
from tests.support.postgres import server
with server() as own:
    print(own.folder, flush=True)
    time.sleep(100)
"""


def test_a_server_whose_user_is_killed_is_stopped() -> None:
    user = subprocess.Popen([sys.executable, "-c", START], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    folder = Path(user.stdout.readline().strip())
    number = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    user.kill()
    user.communicate()
    ends = time.monotonic() + 60
    while (folder.exists() or runs(number)) and time.monotonic() < ends:
        time.sleep(0.02)
    assert not folder.exists()
    assert not runs(number)


def runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True
