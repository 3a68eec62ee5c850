"""ISO 8601 texts to nanoseconds."""

from __future__ import annotations

import datetime as dt

import pytest
from servegen_fw_pools.logs.instants import NotAnInstant, instants_ns


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
    assert (instants_ns(texts) - second).tolist() == expected


def test_zones_are_taken_into_account() -> None:
    """The same moment in three zones is the same number; no zone means UTC."""
    texts = [
        "2024-05-10 12:00:00+00:00",
        "2024-05-10T14:00:00+0200",
        "2024-05-10 06:30:00-05:30",
        "2024-05-10 12:00:00Z",
        "2024-05-10 12:00:00",
    ]
    assert len(set(instants_ns(texts).tolist())) == 1


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
    """What is not of the form is told with its index."""
    with pytest.raises(NotAnInstant) as caught:
        instants_ns(["2023-11-16 18:15:46", text])
    assert [row for row, _ in caught.value.rows] == [1]


def test_moments_that_do_not_exist_are_refused() -> None:
    """30 February and 25 o'clock have the form and are no moments."""
    with pytest.raises(NotAnInstant, match="2 texts") as caught:
        instants_ns(["2023-02-30 10:00:00", "2023-02-20 10:00:00", "2023-02-20 25:00:00"])
    assert [row for row, _ in caught.value.rows] == [0, 2]
    assert "no moment" in caught.value.rows[0][1]
