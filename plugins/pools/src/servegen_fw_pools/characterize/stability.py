"""How steady clients are from window to window, beyond what samples of finite size vary by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import numpy as np

from servegen_fw_pools.quantiles import quantiles

if TYPE_CHECKING:
    import numpy.typing as npt

    F8 = npt.NDArray[np.float64]
    AnyArray = npt.NDArray[Any]

LEAST_WINDOWS: Final = 4
LEAST_GAPS: Final = 30
LEAST_REQUESTS: Final = 10


@attrs.frozen(eq=False)
class Variation:
    """Relative standard deviations of one quantity between windows, client by client; -1 where too few windows tell.

    Attributes
    ----------
        seen: float64[C]; between windows.
        noise: float64[C]; what sampling alone would give a client that never changes.
        real: float64[C]; sqrt(seen^2 - noise^2), 0 where sampling explains all.
        windows: int64[C]; windows used.
    """

    seen: F8
    noise: F8
    real: F8
    windows: npt.NDArray[np.int64]


def of_rate(count: F8, cv: F8) -> Variation:
    """Requests per window, float64[C, W], all windows, silent ones too.

    The noise is that of a renewal process with the client's mean squared CV c^2 (over its windows, by requests): the
    variance of n counts is about n c^2 (Cox, Renewal Theory, section 4.2). Windows without a CV count as Poisson.
    """
    mean = count.mean(1)
    square = np.where(cv > 0, cv * cv, 1.0)
    spread = (count * square).sum(1) / np.maximum(count.sum(1), 1.0)
    enough = (mean >= 1) & (count.shape[1] >= LEAST_WINDOWS)
    floor = np.maximum(mean, 1e-12)
    windows = np.full(len(count), count.shape[1])
    return _variation(count.var(1, ddof=1) / floor**2, spread / floor, windows, enough)


def of_cv(cv: F8, gaps: AnyArray) -> Variation:
    """CV by window, float64[C, W], of windows with at least 30 gaps, on the logarithm.

    The noise of a sample CV of n gamma gaps is sqrt((1 + c^2) / (2 n)) relative to it (delta method).
    """
    used = (gaps >= LEAST_GAPS) & (cv > 0)
    log_cv = np.log(np.where(used, cv, 1.0))
    noise = np.where(used, (1 + cv * cv) / (2 * np.maximum(gaps, 1)), 0.0)
    windows = used.sum(1)
    floor = np.maximum(windows, 1)
    mean = log_cv.sum(1) / floor
    seen = (used * (log_cv - mean[:, None]) ** 2).sum(1) / np.maximum(windows - 1, 1)
    return _variation(seen, noise.sum(1) / floor, windows, windows >= LEAST_WINDOWS)


def of_means(count: AnyArray, total: AnyArray, square: AnyArray) -> Variation:
    """Mean length by window, of windows with at least 10 requests.

    Parameters
    ----------
        count: float64[C, W]; requests.
        total: float64[C, W]; sum of their lengths.
        square: float64[C, W]; sum of their squares.

    Notes
    -----
        The noise is that of means of independent lengths with the variance found within windows (one-way analysis of
        variance).
    """
    used = count >= LEAST_REQUESTS
    floor = np.maximum(count, 1)
    mean = np.where(used, total / floor, 0.0)
    inner = np.where(used, np.maximum(square - total * total / floor, 0.0), 0.0).sum(1)
    inner /= np.maximum((used * (count - 1)).sum(1), 1)
    windows = used.sum(1)
    whole = mean.sum(1) / np.maximum(windows, 1)
    seen = (used * (mean - whole[:, None]) ** 2).sum(1) / np.maximum(windows - 1, 1)
    noise = inner * np.where(used, 1.0 / floor, 0.0).sum(1) / np.maximum(windows, 1)
    scale = np.maximum(whole, 1e-12) ** 2
    return _variation(seen / scale, noise / scale, windows, (windows >= LEAST_WINDOWS) & (whole > 0))


def middle(values: F8, weight: F8) -> float:
    """Weighted median of the values from 0 on; those of -1 are left out, and there is one that is not."""
    told = values >= 0
    return quantiles(values[told], weight[told], 0.5)[0]


def _variation(
    seen: F8, noise: F8, windows: npt.NDArray[np.int64], enough: npt.NDArray[np.bool_]
) -> Variation:
    def told(variance: F8) -> F8:
        return np.where(enough, np.sqrt(np.maximum(variance, 0.0)), -1.0)

    return Variation(told(seen), told(noise), told(seen - noise), windows)
