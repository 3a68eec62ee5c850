"""The NAIVE model: one gamma process for the whole workload, and one table for each length, without clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from servegen_fw.plugin import ClientPool
from servegen_fw_pools.fit.samples import Samples
from servegen_fw_pools.fit.tables import fit_tables

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    F8 = npt.NDArray[np.float64]


def naive_pool(log: Log, covered_s: float, gap_s: F8) -> ClientPool:
    """One client with the overall rate and the CV of all gaps, whose lengths are drawn from all that were recorded.

    So "ServeGen" (arXiv 2505.09999, section 6) defines what it compares with.

    Parameters
    ----------
        log: requests with times.
        covered_s: time in which they arrived.
        gap_s: float64[m]; gaps between neighbouring requests.
    """
    n = len(log)
    mean = float(gap_s.mean()) if len(gap_s) else 0.0
    cv = float(gap_s.std() / mean) if mean > 0 else 1.0
    rows = np.arange(n)
    samples = [
        Samples("input_tokens", rows, log.input_tokens.astype(np.float64)),
        Samples("output_tokens", rows, log.output_tokens.astype(np.float64)),
    ]
    fitted = fit_tables(samples, np.zeros(n, np.int32), np.zeros(n, np.int64), 1, 1)
    return ClientPool(
        name="naive",
        clients=("all",),
        start_s=0.0,
        window_s=covered_s,
        count=np.array([[float(n)]]),
        cv=np.array([[max(cv, 1e-3)]]),
        family=np.zeros((1, 1), np.int16),
        families=("gamma",),
        fields=fitted.fields,
        tables=fitted.tables,
        table=fitted.table,
        table_window_s=covered_s,
    )
