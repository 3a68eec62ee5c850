"""The pools inside the distribution, and pool files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import servegen_fw_pools
from servegen_fw_pools.options import Shipped
from servegen_fw_pools.shipped import make, open_shipped, shipped_names

from servegen_fw.plugin import InputError, save_pool

NAMES = ["deepseek-r1", "m-small", "mm-image"]


def test_three_pools_are_shipped() -> None:
    """The names are those of the workloads they were fitted to."""
    assert shipped_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_pool_is_sound_small_and_says_where_it_comes_from(name: str) -> None:
    """Below 800 kB; source, licence, excerpt and error of the fit in its meta; every active window has all tables."""
    path = Path(servegen_fw_pools.__file__).parent / "data" / f"{name}.pool"
    assert path.stat().st_size < 800_000
    pool = open_shipped(name)
    assert pool.name == name
    assert "2505.09999" in pool.meta["source"]
    assert pool.meta["licence"] == "Apache-2.0"
    assert pool.meta["excerpt"] == "all of the recording"
    assert set(pool.meta["fit"]["error"]) == {*pool.fields, "population"}
    active = pool.count > 0
    assert np.array_equal(active, pool.family >= 0)
    assert (pool.cv[active] > 0).all()
    assert (pool.table.max(2)[:, active.any(1)] >= 0).all()
    assert np.all(np.diff(pool.tables.offsets) >= 2)


@pytest.mark.parametrize(
    ("name", "rate", "clients"), [("deepseek-r1", 16.0, 73), ("mm-image", 9.5, 35), ("m-small", 1174, 43)]
)
def test_a_shipped_pool_has_the_rate_of_its_source(name: str, rate: float, clients: int) -> None:
    """Requests per second and clients are those of the release."""
    pool = open_shipped(name)
    assert pool.rate == pytest.approx(rate, rel=0.005)
    assert len(pool.clients) == clients


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_fit_errors_are_small(name: str) -> None:
    """Means within 1 %, 99 % points within 1 %, half of the requests within a KS distance of 0.2 %; shares exact."""
    stated = open_shipped(name).meta["fit"]["error"]
    assert stated["population"]["requests_relative"] == 0
    assert stated["population"]["share_max"] == 0
    assert stated["population"]["cv_relative_max"] < 2**-8
    for field, errors in stated.items():
        if field != "population":
            assert errors["mean_relative"] < 0.01, field
            assert errors["p99_relative"] < 0.01, field
            assert errors["ks_median"] < 0.002, field


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_tables_are_a_fit_and_no_copy(name: str) -> None:
    """Less than a fifth of the recorded points' number, and knots between the recorded values."""
    facts = open_shipped(name).meta["fit"]
    assert facts["knots"] < 0.2 * facts["recorded_points"]


def test_m_small_says_what_it_borrowed() -> None:
    """The five clients without published lengths and their share are in the meta's notes."""
    meta = open_shipped("m-small").meta
    assert "borrow" in meta["notes"][0]
    assert "1, 5, 8, 11, 38" in meta["notes"][0]


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """Did-you-mean, and the list of all names."""
    with pytest.raises(InputError, match="no shipped pool is called 'deepseek-r2'") as caught:
        make(Shipped(name="deepseek-r2")).read()
    assert "did you mean 'deepseek-r1'? shipped pools are: deepseek-r1, m-small, mm-image" in str(
        caught.value
    )


def test_a_name_is_no_path() -> None:
    """A name with folders in it does not reach outside the shipped pools."""
    with pytest.raises(InputError, match="no shipped pool"):
        make(Shipped(name="../data/mm-image")).read()


def test_a_pool_file_is_read_by_path(tmp_path: Path) -> None:
    """What was saved is what the reader gives; a damaged file is an input error."""
    save_pool(open_shipped("mm-image"), tmp_path / "mine.pool")
    reader = make(Shipped(path=str(tmp_path / "mine.pool")))
    assert reader.read().clients == open_shipped("mm-image").clients
    (tmp_path / "mine.pool").write_bytes(b"ARROW1 but no")
    with pytest.raises(InputError, match=r"mine\.pool"):
        reader.read()


