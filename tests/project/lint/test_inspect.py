"""Broken projects, each with the exact lines that `validate` prints at 80 columns."""

from pathlib import Path

import pytest

from tests.support.validate import BROKEN, project_of, unpacked

BUNDLES = sorted(BROKEN.glob("*.txt"))


def test_there_are_at_least_thirty_of_them() -> None:
    assert len(BUNDLES) >= 30


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: path.stem)
def test_validate_prints_exactly_these_lines(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    files, printed = unpacked(bundle.read_text())
    result = project_of(tmp_path, files).here("validate")
    assert result.out.splitlines() == printed
    carets = [line.strip() for line in printed if line.startswith("  ")][1::2]
    assert result.code == (0 if carets and set(carets) == {"^ warning"} else 1)
