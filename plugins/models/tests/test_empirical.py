"""Empirical lengths: mass functions from a suite and from files, and what is wrong with a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from servegen_fw_models.empirical import Pmf, make, make_zipf, read_csv
from servegen_fw_models.options import Empirical, Zipf

from servegen_fw.plugin import InputError


def test_values_are_drawn_in_proportion_to_their_weights() -> None:
    """U in [0, 1) falls to each value over a stretch as long as its share, in ascending order of values."""
    law = make(Empirical(values=(300.0, 100.0, 200.0), weights=(5.0, 1.0, 4.0)))
    assert law.ppf(np.array([0.0, 0.0999, 0.1001, 0.4999, 0.5001, 1 - 2**-53])).tolist() == [
        100.0,
        100.0,
        200.0,
        200.0,
        300.0,
        300.0,
    ]
    u = (np.arange(100_000) + 0.5) / 100_000
    assert law.ppf(u).mean() == pytest.approx(0.1 * 100 + 0.4 * 200 + 0.5 * 300, rel=1e-9)


def test_without_weights_all_values_are_equally_frequent() -> None:
    """Repeated values add up."""
    law = make(Empirical(values=(1.0, 2.0, 2.0, 4.0)))
    u = (np.arange(1_000) + 0.5) / 1_000
    assert [(law.ppf(u) == value).mean() for value in (1.0, 2.0, 4.0)] == [0.25, 0.5, 0.25]


def test_values_of_weight_zero_are_never_drawn() -> None:
    """Neither at u = 0 nor at the top does a value without weight come up."""
    law = Pmf.of([1.0, 2.0, 3.0], [0.0, 1.0, 0.0])
    assert law.ppf(np.array([0.0, 0.5, 1 - 2**-53])).tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("heading", ["", "value,weight\n", "\ufeffvalue, weight\n"])
def test_a_file_gives_the_same_law(tmp_path: Path, heading: str) -> None:
    """Lines of value,weight are read with or without a heading, a byte-order mark, blanks and empty lines."""
    file = tmp_path / "lengths.csv"
    file.write_text(heading + "300,5\n100, 1\n\n200,4\r\n", encoding="utf-8")
    found = make(Empirical(path=str(file)))
    expected = Pmf.of([300.0, 100.0, 200.0], [5.0, 1.0, 4.0])
    np.testing.assert_array_equal(found.value, expected.value)
    np.testing.assert_array_equal(found.cdf, expected.cdf)


def test_a_file_of_values_alone_weighs_them_equally(tmp_path: Path) -> None:
    """The weight may be left out."""
    file = tmp_path / "lengths.csv"
    file.write_text("value\n3\n4\n", encoding="utf-8")
    assert read_csv(str(file)) == ([3.0, 4.0], [1.0, 1.0])


def test_every_wrong_line_is_shown_with_its_place(tmp_path: Path) -> None:
    """All wrong lines are reported at once, each with file, line and the line's text."""
    file = tmp_path / "lengths.csv"
    file.write_text("1,1\nabc,1\n2,-1\n3,1,1\n4,nan\n5,1\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_csv(str(file))
    places = [problem.place for problem in caught.value.problems]
    assert [place.line for place in places if place] == [2, 3, 4, 5]
    assert [place.text for place in places if place] == ["abc,1", "2,-1", "3,1,1", "4,nan"]
    assert "value,weight" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "no value has a weight above 0"), (b"1,0\n2,0\n", "no value"), (b"1,\xff\n", "not UTF-8")],
)
def test_a_useless_file_is_named(tmp_path: Path, content: bytes, what: str) -> None:
    """Empty, weightless and non-UTF-8 files give one message that names the file."""
    file = tmp_path / "lengths.csv"
    file.write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        make(Empirical(path=str(file)))
    assert "lengths.csv" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is an input error with the path in it."""
    with pytest.raises(InputError, match=r"absent\.csv.*No such file"):
        make(Empirical(path=str(tmp_path / "absent.csv")))


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.0, 2.5])
def test_zipf_ranks_have_their_probabilities(exponent: float) -> None:
    """Ranks 1 to 1,000 are drawn with probability k^-s over its sum, and no others: scipy's zipfian, to 1e-12."""
    law = make_zipf(Zipf(exponent=exponent, max=1_000))
    rank = np.arange(1, 1_001)
    np.testing.assert_array_equal(law.value, rank)
    np.testing.assert_allclose(law.cdf, stats.zipfian.cdf(rank, exponent, 1_000), rtol=1e-12)
    middle = law.cdf - np.diff(law.cdf, prepend=0.0) / 2
    np.testing.assert_array_equal(law.ppf(middle), rank)


def test_zipf_of_one_rank_and_of_a_million() -> None:
    """A single rank is always drawn; a million equal ones have the mean 500,000.5."""
    assert make_zipf(Zipf(exponent=3.0, max=1)).ppf(np.array([0.0, 0.9])).tolist() == [1.0, 1.0]
    law = make_zipf(Zipf(exponent=0.0, max=1_000_000))
    assert law.ppf((np.arange(100_000) + 0.5) / 100_000).mean() == pytest.approx(500_000.5, rel=1e-5)
