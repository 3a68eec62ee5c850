"""Missing length data: borrowed, dropped or refused as the user chose, never silently."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from servegen_fw_pools.published.compile import compile_folder
from servegen_fw_pools.published.mending import pooled

from servegen_fw.plugin import ClientPool, InputError

A = {"input_tokens": {10: 1.0}, "output_tokens": {1: 1.0}}
B = {"input_tokens": {20: 1.0}, "output_tokens": {2: 1.0}}
NONE: dict[str, dict[float, float]] = {"input_tokens": {}, "output_tokens": {}}


def masses(pool: ClientPool, field: int, client: int, window: int) -> dict[float, float]:
    """Masses of one table."""
    values, cdf = pool.tables.knots(int(pool.table[field, client, window]))
    return dict(zip(values.tolist(), np.diff(cdf, prepend=0).tolist(), strict=True))


@pytest.fixture
def folder(tmp_path: Path, write_client: Callable[..., None]) -> Path:
    """Two clients with data (30 and 90 requests in the first table window), one of 80 requests without."""
    write_client(tmp_path, "0", [30, 0, 10, 10], [A, A])
    write_client(tmp_path, "1", [90, 0, 0, 0], [B, NONE])
    write_client(tmp_path, "2", [40, 0, 20, 20], None)
    return tmp_path


def test_borrowed_tables_are_the_mixture_weighted_by_requests(folder: Path) -> None:
    """In the first window 30 and 90 requests mix as 1:3, in the second only client 0 is there to borrow from."""
    pool = compile_folder(folder, "p", "borrow")
    assert masses(pool, 0, 2, 0) == {10: 0.25, 20: 0.75}
    assert masses(pool, 1, 2, 0) == {1: 0.25, 2: 0.75}
    assert masses(pool, 0, 2, 1) == {10: 1.0}
    assert pool.meta["missing"] == {
        "rule": "borrow",
        "clients": ["2"],
        "share_of_requests": round(80 / 220, 6),
    }
    assert "36.4% of requests" in pool.meta["notes"][0]


def test_where_nobody_has_data_all_windows_are_pooled(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """A window without any donor borrows the mixture of all windows."""
    write_client(tmp_path, "0", [30, 30, 0, 0], [A, NONE])
    write_client(tmp_path, "1", [0, 0, 10, 10], None)
    pool = compile_folder(tmp_path, "p", "borrow")
    assert masses(pool, 0, 1, 1) == {10: 1.0}


def test_a_client_that_lacks_one_field_borrows_that_field_only(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """Its own inputs stay its own."""
    write_client(tmp_path, "0", [30, 30], [A])
    write_client(tmp_path, "1", [30, 30], [{"input_tokens": {77: 1.0}}])
    pool = compile_folder(tmp_path, "p", "borrow")
    assert masses(pool, 0, 1, 0) == {77: 1.0}
    assert masses(pool, 1, 1, 0) == {1: 1.0}
    assert pool.meta["missing"]["clients"] == ["1"]


def test_dropped_clients_are_gone_and_told(folder: Path) -> None:
    """With drop the client's requests leave the pool and the share that left is stated."""
    pool = compile_folder(folder, "p", "drop")
    assert pool.clients == ("0", "1")
    assert pool.count.sum() == 140
    assert pool.meta["requests"] == 140
    assert pool.table.shape[1] == 2
    assert "dropped 1 clients" in pool.meta["notes"][0]


def test_error_names_clients_and_share(folder: Path) -> None:
    """With error the message lists the clients, their share, and both other rules."""
    with pytest.raises(InputError, match="1 clients with 36% of the requests lack length data: 2") as caught:
        compile_folder(folder, "p", "error")
    assert "borrow" in caught.value.problems[0].cure


def test_no_data_at_all_cannot_be_borrowed(tmp_path: Path, write_client: Callable[..., None]) -> None:
    """A folder of traces only is an input error under every rule."""
    write_client(tmp_path, "0", [11], None)
    for rule in ("borrow", "drop", "error"):
        with pytest.raises(InputError, match="no client has length data"):
            compile_folder(tmp_path, "p", rule)  # type: ignore[arg-type]


def test_an_inactive_client_without_data_is_not_missing(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """Who sends nothing needs no lengths."""
    write_client(tmp_path, "0", [11, 12], [A])
    write_client(tmp_path, "1", [0, 0], None)
    assert compile_folder(tmp_path, "p", "error").meta["missing"]["clients"] == []


def test_active_windows_without_a_table_take_the_nearest(
    tmp_path: Path, write_client: Callable[..., None]
) -> None:
    """Of two equally near windows the earlier serves; how many were filled is told."""
    write_client(tmp_path, "0", [11, 0] * 4, [A, NONE, B, NONE])
    pool = compile_folder(tmp_path, "p", "error")
    assert [masses(pool, 0, 0, window) for window in range(4)] == [{10: 1}, {10: 1}, {20: 1}, {20: 1}]
    assert pool.meta["filled_windows"] == 2
    assert "2 active client windows" in pool.meta["notes"][0]


def test_pooled_masses_are_the_weighted_mean() -> None:
    """A mixture of {1, 2} and {2, 3} with weights 1 and 3 adds the masses of equal values and ends at 1."""
    left = (np.array([1.0, 2.0]), np.array([0.5, 1.0]))
    right = (np.array([2.0, 3.0]), np.array([0.5, 1.0]))
    values, cdf = pooled([left, right], np.array([1.0, 3.0]))
    assert values.tolist() == [1, 2, 3]
    np.testing.assert_allclose(np.diff(cdf, prepend=0), [0.125, 0.5, 0.375])
    assert cdf[-1] == 1
