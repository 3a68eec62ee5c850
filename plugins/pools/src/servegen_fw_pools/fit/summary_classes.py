"""Small clients of a characterization put into one class, so that no entry of a pool stands for a few requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from servegen_fw.plugin import InputError, Problem

_POINTS: Final = 200


def above_floor(
    rows: Sequence[Mapping[str, Any]], levels: Sequence[float], families: Sequence[str], floor: int
) -> tuple[list[Mapping[str, Any]], int]:
    """Return the table's rows with those of fewer than `floor` requests as one class at the end, and how many those are.

    If all of them together stay below the floor, the smallest other row joins them. Of the class, counts are the members'
    sums; its lengths are the mixture of the members' by their requests; the squared CV of a window is the mean of the
    members' by their requests, 1 where it is not told or the gaps are exponential, which is the index of dispersion that independent renewal
    processes have together (Cox and Lewis, The Statistical Analysis of Series of Events, section 8.3).

    Parameters
    ----------
        rows: of a characterization's table of clients.
        levels: levels of the rows' order statistics.
        families: names of the laws of gaps that the rows number; gamma is one of them.
        floor: requests that every row must stand for.

    Raises
    ------
        InputError: all rows together hold fewer requests than `floor`.
    """
    whole = round(sum(float(row["requests"]) for row in rows))
    if whole < floor:
        what = f"the floor of {floor:,} requests a client is larger than the whole log ({whole:,})"
        raise InputError(Problem(what, who="--min-requests", cure=f"give at most {whole}"))
    own = [row for row in rows if row["requests"] >= floor]
    small = [row for row in rows if row["requests"] < floor]
    below = sum(int(row["clients"]) for row in small)
    if not small:
        return own, 0
    if sum(row["requests"] for row in small) < floor:
        least = min(range(len(own)), key=lambda k: (own[k]["requests"], -k))
        small.append(own.pop(least))
    return [*own, _together(small, levels, families)], below


def _together(
    rows: Sequence[Mapping[str, Any]], levels: Sequence[float], families: Sequence[str]
) -> dict[str, Any]:
    count = np.array([row["count"] for row in rows], np.float64)
    cv = np.array([row["cv"] for row in rows], np.float64)
    family = np.array([row["family"] for row in rows], np.int64)
    exponential = [at for at, name in enumerate(families) if name == "exponential"]
    square = np.where((cv > 0) & ~np.isin(family, exponential), cv * cv, 1.0)
    total = count.sum(0)
    weight = np.array([row["requests"] for row in rows], np.float64)
    return {
        "name": "",
        # A row that stands for several clients is a class, also where one client alone is below the floor.
        "clients": max(2, sum(int(row["clients"]) for row in rows)),
        "requests": int(weight.sum()),
        "count": total.tolist(),
        "cv": np.sqrt((count * square).sum(0) / np.maximum(total, 1e-300)).tolist(),
        "family": np.where(total > 0, families.index("gamma"), -1).tolist(),
        "lengths": {
            name: _mixture([row["lengths"][name] for row in rows], weight, levels)
            for name in rows[0]["lengths"]
            if all(row["lengths"].get(name) for row in rows)
        },
    }


def _mixture(quantiles: Sequence[Sequence[float]], weight: Any, levels: Sequence[float]) -> list[float]:
    """Order statistics at `levels` of the mixture of laws given by theirs."""
    at = (np.arange(_POINTS) + 0.5) / _POINTS
    value = np.concatenate([np.interp(at, levels, one) for one in quantiles])
    share = np.repeat(weight / weight.sum() / _POINTS, _POINTS)
    order = np.argsort(value, kind="stable")
    middle = np.cumsum(share[order]) - share[order] / 2
    found = np.interp(levels, middle, value[order])
    found[0], found[-1] = min(one[0] for one in quantiles), max(one[-1] for one in quantiles)
    return [float(x) for x in np.rint(found)]
