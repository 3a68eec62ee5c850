"""Several pools in one."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np
import pytest
from servegen_fw_pools.pool.merge import merged
from servegen_fw_pools.pool.parts import clients_of
from servegen_fw_pools.shipped import open_shipped

from servegen_fw import Suite, plan
from servegen_fw.plugin import ClientPool, InputError, save_pool


def test_pools_of_one_grid_are_put_together(small: ClientPool) -> None:
    """Every client keeps its counts and tables; an id that both have gets the pool's name in front."""
    one, two = (
        clients_of(small, np.array([0, 1])),
        attrs.evolve(clients_of(small, np.array([1, 2])), name="other"),
    )
    both = merged([one, two])
    assert both.clients == ("a", "small/b", "other/b", "c")
    np.testing.assert_array_equal(both.count, small.count[[0, 1, 1, 2]])
    np.testing.assert_array_equal(both.cv, small.cv[[0, 1, 1, 2]])
    np.testing.assert_array_equal(both.family, small.family[[0, 1, 1, 2]])
    assert both.rank.tolist() == [[0.1, 0.2, 0.2, 0.3]]
    assert both.name == "small+other"
    for row, old in enumerate([0, 1, 1, 2]):
        for field in (0, 1):
            ours = both.tables.ppf(both.table[field, row], np.full(2, 0.25))
            np.testing.assert_allclose(ours, small.tables.ppf(small.table[field, old], np.full(2, 0.25)))


def test_other_windows_are_brought_onto_the_first_pools(small: ClientPool) -> None:
    """Windows of 900 s: counts per client are kept, split in proportion; the time is what both cover."""
    wide = attrs.evolve(
        small,
        name="wide",
        clients=("x", "y", "z"),
        window_s=900.0,
        start_s=36_300.0,
        count=small.count[:, :6],
        cv=small.cv[:, :6],
        family=small.family[:, :6],
    )
    both = merged([small, wide])
    assert both.window_s == 600
    # Common to both: 36,300 to 41,700 s; whole windows of the first pool: 36,600 to 41,400 s.
    assert both.start_s == 36_600
    assert both.count.shape == (6, 8)
    np.testing.assert_array_equal(both.count[:3], small.count[:, 1:9])
    # From 36,600 to 41,400 s: two thirds of the first window, four whole ones, two thirds of the sixth.
    expected = small.count[:, 1:5].sum(1) + (small.count[:, 0] + small.count[:, 5]) * 2 / 3
    np.testing.assert_allclose(both.count[3:].sum(1), expected)
    active = both.count > 0
    assert np.array_equal(active, both.family >= 0)
    assert (both.cv[active] > 0).all()
    assert not both.cv[~active].any()


def test_pools_without_a_common_time_need_from_start(small: ClientPool) -> None:
    """An afternoon and a night say how to merge them; from their starts they are merged."""
    night = attrs.evolve(small, name="night", start_s=0.0)
    with pytest.raises(InputError, match="no window in common") as caught:
        merged([small, night])
    assert "--from-start" in str(caught.value)
    assert merged([small, night], from_start=True).count.shape == (6, 12)


def test_what_one_pool_lacks_is_none_of_it(tmp_path: Path) -> None:
    """mm-image and deepseek-r1 together: the clients of each have the images and the reasoning of their own pool only."""
    pools = [open_shipped("mm-image"), open_shipped("deepseek-r1")]
    both = merged(pools)
    assert both.rate == pytest.approx(sum(pool.rate for pool in pools), rel=1e-9)
    assert both.modalities == ("image",)
    save_pool(both, tmp_path / "both.pool")
    suite = Suite.parse(
        f"""
        servegen = 1
        name = "both"
        target.sim.backend = "sim"
        [[workload.group]]
        source = {{ kind = "pool", path = "{tmp_path / "both.pool"}" }}
        [[case]]
        name = "all"
        load = {{ kind = "open", duration = "10min" }}
        """
    )
    (planned,) = plan(suite)
    workload = planned.workload
    of_images = np.array(
        [name in pools[0].clients or name.startswith("mm-image/") for name in workload.clients.names]
    )
    images = of_images[workload.client]
    assert workload.items.count[images].sum() > 0
    assert workload.items.count[~images].sum() == 0
    assert workload.reason_tokens[~images].sum() > 0
    assert workload.reason_tokens[images].sum() == 0


def test_step_tables_are_merged_with_linear_ones(mm_image: ClientPool) -> None:
    """The published data as it is and the shipped fit of it: both halves draw the same images."""
    both = merged([mm_image, open_shipped("mm-image")])
    assert both.tables.linear
    n = len(mm_image.clients)
    field = both.fields.index("image_tokens")
    client = int(np.argmax(mm_image.count.sum(1)))
    u = (np.arange(4000) + 0.5) / 4000
    ours, theirs = (np.rint(both.tables.ppf(both.table[field, row, 0], u)) for row in (client, client + n))
    assert abs(ours.mean() / theirs.mean() - 1) < 0.01
    step = mm_image.tables.ppf(mm_image.table[field, client, 0], u)
    assert np.mean(ours == step) > 0.999


def test_classes_keep_their_sizes(small: ClientPool) -> None:
    """Under their new names."""
    one = attrs.evolve(small, meta={"fit": {"classes": {"c": {"clients": 9, "requests": 5}}}})
    both = merged([one, attrs.evolve(small, name="other")])
    assert both.meta["fit"]["classes"] == {"small/c": {"clients": 9, "requests": 5}}


def test_sessions_merge_with_requests(small: ClientPool, chat: ClientPool) -> None:
    """Clients without conversations have sessions of one turn; carried context must agree where both have sessions."""
    both = merged([chat, attrs.evolve(small, clients=("x", "y", "z"))])
    assert both.carries_context
    assert both.requests[3:].sum() == pytest.approx(small.count.sum())
    assert both.requests[:3].sum() == pytest.approx(2 * chat.count.sum())
    with pytest.raises(InputError, match="repeat the earlier ones in one pool and not in the other"):
        merged([chat, attrs.evolve(chat, name="alone", carries_context=False)])


def test_one_pool_is_no_merge(small: ClientPool) -> None:
    """Two are needed."""
    with pytest.raises(InputError, match="needs two pools"):
        merged([small])


def test_three_pools_are_merged(small: ClientPool) -> None:
    """Three pools at once keep the total rate over the common time."""
    three = merged([small, attrs.evolve(small, name="two"), attrs.evolve(small, name="three")])
    assert three.rate == pytest.approx(3 * small.rate)
    assert len(set(three.clients)) == 9
