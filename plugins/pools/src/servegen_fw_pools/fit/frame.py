"""What is looked at of a stream of requests, and what is measured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
import numpy as np

from servegen_fw_pools.quantiles import distance

if TYPE_CHECKING:
    import numpy.typing as npt

    Bool = npt.NDArray[np.bool_]
    F8 = npt.NDArray[np.float64]

SCALES_S: Final = (1.0, 10.0, 60.0, 600.0)
LEAST_BINS: Final = 20

_STEPS = 10


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


def measures(stream: Stream, truth: Stream, frame: Frame) -> dict[str, float]:
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
        found[f"{name} KS"] = distance(values, np.ones(len(values)), real, np.ones(len(real)))
    return found
