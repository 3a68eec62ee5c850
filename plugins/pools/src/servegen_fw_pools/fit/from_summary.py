"""A pool from a characterization.json: what its table of clients tells, without the log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from servegen_fw.plugin import ClientPool, InputError, Problem, Tables
from servegen_fw_pools.characterize.codec import read
from servegen_fw_pools.fit.classes import MIN_REQUESTS
from servegen_fw_pools.fit.from_log import time_of_day
from servegen_fw_pools.fit.gaps import FAMILIES
from servegen_fw_pools.fit.summary_classes import above_floor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from servegen_fw_pools.characterize.characterization import Characterization

    F8 = npt.NDArray[np.float64]

SUMMARY: Final = "characterization.json"
LENGTHS: Final = ("input_tokens", "output_tokens")

_FULL = 0.95
_NOTE = (
    "made from a characterization: one table of each length a client, input and output independent, without "
    "conversations, modalities and reasoning"
)


def is_summary(path: Path) -> bool:
    """Whether `path` is a characterization: a file of that name, or a folder that holds one and no client data."""
    path = path.expanduser()
    if path.is_dir():
        return (path / SUMMARY).is_file() and not any(path.glob("chunk-*-trace.csv"))
    return path.is_file() and path.name.endswith(SUMMARY)


def summary_pool(path: Path, *, min_requests: int = MIN_REQUESTS, keep_ids: bool = False) -> ClientPool:
    """Make a pool of the table of clients: their counts, CVs and families by window, and one table of each length.

    A characterization tells neither conversations, modalities, reasoning by request nor the dependence of lengths by
    client; the notes say so. Small clients become one class, see `above_floor`.

    Parameters
    ----------
        path: the file, or the folder that holds it.
        min_requests: floor below which clients are pooled into a class.
        keep_ids: whether clients keep their ids.

    Raises
    ------
        InputError: no characterization, no table of clients in it, a table that is not whole, one without lengths,
            or all clients together have fewer than `min_requests`.
    """
    path = path.expanduser()
    path = path / SUMMARY if path.is_dir() else path
    whole = read(path)
    table = next((one.figures.get("table") for one in whole.sections if one.key == "clients"), None)
    try:
        if not isinstance(table, dict):
            raise TypeError("there is none")  # noqa: TRY301 - told as any other damage
        return _pool(whole, path, table, min_requests, keep_ids=keep_ids)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        what = f"holds no whole table of clients ({type(error).__name__}: {error})"
        cure = "write it with `servegen-fw characterize`, or fit the log itself"
        raise InputError(Problem(what, who=str(path), cure=cure)) from error


def _pool(
    whole: Characterization, path: Path, table: Mapping[str, Any], min_requests: int, *, keep_ids: bool
) -> ClientPool:
    rows: Sequence[Mapping[str, Any]] = [row for row in table["rows"] if row["requests"] > 0]
    fields = [name for name in LENGTHS if all(row["lengths"].get(name) for row in rows)]
    if not rows or len(fields) < len(LENGTHS):
        cure = "fit the log, or the pool that it was made of"
        raise InputError(Problem("tells no lengths of its clients", who=str(path), cure=cure))
    requests = float(sum(row["requests"] for row in rows))
    rows, below = above_floor(rows, table["levels"], table["families"], min_requests)
    windows, clients = int(table["windows"]), len(rows)
    count = np.array([row["count"] for row in rows], np.float64).reshape(clients, windows)
    cv = np.array([row["cv"] for row in rows], np.float64).reshape(clients, windows)
    named = np.array([row["family"] for row in rows], np.int16).reshape(clients, windows)
    if not (np.isfinite(count).all() and np.isfinite(cv).all() and count.min() >= 0 and cv.min() >= 0):
        raise ValueError("counts and CVs must be finite and not negative")
    number = np.array([max(0, FAMILIES.index(n) if n in FAMILIES else 0) for n in table["families"]] + [0])
    # An exponential law is a gamma law at CV 1, whatever CV the sample showed.
    exponential = [at for at, name in enumerate(table["families"]) if name not in FAMILIES]
    cv = np.where(np.isin(named, exponential) | (cv <= 0), 1.0, cv)
    active = count > 0
    levels = np.array(table["levels"], np.float64)
    if levels[0] != 0 or levels[-1] != 1 or (np.diff(levels) <= 0).any():
        raise ValueError("levels must rise from 0 to 1")
    knots = np.concatenate([_knots(row["lengths"][name], len(levels)) for name in fields for row in rows])
    order = [row for row in rows if row["clients"] == 1]
    digits = max(4, len(str(len(order))))
    own = iter(range(1, len(order) + 1))
    names: list[str] = []
    held: dict[str, dict[str, int]] = {}
    for row in rows:
        if row["clients"] == 1:
            at = next(own)
            names.append(row["name"] if keep_ids else f"c-{at:0{digits}d}")
        else:
            names.append(f"class-{len(held) + 1:02d}")
            held[names[-1]] = {"clients": int(row["clients"]), "requests": int(row["requests"])}
    notes = [_NOTE]
    window_s = float(table["window_s"])
    last = float(whole.source.get("duration_s", 0.0)) / window_s - (windows - 1)
    if last < _FULL:
        notes.append(
            f"the source ends after {100 * max(last, 0.0):.0f} % of the last window, whose rate is too low by that"
        )
    if below:
        pooled = held[names[-1]]["clients"]
        notes.append(
            f"{pooled:,} clients stand in a class, as {below:,} of them have fewer than {min_requests:,} requests"
        )
    return ClientPool(
        name=whole.name,
        clients=tuple(names),
        start_s=time_of_day(whole.source.get("start", "")),
        window_s=window_s,
        count=count,
        cv=np.where(active, cv, 0.0),
        family=np.where(active, number[named], -1).astype(np.int16),
        families=FAMILIES,
        fields=tuple(fields),
        tables=Tables(
            np.arange(clients * len(fields) + 1, dtype=np.int64) * len(levels),
            knots,
            np.tile(levels, clients * len(fields)),
            linear=True,
        ),
        table=np.arange(clients * len(fields), dtype=np.int32).reshape(len(fields), clients, 1),
        table_window_s=windows * window_s,
        meta={
            "source": f"characterization {path.name}",
            "requests": requests,
            "notes": notes,
            "fit": {"min_requests": min_requests, "ids": "kept" if keep_ids else "replaced", "classes": held},
        },
    )


def _knots(lengths: Sequence[float], levels: int) -> F8:
    """Knots of the quantile function through order statistics of whole numbers, each of which ends half a token above."""
    value = np.array(lengths, np.float64)
    if len(value) != levels or (np.diff(value) < 0).any() or value[0] < 0:
        raise ValueError("lengths must rise, one for each level")
    knots = value + 0.5
    knots[0] = max(value[0] - 0.5, 0.0)
    return knots
