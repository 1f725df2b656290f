"""Which kind of file system a file lies on, where the system tells it."""

import os
import re

# What SQLite's locks do not work over, or not from two machines: https://sqlite.org/faq.html#q5, https://sqlite.org/wal.html
NETWORK = {"nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "gfs2"}
TABLE = "/proc/self/mounts"
_OCTAL = re.compile(r"\\([0-7]{3})")


def network_type(path: str, table: str = TABLE) -> str | None:
    """Return the kind of network file system that a path is on; None where it is on none, or that cannot be told."""
    try:
        with open(table, encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split() for line in file]
    except OSError:
        return None
    best, kind = "", ""
    for row in rows:  # fstab(5): device, mount point, type; of two on one point the later is on top
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), row[1]) if len(row) > 2 else ""
        if point and len(point) >= len(best) and _is_below(os.path.realpath(path), point):
            best, kind = point, row[2]
    name = kind.removeprefix("fuse.")
    return kind if name in NETWORK or name in ("sshfs", "s3fs", "rclone", "gcsfuse") else None


def _is_below(path: str, point: str) -> bool:
    return path == point or path.startswith(point.rstrip("/") + "/")
