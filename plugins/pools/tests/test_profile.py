"""Populations written in a suite."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from servegen_fw_pools.options import Profile
from servegen_fw_pools.profile import make

from servegen_fw import Suite, plan
from servegen_fw.plugin import InputError

SUITE = """
servegen = 1
name = "written"
seed = 5

[target.sim]
backend = "sim"

[[workload.group]]
name   = "day"
source = {{ kind = "profile", rates = {rates}, cv = {cv}, window = "5min", clients = 4, skew = 1.0, repeat = 2 }}
input  = {{ kind = "fixed", value = 20 }}
output = {{ kind = "fixed", value = 5 }}

[[case]]
name = "all"
load = {{ kind = "open", duration = "20min" }}
"""


def test_counts_follow_rates_and_zipf() -> None:
    """A window holds its rate times its length, split among the clients in proportion to k^-skew."""
    pool = make(
        Profile(rates=(2.0, 0.0, 6.0), window_s=100.0, clients=3, skew=1.0, cv=(1.0, 9.0, 2.0))
    ).read()
    assert pool.count.sum(axis=0) == pytest.approx([200, 0, 600])
    assert pool.count[:, 0] / pool.count[0, 0] == pytest.approx([1, 1 / 2, 1 / 3])
    assert pool.cv.tolist() == [[1.0, 0.0, 2.0]] * 3
    assert pool.family.tolist() == [[0, -1, 0]] * 3
    assert pool.clients == ("profile-1", "profile-2", "profile-3")
    assert pool.duration_s == 300


def test_repeated_windows_are_the_same_again() -> None:
    """`repeat` appends the same windows."""
    once = make(Profile(rates=(1.0, 3.0), cv=(0.5, 2.0))).read()
    twice = make(Profile(rates=(1.0, 3.0), cv=(0.5, 2.0), repeat=2)).read()
    assert np.array_equal(twice.count, np.tile(once.count, 2))
    assert np.array_equal(twice.cv, np.tile(once.cv, 2))


def test_a_suite_composes_it(tmp_path: Path) -> None:
    """Counts per window are the profile's, lengths the group's."""
    path = tmp_path / "written.toml"
    path.write_text(SUITE.format(rates='["1/s", "4/s"]', cv="[1, 3]"), encoding="utf-8")
    (planned,) = plan(Suite.load(path))
    w = planned.workload
    seen = np.bincount((w.due_s // 300).astype(int))
    # Every client settles its fraction of a request by one draw.
    assert np.abs(seen - [300, 1200, 300, 1200]).max() <= 4
    assert set(w.input_tokens) == {20}
    assert len(w.clients) == 4


def test_what_a_profile_lacks_is_named_with_its_group(tmp_path: Path) -> None:
    """A family that no plugin offers, and lengths that nobody gives: the group and the pool, and what to do."""
    path = tmp_path / "written.toml"
    whole = SUITE.format(rates='["1/s", "4/s"]', cv="[1, 3]")
    path.write_text(
        whole.replace('kind = "profile",', 'kind = "profile", family = "gama",'), encoding="utf-8"
    )
    with pytest.raises(
        InputError, match="the pool 'profile' has gap family 'gama'; offered are: gamma"
    ) as wrong:
        list(plan(Suite.load(path)))
    assert "workload.group" in str(wrong.value)
    assert "did you mean 'gamma'?" in str(wrong.value)
    path.write_text(whole.replace("input ", "#"), encoding="utf-8")
    with pytest.raises(InputError, match="the pool 'profile' has no input_tokens"):
        list(plan(Suite.load(path)))


def test_per_window_cv_is_what_is_composed(tmp_path: Path) -> None:
    """Squared CVs of one client's gaps in 40 windows of each kind average to 1 and 9 within 15 %: over four standard errors."""
    pool = make(Profile(rates=(2.0, 2.0), cv=(1.0, 3.0), repeat=40)).read()
    assert pool.cv.shape == (1, 80)
    text = SUITE.replace("repeat = 2", "repeat = 40").replace("clients = 4, skew = 1.0", "clients = 1")
    path = tmp_path / "long.toml"
    path.write_text(
        text.format(rates='["2/s", "2/s"]', cv="[1, 3]").replace('"20min"', '"400min"'), encoding="utf-8"
    )
    (planned,) = plan(Suite.load(path))
    due = planned.workload.due_s
    squared: list[list[float]] = [[], []]
    for window in range(80):
        own = due[(due >= 300 * window) & (due < 300 * window + 300)]
        gaps = np.diff(own, append=own[0] + 300)
        squared[window % 2].append(gaps.var() / gaps.mean() ** 2)
    assert np.mean(squared[0]) == pytest.approx(1.0, rel=0.15)
    assert np.mean(squared[1]) == pytest.approx(9.0, rel=0.15)


@pytest.mark.parametrize(
    ("rates", "cv", "at", "what"),
    [
        ('["1/s", "2/s"]', "[1, 2, 3]", "source.cv", "3 values of cv for 2 windows"),
        ("[]", "[1]", "source.rates", "there is no window"),
        ("[0, 0]", "[1]", "source.rates", "all rates are 0, so that nothing is ever sent"),
        ("[-1]", "[1]", "source.rates[0]", "must be at least 0"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(
    tmp_path: Path, rates: str, cv: str, at: str, what: str
) -> None:
    """Lengths that differ, no windows, no requests and negative rates are refused at their line."""
    path = tmp_path / "bad.toml"
    path.write_text(SUITE.format(rates=rates, cv=cv), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Suite.load(path)
    (problem,) = caught.value.problems
    assert problem.who.endswith(at)
    assert what in problem.what
    assert problem.place is not None
    assert problem.place.line == 11


def test_python_users_get_the_same_checks() -> None:
    """A config that was not read from a suite is checked when it is read from."""
    with pytest.raises(InputError, match="3 values of cv for 2 windows"):
        make(attrs.evolve(Profile(rates=(1.0, 2.0)), cv=(1.0, 1.0, 1.0))).read()
