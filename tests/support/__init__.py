"""What the tests share: stand-ins, projects to run the program in, and the program as a process or in this one."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The folder of pyproject.toml."""
DOCS = ROOT / "ingestlayer_cli" / "docs"
"""The pages that the package brings along."""
