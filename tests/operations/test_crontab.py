"""What cron is to run."""

from pathlib import Path

from ingestlayer_cli.operations.crontab import crontab


def test_cron_has_the_secret_named_that_a_shell_has(tmp_path: Path) -> None:
    first, *_ = crontab(str(tmp_path), "env:DATABASE_URL")
    assert first == "DATABASE_URL=postgresql://…"


def test_a_path_is_one_word_of_the_shell_and_no_end_of_a_line_of_cron(tmp_path: Path) -> None:
    line, *_ = crontab(str(tmp_path / "100% us"), "usage.csv")
    assert f"-C '{tmp_path}/100\\% us' check" in line
