"""What a log says of each field of a pool: values, and whose they are and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.fit.chains import Chains
    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]
    I4 = npt.NDArray[np.int32]
    I8 = npt.NDArray[np.int64]

RATIO_BINS: Final = 501
"""Bins of the reason ratio, as many as the published data has; 0 and 1 stand for themselves."""

SECONDS_GRID: Final = 1024.0
"""Think times are told to 1/1024 s."""


@attrs.frozen(eq=False)
class Samples:
    """Recorded values of one field; m of them.

    Attributes
    ----------
        field: its name in the pool.
        row: int64[m]; request that each value belongs to.
        value: float64[m]; whole multiples of 2 `half` (plus `half` for ratios).
        half: half the spacing of the values: a value stands for all within +-`half`.
        grid: knots are told to 1 / `grid`.
        exact: values that stand for nothing but themselves.
    """

    field: str
    row: I8
    value: F8
    half: float = 0.5
    grid: float = 2.0
    exact: tuple[float, ...] = ()


def samples_of(log: Log, chains: Chains, prefix_tokens: I4 | None) -> Iterator[Samples]:
    """All fields that the log tells of, input first.

    Where turns repeat the earlier ones, a later turn's input is what it adds to its parent's prompt and answer; the
    few later turns that do not repeat them tell nothing of that and are left out (the fit's meta counts them).
    """
    rows = np.arange(len(log))
    told, inputs = rows, log.input_tokens.astype(np.float64)
    if chains.sessions and chains.carries_context:
        inputs = inputs - chains.carried
        told = np.flatnonzero(chains.first | (chains.carried > 0))
    yield Samples("input_tokens", told, inputs[told])
    yield Samples("output_tokens", rows, log.output_tokens.astype(np.float64))
    if log.reason_tokens is not None:
        some = np.flatnonzero(log.output_tokens > 0)
        yield ratios(some, log.reason_tokens[some] / log.output_tokens[some])
    if log.items is not None:
        owner = np.repeat(rows, log.items.count)
        for number, modality in enumerate(log.items.modalities):
            its = log.items.modality == number
            count = np.bincount(owner[its], minlength=len(rows))
            yield Samples(f"{modality}_count", rows, count.astype(np.float64))
            yield Samples(f"{modality}_tokens", owner[its], log.items.tokens[its].astype(np.float64))
    if chains.sessions:
        begin = np.flatnonzero(chains.first)
        yield Samples("turns", begin, chains.turns.astype(np.float64))
        think_s = np.rint(chains.think_s * SECONDS_GRID) / SECONDS_GRID
        yield Samples("think_s", chains.later, think_s, 0.5 / SECONDS_GRID, SECONDS_GRID, (0.0,))
    if prefix_tokens is not None:
        begin = np.flatnonzero(chains.first)
        yield Samples("prefix_tokens", begin, prefix_tokens[begin].astype(np.float64))


def ratios(row: I8, ratio: F8) -> Samples:
    """Shares within [0, 1] in `RATIO_BINS` bins; 0 and 1 as they are."""
    inner = (np.minimum(np.floor(ratio * RATIO_BINS), RATIO_BINS - 1) + 0.5) / RATIO_BINS
    value = np.where((ratio <= 0) | (ratio >= 1), np.clip(ratio, 0.0, 1.0), inner)
    return Samples("reason_ratio", row, value, 0.5 / RATIO_BINS, 2.0**14, (0.0, 1.0))
