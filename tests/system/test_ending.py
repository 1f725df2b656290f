"""What a process waits for that was told to end."""

from ingestlayer_cli.system import ending


def test_once_it_is_told_an_answer_is_not_waited_for_long() -> None:
    assert ending.hurried(30) == 30
    ending.tell()
    try:
        assert (ending.hurried(30), ending.hurried(0.1)) == (ending.HURRIED, 0.1)
    finally:
        ending.forget()
