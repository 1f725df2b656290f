"""`serve` where its extra is not installed."""

import subprocess
import sys

from tests.support.folder import Folder
from tests.support.program import environment


def test_without_its_extra_it_says_what_to_install(project: Folder) -> None:
    code = "import sys; sys.modules['uvicorn'] = None\nfrom ingestlayer_cli.main import run; sys.exit(run(['serve']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "pip install 'ingestlayer-cli[serve]'" in done.stderr
