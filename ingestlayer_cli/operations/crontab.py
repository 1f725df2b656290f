"""What cron is to run of a project."""

import os
import shlex
import shutil
import sys


def crontab(place: str, source: str) -> list[str]:
    """Return the lines of a crontab, with the whole paths: cron has nothing of a shell."""
    program = sys.argv[0] if os.path.basename(sys.argv[0]) == "ingestlayer" else shutil.which("ingestlayer")
    call = [os.path.abspath(program)] if program else [sys.executable, "-m", "ingestlayer_cli"]
    root = os.path.realpath(place)
    command = shlex.join([*call, "-C", root])
    log = f"--log {shlex.quote(os.path.join(root, '.ingestlayer', 'check.log'))}"
    lines = [f"7 * * * *    {command} check -q {log}", f"*/5 * * * *  {command} deliver -q {log}"]
    lines.append(f"30 4 * * 0   {command} store prune -q")
    secret = [f"{source.removeprefix('env:')}=postgresql://…"] if source.startswith("env:") else []
    return secret + [line.replace("%", "\\%") for line in lines]  # a bare one ends cron's line
