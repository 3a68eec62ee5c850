"""What a fit is worth: its prediction of a part of the log that it has not seen, beside NAIVE's."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, save_pool
from servegen_fw_pools.fit.from_log import covered, grid_of
from servegen_fw_pools.fit.gaps import resized_cv
from servegen_fw_pools.fit.naive import naive_pool
from servegen_fw_pools.fit.resolution import step_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from servegen_fw_pools.logs.log import Log

    Bool = npt.NDArray[np.bool_]
    F8 = npt.NDArray[np.float64]
    I8 = npt.NDArray[np.int64]

SEEDS: Final = 8
"""Workloads drawn from each model; their lowest and highest values are stated."""

SCALES_S: Final = (1.0, 10.0, 60.0, 600.0)
LEAST_BINS: Final = 20
LEAST_REQUESTS: Final = 100
EVERY_OTHER: Final = "every-other"

_STEPS = 10

Fit = Callable[["Log", float], ClientPool]


@attrs.frozen(eq=False)
class Stream:
    """Requests of a stretch of time: times (float64[n], ascending), and lengths (float64[n])."""

    time_s: F8
    input_tokens: F8
    output_tokens: F8


@attrs.frozen
class Frame:
    """The part of a stretch of time that is looked at.

    Attributes
    ----------
        duration_s: length of the stretch.
        window_s: length of its windows.
        odd: only every second window, from the second on; else all of it.
        step_s: step of the log's clock; nothing is measured over less than ten of them.
    """

    duration_s: float
    window_s: float
    odd: bool = False
    step_s: float = 0.0

    def inside(self, time_s: F8) -> Bool:
        """Which times are looked at."""
        if not self.odd:
            return np.asarray(time_s < self.duration_s)
        return np.asarray((time_s / self.window_s).astype(np.int64) % 2 == 1)

    @property
    def covered_s(self) -> float:
        """Seconds looked at."""
        if not self.odd:
            return self.duration_s
        full, rest = divmod(self.duration_s, self.window_s)
        return full // 2 * self.window_s + (rest if full % 2 else 0.0)

    def bins(self, scale_s: float) -> Bool:
        """Which whole bins of `scale_s` lie in what is looked at."""
        begin = np.arange(int(self.duration_s / scale_s + 1e-9)) * scale_s
        if not self.odd:
            return np.ones(len(begin), np.bool_)
        first, last = (
            (begin / self.window_s).astype(int),
            ((begin + scale_s) / self.window_s - 1e-9).astype(int),
        )
        return np.asarray((first == last) & (first % 2 == 1))


def held_out(log: Log, part: float | str, fit: Fit, window_s: float) -> dict[str, Any]:
    """Fit a part of `log`, predict the rest, and compare both the fit and NAIVE with it.

    A fraction holds out the end of the log: the pool of the beginning, repeated if it is shorter, is taken as the
    prediction. ``"every-other"`` holds out every second window: its clients' counts are predicted by the mean of the
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
        pool = _interpolated(fit(seen, whole_s))
        naive = naive_pool(seen, whole_s, gap_s)
        naive = attrs.evolve(naive, count=naive.count * whole_s / (whole_s - frame.covered_s))
        shift_s = 0.0
    else:
        shift_s = whole_s - frame.duration_s
        pool = _lasting(fit(seen, shift_s), frame.duration_s)
        naive = _lasting(naive_pool(seen, shift_s, gap_s), frame.duration_s)
    truth = Stream(
        rest.time_s - shift_s, rest.input_tokens.astype(np.float64), rest.output_tokens.astype(np.float64)
    )
    pool = _denoised(pool)
    right = _measures(truth, truth, frame)
    models = {"fitted": _predictions(pool, truth, frame), "naive": _predictions(naive, truth, frame)}
    return {
        "how": how,
        "fitted_requests": len(seen),
        "held_out_requests": len(rest),
        "seeds": SEEDS,
        "measures": {
            name: {"held_out": _short(value)}
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


def _lasting(pool: ClientPool, duration_s: float) -> ClientPool:
    """A pool repeated until it lasts `duration_s`; its tables, too."""
    times = int(np.ceil(duration_s / pool.duration_s + 1e-9))
    if times == 1:
        return pool
    if pool.count.shape[1] * pool.window_s < pool.table.shape[2] * pool.table_window_s:
        # Tables on the grid of the rates, so that both repeat alike.
        start = (np.arange(pool.count.shape[1]) * pool.window_s / pool.table_window_s).astype(int)
        pool = attrs.evolve(pool, table=pool.table[:, :, start], table_window_s=pool.window_s)
    return attrs.evolve(
        pool,
        count=np.tile(pool.count, times),
        cv=np.tile(pool.cv, times),
        family=np.tile(pool.family, times),
        table=np.tile(pool.table, (1, 1, times)),
    )


def _interpolated(pool: ClientPool) -> ClientPool:
    """A pool of which every second window was not seen: filled with the mean of its neighbours."""
    count, cv, family = pool.count.copy(), pool.cv.copy(), pool.family.copy()
    for w in range(1, count.shape[1], 2):
        around = [w - 1, w + 1] if w + 1 < count.shape[1] else [w - 1]
        count[:, w] = pool.count[:, around].mean(1)
        busiest = np.asarray(around)[np.argmax(pool.count[:, around], axis=1)]
        rows = np.arange(len(count))
        cv[:, w] = resized_cv(pool.cv[rows, busiest], pool.count[rows, busiest], count[:, w])
        family[:, w] = pool.family[rows, busiest]
    return attrs.evolve(pool, count=count, cv=cv, family=family)


def _denoised(pool: ClientPool) -> ClientPool:
    """Rates instead of counts: the counts' variance less the part that the process itself will add again."""
    if pool.count.shape[1] < 2:
        return pool
    mean = pool.count.mean(1, keepdims=True)
    seen = pool.count.var(1, ddof=1, keepdims=True)
    noise = (pool.count * np.square(pool.cv)).mean(1, keepdims=True)
    kept = np.clip(1.0 - noise / np.where(seen > 0, seen, 1.0), 0.0, 1.0)
    count = mean + kept * (pool.count - mean)
    active = count > 0
    rows, busiest = np.arange(len(count)), np.argmax(pool.count, axis=1)
    awake = pool.family >= 0
    cv = np.where(awake, pool.cv, pool.cv[rows, busiest][:, None])
    before = np.where(awake, pool.count, pool.count[rows, busiest][:, None])
    family = np.where(awake, pool.family, pool.family[rows, busiest][:, None])
    return attrs.evolve(
        pool,
        count=count,
        cv=np.where(active, resized_cv(cv, before, count), 0.0),
        family=np.where(active, family, -1).astype(np.int16),
    )


def _predictions(pool: ClientPool, truth: Stream, frame: Frame) -> list[dict[str, float]]:
    """Measures of `SEEDS` workloads of a pool."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "held-out.pool"
        save_pool(attrs.evolve(pool, start_s=0.0), path)
        return [_measures(composed(path, frame.duration_s, seed), truth, frame) for seed in range(SEEDS)]


def composed(path: Path, duration_s: float, seed: int) -> Stream:
    """A workload of the pool file `path`, ``counts = "process"``."""
    from servegen_fw import Suite, plan

    suite = Suite.parse(
        f"""
        servegen = 1
        name = "held-out"
        seed = {seed}
        target.sim.backend = "sim"
        [[workload.group]]
        counts = "process"
        source = {{ kind = "pool", path = {json.dumps(str(path))} }}
        [[case]]
        name = "held-out"
        load = {{ kind = "open", duration = "{duration_s!r}s" }}
        """
    )
    (planned,) = plan(suite)
    workload = planned.workload
    order = np.argsort(workload.planned_s, kind="stable")
    order = order[workload.planned_s[order] >= 0]
    return Stream(
        workload.planned_s[order],
        workload.input_tokens[order].astype(np.float64),
        workload.output_tokens[order].astype(np.float64),
    )


def _measures(stream: Stream, truth: Stream, frame: Frame) -> dict[str, float]:
    """Rate, CV, dispersion and lengths of a stream within `frame`; distances are to `truth`."""
    rows = frame.inside(stream.time_s)
    time_s = stream.time_s[rows]
    found = {"rate (1/s)": len(time_s) / frame.covered_s}
    gap_s = np.diff(time_s)
    if frame.odd:
        gap_s = gap_s[np.diff((time_s / frame.window_s).astype(np.int64)) == 0]
    if len(gap_s) > 1 and gap_s.mean() > frame.step_s * _STEPS:
        found["gap CV"] = float(gap_s.std() / gap_s.mean())
    for scale_s in SCALES_S:
        bins = frame.bins(scale_s)
        if bins.sum() >= LEAST_BINS and scale_s >= frame.step_s * _STEPS:
            counts = np.bincount((time_s / scale_s).astype(np.int64), minlength=len(bins))[: len(bins)][bins]
            if counts.mean() > 0:
                found[f"dispersion at {scale_s:g} s"] = float(counts.var() / counts.mean())
    for name in ("input", "output"):
        values = getattr(stream, f"{name}_tokens")[rows]
        real = getattr(truth, f"{name}_tokens")
        found[f"{name} mean (tokens)"] = float(values.mean())
        for p in (50, 90, 99):
            found[f"{name} p{p} (tokens)"] = float(np.quantile(values, p / 100))
        found[f"{name} KS"] = _ks(values, real)
    return found


def _ks(a: F8, b: F8) -> float:
    """Two-sample Kolmogorov-Smirnov distance."""
    at = np.unique(np.concatenate((a, b)))
    return float(
        np.abs(
            np.searchsorted(np.sort(a), at, side="right") / len(a)
            - np.searchsorted(np.sort(b), at, side="right") / len(b)
        ).max()
    )


def _spread(values: list[float]) -> dict[str, float]:
    return {"mean": _short(float(np.mean(values))), "low": _short(min(values)), "high": _short(max(values))}


def _short(number: float) -> float:
    return float(f"{float(number):.4g}")


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
