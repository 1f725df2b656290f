"""Ctrl-C in the middle of a block comes at its end, and only there."""

import os
import signal

import pytest

from ingestlayer_cli.system.interrupting import held_back


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_comes_at_the_end_of_the_block() -> None:
    done = []

    def work() -> None:
        with held_back():
            press()
            done.append("all of it")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all of it"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_of_the_block_is_told_where_nobody_presses() -> None:
    with pytest.raises(LookupError), held_back():
        raise LookupError
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_back():
            press()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
