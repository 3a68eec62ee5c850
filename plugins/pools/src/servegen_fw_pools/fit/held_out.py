"""What a fit is worth: its prediction of a part of the log that it has not seen, beside NAIVE's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem
from servegen_fw_pools.characterize.words import rounded
from servegen_fw_pools.fit.frame import Frame, Stream, measures
from servegen_fw_pools.fit.from_log import covered, grid_of
from servegen_fw_pools.fit.naive import naive_pool
from servegen_fw_pools.fit.prediction import denoised, interpolated, lasting, predictions, recent
from servegen_fw_pools.fit.resolution import step_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    I8 = npt.NDArray[np.int64]

SEEDS: Final = 8
"""Workloads drawn from each model; their lowest and highest values are stated."""

LEAST_REQUESTS: Final = 100
EVERY_OTHER: Final = "every-other"

Fit = Callable[["Log", float], ClientPool]


def held_out(log: Log, part: float | str, fit: Fit, window_s: float) -> dict[str, Any]:
    """Fit a part of `log`, predict the rest, and compare both the fit and NAIVE with it.

    A fraction holds out the end of the log: the pool of the beginning, repeated if it is shorter, is taken as the
    prediction, with the lengths of late requests counting more if it is shorter than a day (`recent`). ``"every-other"`` holds out every second window: its clients' counts are predicted by the mean of the
    windows around it. Workloads of both models are composed with ``counts = "process"``, so that their counts vary as
    the model implies; since recorded counts hold that variation already, those of each client are first drawn to their
    mean by the share of their variance that its gaps explain (n cv^2 for a window of n requests). Think times are taken
    as told, answers as immediate. NAIVE takes the times of the log as they are.

    Parameters
    ----------
        log: requests with times.
        part: share of the log's time to hold out, within (0, 1); or ``"every-other"``.
        fit: makes a pool of a log of a given length in seconds.
        window_s: length of the windows of ``"every-other"``, made to cover the log as `fit_log` does.

    Returns
    -------
        JSON-able: what was held out, and for each measure its value there ("held_out") and by model ("fitted",
        "naive") the mean over `SEEDS` workloads with the lowest and highest one.

    Raises
    ------
        InputError: `part` is no such share, or one of the parts would hold fewer than 100 requests.
    """
    assert log.time_s is not None  # noqa: S101 - the fit has refused it
    n = len(log)
    whole_s = covered(log)
    window_s = grid_of(whole_s, float(log.time_s[-1]), window_s, None).window_s if whole_s else window_s
    if isinstance(part, str):
        frame = Frame(whole_s, window_s, odd=True, step_s=step_of(log.time_s))
        kept = ~frame.inside(log.time_s)
        how = f"every other window of {window_s:.6g} s"
    else:
        if not 0 < part < 1:
            what = f"{part:g} is no share to hold out"
            raise InputError(Problem(what, who="--hold-out", cure="give a share between 0 and 1, e.g. 0.5"))
        kept = log.time_s < whole_s * (1 - part)
        frame = Frame(whole_s * part, window_s, step_s=step_of(log.time_s))
        how = f"the last {100 * part:g} % of the time"
    if min(kept.sum(), n - kept.sum()) < LEAST_REQUESTS:
        what = f"{int(kept.sum())} requests would be left to fit and {int(n - kept.sum())} to hold out"
        cure = f"hold out another share, so that both parts have {LEAST_REQUESTS} requests"
        raise InputError(Problem(what, who="--hold-out", cure=cure))
    seen = rows_of(log, np.flatnonzero(kept))
    rest = rows_of(log, np.flatnonzero(~kept))
    assert seen.time_s is not None  # noqa: S101
    assert rest.time_s is not None  # noqa: S101
    gap_s = np.diff(seen.time_s)
    if frame.odd:
        window = (seen.time_s / window_s).astype(np.int64)
        gap_s = gap_s[np.diff(window) == 0]
        pool = interpolated(fit(seen, whole_s))
        naive = naive_pool(seen, whole_s, gap_s)
        naive = attrs.evolve(naive, count=naive.count * whole_s / (whole_s - frame.covered_s))
        shift_s = 0.0
    else:
        shift_s = whole_s - frame.duration_s
        pool = lasting(recent(fit(seen, shift_s)), frame.duration_s)
        naive = lasting(naive_pool(seen, shift_s, gap_s), frame.duration_s)
    truth = Stream(
        rest.time_s - shift_s, rest.input_tokens.astype(np.float64), rest.output_tokens.astype(np.float64)
    )
    pool = denoised(pool)
    right = measures(truth, truth, frame)
    models = {
        name: [measures(one, truth, frame) for one in predictions(model, frame.duration_s, SEEDS)]
        for name, model in (("fitted", pool), ("naive", naive))
    }
    return {
        "how": how,
        "fitted_requests": len(seen),
        "held_out_requests": len(rest),
        "seeds": SEEDS,
        "measures": {
            name: {"held_out": rounded(value)}
            | {model: _spread([one[name] for one in drawn]) for model, drawn in models.items()}
            for name, value in right.items()
        },
    }


def rows_of(log: Log, rows: I8) -> Log:
    """The given requests of a log, ascending; turns count from the first one that is kept of their session."""
    taken: dict[str, Any] = {}
    for name in (
        "time_s",
        "input_tokens",
        "output_tokens",
        "reason_tokens",
        "client",
        "session",
        "turn",
        "latency_s",
    ):
        column = getattr(log, name)
        taken[name] = None if column is None else column[rows]
    blocks = log.blocks
    if blocks is not None:
        size = np.diff(blocks.offsets)[rows]
        offsets = np.concatenate(([0], np.cumsum(size)))
        take = np.repeat(blocks.offsets[rows] - offsets[:-1], size) + np.arange(offsets[-1])
        blocks = attrs.evolve(blocks, offsets=offsets, ids=blocks.ids[take])
    items = None if log.items is None else log.items.select(rows)
    return attrs.evolve(log, **taken, items=items, blocks=blocks)


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "mean": rounded(float(np.mean(values))),
        "low": rounded(min(values)),
        "high": rounded(max(values)),
    }


def told(facts: dict[str, Any]) -> str:
    """The comparison as a table for readers."""
    head = f"held out: {facts['how']} ({facts['held_out_requests']:,} requests; fitted on {facts['fitted_requests']:,})"
    lines = [head, f"  {'':22}{'held out':>12}{'fitted':>12}  {'(range)':23}{'NAIVE':>12}  (range)"]
    for name, row in facts["measures"].items():
        cells = [f"{row['held_out']:12.4g}"]
        for model in ("fitted", "naive"):
            one = row[model]
            band = f"({one['low']:.4g} to {one['high']:.4g})"
            cells.append(f"{one['mean']:12.4g}  {band:23}")
        lines.append(f"  {name:22}{''.join(cells)}".rstrip())
    return "\n".join(lines)
