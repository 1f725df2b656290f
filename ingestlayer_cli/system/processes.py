"""Who this process is, and whether another one still lives: a lease of a killed sender need not run out first."""

import os
from functools import lru_cache


def identity() -> str:
    """Return `host:pid` and, on Linux, what tells this process from any other that ever had its pid here."""
    return _identity(os.getpid())


@lru_cache(maxsize=1)
def _identity(pid: int) -> str:
    """Return it for a pid: a forked process is another one."""
    return "/".join([f"{os.uname().nodename}:{pid}", *_marks(pid)])


def machine() -> tuple[str, str]:
    """Return this machine's name, and what it is known by: containers that it runs have names of their own."""
    name = os.uname().nodename
    return name, next(iter(_marks(os.getpid())), name)


def vanished(other: str) -> bool:
    """Say whether a process is surely gone; False when that cannot be told from here (another machine)."""
    name, *marks = other.split("/")
    host, _, pid = name.rpartition(":")
    if len(marks) != 3 or host != os.uname().nodename or marks[:2] != _marks(os.getpid())[:2]:
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # somebody else's
    found = _marks(int(pid))  # none where /proc hides the processes of others
    return bool(found) and found != marks


def _marks(pid: int) -> list[str]:
    """Return the boot, the pid namespace and the start time of a process here; [] where there is no /proc."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        namespace = str(os.stat("/proc/self/ns/pid").st_ino)
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            # After the name in parentheses: state is field 3, the start time field 22 (proc(5)).
            state, *fields = file.read().rpartition(")")[2].split()
        return [boot, namespace, fields[18] if state != "Z" else "gone"]
    except (OSError, IndexError, ValueError):
        return []
