"""Random projects, histories, clocks and crashes: every event is in the one message that the reference says."""

from pathlib import Path

import pytest

from tests.support.histories import play


@pytest.mark.parametrize("seed", range(6))
def test_messages_are_those_of_the_reference(tmp_path: Path, seed: int) -> None:
    for number in range(2):
        play(tmp_path / str(number), f"{seed}.{number}", steps=30, is_rough=False)


@pytest.mark.parametrize("seed", range(3))
def test_every_event_is_in_one_message_whatever_dies(tmp_path: Path, seed: int) -> None:
    play(tmp_path / "project", f"rough {seed}", steps=30, is_rough=True)


def test_messages_are_those_of_the_reference_over_postgresql(
    tmp_path: Path, postgres: str, postgres_server: str
) -> None:
    schema = postgres.partition("#")[2]
    play(tmp_path / schema, "postgresql", steps=25, is_rough=True, server=postgres_server)
