"""Rates: a number and the time in which it may be."""

import pytest

from ingestlayer_cli.system.rates import parse_rate


@pytest.mark.parametrize(("text", "most", "per_second"), [("100/s", 100, 100), ("30/m", 30, 0.5), ("0.5/s", 1, 0.5)])
def test_a_rate_is_read(text: str, most: float, per_second: float) -> None:
    assert (parse_rate(text).most, parse_rate(text).per_second) == (most, per_second)


@pytest.mark.parametrize("text", ["", "100", "0/s", "-1/s", "100/d", "1e3/s", "100 / s", "١/s"])
def test_anything_else_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a rate"):
        parse_rate(text)