@pytest.mark.parametrize("options", [{}, {"name": "mm-image", "path": "x.pool"}])
def test_name_and_path_exclude_each_other(options: dict[str, str]) -> None:
    """Neither and both are refused, with the names to choose from."""
    with pytest.raises(InputError, match="either a name or a path") as caught:
        make(Shipped(**options)).read()
    assert "deepseek-r1" in caught.value.problems[0].cure


def test_a_damaged_copy_of_a_shipped_pool_is_never_opened(tmp_path: Path) -> None:
    """A bit flipped at any of 200 places all over the file, and any of 50 cuts, is refused by the file's name."""
    whole = (Path(servegen_fw_pools.__file__).parent / "data" / "mm-image.pool").read_bytes()
    path = tmp_path / "mine.pool"
    reader = make(Shipped(path=str(path)))
    rng = np.random.default_rng(4)
    for at in rng.integers(0, len(whole), 200).tolist():
        path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :])
        with pytest.raises(InputError, match=r"mine\.pool"):
            reader.read()
    for length in rng.integers(0, len(whole), 50).tolist():
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"mine\.pool"):
            reader.read()


def test_the_readme_tells_the_numbers_of_the_shipped_pools() -> None:
    """Clients, rate, file size, points, knots and errors in the README's table are those of the files."""
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if re.match(r"\| `[a-z0-9-]+` \| \d", line)]
    assert len(rows) == len(NAMES)
    for row in rows:
        name, clients, rate, size, tables, mean, p99, ks = (
            cell.strip(" `") for cell in row.strip("|").split("|")
        )
        pool = open_shipped(name)
        facts = pool.meta["fit"]
        errors = [found for field, found in facts["error"].items() if field != "population"]
        path = Path(servegen_fw_pools.__file__).parent / "data" / f"{name}.pool"
        assert int(clients) == len(pool.clients)
        assert float(rate.replace(",", "")) == pytest.approx(pool.rate, abs=0.5 if pool.rate > 100 else 0.05)
        assert size == f"{path.stat().st_size / 1000:.0f} kB"
        assert tables == f"{facts['recorded_points']:,} to {facts['knots']:,}"
        assert float(mean[3:-2]) / 100 >= max(found["mean_relative"] for found in errors)
        assert float(p99[3:-2]) / 100 >= max(found["p99_relative"] for found in errors)
        assert float(ks) == pytest.approx(max(found["ks_median"] for found in errors), abs=5e-5)


def test_shares_and_skew_of_the_release_are_in_the_shipped_pools() -> None:
    """Top client and top ten send the shares that the release's summary states, to one point."""
    for name, top1, top10 in (("deepseek-r1", 0.29, 0.68), ("mm-image", 0.14, 0.83), ("m-small", 0.30, 0.93)):
        count = open_shipped(name).count.sum(1)
        share = np.sort(count)[::-1] / count.sum()
        assert share[0] == pytest.approx(top1, abs=0.01)
        assert share[:10].sum() == pytest.approx(top10, abs=0.01)


def test_means_and_percentiles_of_the_release_are_in_the_shipped_pools() -> None:
    """Request-weighted means and 99 % points of lengths agree with the release's summary to 1.5 %."""
    stated = {
        ("deepseek-r1", "input_tokens"): (1268, 23423),
        ("deepseek-r1", "output_tokens"): (1527, 12607),
        ("mm-image", "input_tokens"): (572, 3064),
        ("mm-image", "output_tokens"): (130, 587),
    }
    rng = np.random.default_rng(9)
    for (name, field), (mean, p99) in stated.items():
        pool = open_shipped(name)
        requests = pool.table_requests
        who = rng.choice(requests.size, 2_000_000, p=(requests / requests.sum()).ravel())
        client, window = np.unravel_index(who, requests.shape)
        drawn = np.rint(
            pool.tables.ppf(pool.table[pool.fields.index(field), client, window], rng.random(len(who)))
        )
        assert drawn.mean() == pytest.approx(mean, rel=0.015), (name, field)
        assert np.quantile(drawn, 0.99) == pytest.approx(p99, rel=0.015), (name, field)
