"""One process that loads projects more than once, as a program that uses the Python interface does."""

import subprocess
import sys
from pathlib import Path

TWICE = """
import sys
from ingestlayer_cli.project import load
for path in sys.argv[1:]:
    load(path, keep=False)
"""


def test_two_projects_can_be_loaded_by_one_process(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "pipelines").mkdir(parents=True)
        (tmp_path / name / "ingestlayer.toml").write_text("")
        (tmp_path / name / "pipelines" / "all.toml").write_text("match = []")
    subprocess.run([sys.executable, "-c", TWICE, tmp_path / "a", tmp_path / "b"], check=True, timeout=100)
