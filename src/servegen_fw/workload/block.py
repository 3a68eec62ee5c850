"""Blocks: the fixed runs of a client's rows in which products are called, whatever the length of the case."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from servegen_fw.data.arrays import F8

SMALLEST = 64
LARGEST = 4096


@attrs.frozen(eq=False)
class Block:
    """Consecutive arrivals of one client, in time order.

    Attributes
    ----------
        number: of the block within the client; with the client's name and the purpose it labels a random stream.
        first: ordinal of its first arrival within the client.
        size: arrivals for which products are called; no less than there are times.
        due_s: float64[m]; times of the arrivals since the start of the case; some may lie outside it.
    """

    number: int | str
    first: int
    size: int
    due_s: F8


def in_blocks(due_s: F8) -> Iterator[Block]:
    """Cut a client's ascending times into blocks of 64, 128 ... 4,096, 4,096 ... rows.

    The cuts depend on the row's ordinal only, so a longer series of times leaves the earlier blocks as they were;
    they start small so that a client of ten requests does not draw four thousand.
    """
    first, size, number = 0, SMALLEST, 0
    while first < len(due_s):
        yield Block(number, first, size, due_s[first : first + size])
        first, size, number = first + size, min(2 * size, LARGEST), number + 1
