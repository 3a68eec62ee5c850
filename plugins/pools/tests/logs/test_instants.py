"""ISO 8601 texts to nanoseconds."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from servegen_fw_pools.logs.instants import Instants, instants, why_bad


def read(texts: list[str | None]) -> Instants:
    """Instants of a list of texts."""
    return instants(pa.array(texts, pa.string()))


def test_fractions_are_exact_to_the_nanosecond() -> None:
    """Seven digits as in the Azure traces, nine, one and none; blank or T between day and time."""
    texts = [
        "2023-11-16 18:15:46.6805900",
        "2023-11-16T18:15:46.000000001",
        "2023-11-16 18:15:46.5",
        "2023-11-16 18:15:46",
        "2023-11-16 18:15",
    ]
    second = int(dt.datetime(2023, 11, 16, 18, 15, 46, tzinfo=dt.UTC).timestamp()) * 10**9
    expected = [680_590_000, 1, 500_000_000, 0, -46 * 10**9]
    assert (read(texts).ns - second).tolist() == expected


def test_zones_are_taken_into_account() -> None:
    """The same moment in three zones is the same number; no zone means UTC."""
    texts = [
        "2024-05-10 12:00:00+00:00",
        "2024-05-10T14:00:00+0200",
        "2024-05-10 06:30:00-05:30",
        "2024-05-10 12:00:00Z",
        "2024-05-10 12:00:00",
    ]
    assert len(set(read(texts).ns.tolist())) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaT",
        "2023",
        "1700000000",
        "16/11/2023 18:15",
        "2023-11-16 18:15:46.1234567890",
        "2023-11-16 18:15:46 CET",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    """What is not of the form is bad, whatever stands beside it, and said to be no ISO 8601 time."""
    for good in ("2023-11-16 18:15:46", "2023-11-16 18:15:46Z"):
        found = read([good, text, good])
        assert found.bad.tolist() == [False, True, False]
        assert found.ns[0] == found.ns[2] > 0
    assert "is no ISO 8601 time" in why_bad(text)


def test_moments_that_do_not_exist_are_refused() -> None:
    """30 February and 25 o'clock have the form and are no moments."""
    found = read(["2023-02-30 10:00:00", "2023-02-20 10:00:00", "2023-02-20 25:00:00"])
    assert found.bad.tolist() == [True, False, True]
    assert "names no moment that exists" in why_bad("2023-02-30 10:00:00")


def test_zones_are_counted() -> None:
    """Zones are counted by offset, Z and +0000 as one; texts without a zone and bad ones apart."""
    texts = ["2024-05-10 12:00:00Z", "2024-05-10 12:00:00+00:00", "2024-05-10 12:00:00-0530"]
    assert read(texts).zones == {"+00:00": 2, "-05:30": 1}
    assert read([*texts, "2024-05-10 12:00:00", "noon", None]).zones == {"+00:00": 2, "-05:30": 1, "": 1}
    assert read([]).zones == {}


def test_bad_texts_among_many_cost_only_themselves() -> None:
    """Of 5,000 texts those that name no moment are found wherever they stand; the others keep their values."""
    texts = [f"2024-02-{1 + k % 31:02d} 10:00:00" for k in range(5000)]
    found = read(texts)
    assert found.bad.tolist() == [k % 31 > 28 for k in range(5000)]
    assert (found.ns[~found.bad] > 0).all()
