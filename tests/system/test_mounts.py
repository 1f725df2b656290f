"""Which file systems are on the network."""

from pathlib import Path

import pytest

from ingestlayer_cli.system.mounts import network_type

TABLE = """\
overlay / overlay rw 0 0
server:/export /srv nfs4 rw 0 0
/dev/sda1 /srv/local ext4 rw 0 0
me@host:/x /home/with\\040space fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/quota/.ingestlayer/store.db", "nfs4"),
        ("/srv/local/store.db", None),
        ("/srvice/store.db", None),
        ("/home/with space/store.db", "fuse.sshfs"),
    ],
)
def test_the_mount_that_is_nearest_tells(tmp_path: Path, path: str, kind: str | None) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert network_type(path, str(table)) == kind


def test_where_no_table_is_nothing_is_told(tmp_path: Path) -> None:
    assert network_type("/srv", str(tmp_path / "none")) is None
