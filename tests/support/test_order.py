"""The files that take long are known, whatever becomes of them."""

from tests.support.order import LONG, lacking, missing


def test_all_that_are_begun_with_are_there() -> None:
    assert missing() == []


def test_a_file_that_takes_more_than_its_share_is_told() -> None:
    known = next(iter(LONG))
    others = {f"tests/test_{number}.py": 1.0 for number in range(95)}
    assert lacking({**others, known: 3.0, "tests/test_new.py": 3.0}) == ["tests/test_new.py"]
