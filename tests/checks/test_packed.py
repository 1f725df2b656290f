"""Values that are kept packed."""

import tracemalloc

from ingestlayer_cli.checks.packed import Packed


def test_values_come_back_in_their_order_however_often() -> None:
    packed = Packed()
    assert list(packed) == []
    values = [["ke\nyé", 0.1, None], ["b", 10**20, 1.5]] * 5_000
    for value in values:
        packed.add(value)
    assert list(packed) == list(packed) == values


def test_a_value_takes_a_few_bytes() -> None:
    tracemalloc.start()
    try:
        packed = Packed()
        before = tracemalloc.get_traced_memory()[0]
        for number in range(20_000):
            packed.add([f"customer-{number:07}:seats", number / 7, 0.8, 1_790_000_000_000 + number])
        assert tracemalloc.get_traced_memory()[0] - before < 20_000 * 40
    finally:
        tracemalloc.stop()
