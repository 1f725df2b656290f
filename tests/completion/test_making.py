"""What completion knows of the commands is what they say."""

from tests.completion_words import FILE, made


def test_the_words_are_those_of_the_commands() -> None:
    assert FILE.read_text(encoding="utf-8") == made(), "python -m tests.completion_words"
