"""Images, audio and video."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from scipy import stats

from servegen_fw.data.workload import Items
from servegen_fw.workload.items import Drawn, gather

IMAGES = ("text_tokens", "output_tokens", "image_count", "image_tokens")
MASSES = ({10.0: 1.0}, {5.0: 1.0}, {0.0: 0.3, 1.0: 0.5, 2.0: 0.2}, {252.0: 0.4, 1196.0: 0.6})


def drawn(count: list[int], tokens: list[int]) -> Drawn:
    """Return items without sizes."""
    zero = np.zeros(len(tokens), np.int32)
    return Drawn(np.array(count), np.array(tokens, np.int32), zero, zero, np.zeros(len(tokens)))


def test_modalities_are_put_together_request_by_request() -> None:
    """Items of a request stand together, in the order of the modalities."""
    items = gather([drawn([1, 0, 2], [10, 11, 12]), drawn([0, 1, 1], [20, 21])], 3, ("image", "audio"))
    assert items.offsets.tolist() == [0, 1, 2, 5]
    assert items.tokens.tolist() == [10, 20, 11, 12, 21]
    assert items.modality.tolist() == [0, 1, 0, 0, 1]
    assert items.request_tokens.tolist() == [10, 20, 44]


def test_no_modalities_give_no_items() -> None:
    """Requests of a text-only group have an empty table of the right length."""
    assert np.array_equal(gather([], 4, ()).offsets, Items.none(4).offsets)


def test_a_pools_items_have_its_masses(kit: Any) -> None:
    """Numbers of images and tokens of each have the pool's masses: chi-square, false alarm 1e-4 each."""
    w = kit.compose(
        kit.recorded(kit.pool(np.full((4, 10), 200), fields=IMAGES, masses=MASSES)), duration_s=6000
    )
    assert w.items.modalities == ("image",)
    assert stats.chisquare(np.bincount(w.items.count), [2400, 4000, 1600]).pvalue > 1e-4
    values, seen = np.unique(w.items.tokens, return_counts=True)
    assert values.tolist() == [252, 1196]
    assert stats.chisquare(seen, len(w.items) * np.array([0.4, 0.6])).pvalue > 1e-4


def test_items_stay_with_their_requests_when_thinned(kit: Any) -> None:
    """A request that is kept has the items it had in the whole recording."""
    pool = kit.pool(np.full((3, 6), 60), fields=IMAGES, masses=MASSES)
    whole = kit.compose(kit.recorded(pool), duration_s=3600)
    part = kit.compose(kit.recorded(pool), rate=0.3 * pool.rate, duration_s=3600)

    def by_id(w: Any) -> dict[tuple[int, int], list[int]]:
        offsets = w.items.offsets.tolist()
        return {
            (int(w.client[i]), int(w.session[i])): w.items.tokens[offsets[i] : offsets[i + 1]].tolist()
            for i in range(len(w))
        }

    assert 0.2 < len(part) / len(whole) < 0.4
    assert by_id(part).items() <= by_id(whole).items()


@pytest.mark.parametrize("session", [False, True])
def test_a_suites_modality_fills_its_columns(kit: Any, session: bool) -> None:
    """A model's columns arrive row by row, with sessions too."""
    options = {"session": kit.Made(kit.Geometric(3.0, 10.0))} if session else {}
    w = kit.compose(
        kit.synthetic(clients=2, modality=(kit.Made(kit.Pictures()),), **options), rate=5.0, duration_s=100
    )
    assert set(w.items.count.tolist()) == {1, 2, 3}
    assert np.array_equal(w.items.width, 2 * w.items.tokens)
    assert np.array_equal(w.items.height, 3 * w.items.tokens)


def test_a_suites_modality_replaces_the_pools(kit: Any) -> None:
    """A model of the same modality takes the place of the recorded items; another one joins them."""
    pool = kit.pool(np.full((1, 2), 50), fields=IMAGES, masses=MASSES)
    replaced = kit.compose(kit.recorded(pool, modality=(kit.Made(kit.Pictures()),)), duration_s=1200)
    assert not set(replaced.items.tokens.tolist()) & {252, 1196}
    joined = kit.compose(kit.recorded(pool, modality=(kit.Made(kit.Pictures("audio")),)), duration_s=1200)
    assert joined.items.modalities == ("image", "audio")
    assert set(joined.items.tokens[joined.items.modality == 0].tolist()) == {252, 1196}


def test_adding_a_modality_changes_no_other_column(kit: Any) -> None:
    """Arrivals, lengths and sessions stay as they were."""
    group = {"clients": 3, "session": kit.Made(kit.Geometric(2.0, 10.0))}
    plain = kit.compose(kit.synthetic(**group), rate=5.0, duration_s=100)
    more = kit.compose(kit.synthetic(**group, modality=(kit.Made(kit.Pictures()),)), rate=5.0, duration_s=100)
    for name in ("due_s", "client", "session", "turn", "think_s", "input_tokens", "output_tokens"):
        assert np.array_equal(getattr(plain, name), getattr(more, name), equal_nan=True), name


def test_groups_share_the_names_of_modalities(kit: Any) -> None:
    """Two groups with images have one modality, and a third with audio adds one."""
    w = kit.compose(
        kit.synthetic(modality=(kit.Made(kit.Pictures()),)),
        kit.synthetic(modality=(kit.Made(kit.Pictures("audio")), kit.Made(kit.Pictures()))),
        kit.synthetic(),
        rate=9.0,
        duration_s=60,
    )
    assert w.items.modalities == ("image", "audio")
    text_only = w.clients.group[w.client] == 2
    assert not w.items.count[text_only].any()
    assert np.all(w.items.count[~text_only] > 0)


@attrs.frozen
class OwnSize:
    """A modality whose clients have one size each; `size` 0 stands for all of them."""

    size: int = 0
    modality: str = "image"

    def for_client(self, rng: np.random.Generator) -> OwnSize:
        """Draw a client's size."""
        return OwnSize(int(rng.integers(1, 1_000_000)))

    def items(self, n: int, rng: np.random.Generator) -> np.ndarray:  # noqa: ARG002 - the contract's
        """One item each."""
        return np.ones(n, np.int32)

    def encode(self, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:  # noqa: ARG002 - the contract's
        """Return items of the client's size."""
        return {"tokens": np.full(count, self.size, np.int32)}


def sizes(kit: Any, rate: float = 20.0, **group: Any) -> dict[str, set[int]]:
    """Tokens of the items of each client, by name."""
    w = kit.compose(kit.synthetic(modality=(kit.Made(OwnSize()),), **group), rate=rate, duration_s=600)
    owner = w.client[np.repeat(np.arange(len(w)), w.items.count)]
    return {name: set(w.items.tokens[owner == i].tolist()) for i, name in enumerate(w.clients.names)}


def test_each_client_has_a_modality_of_its_own(kit: Any) -> None:
    """A client keeps what `for_client` returned over all blocks and running sessions; others have something else."""
    found = sizes(kit, clients=3, session=kit.Made(kit.Geometric(3.0, 100.0)))
    assert [len(own) for own in found.values()] == [1, 1, 1]
    assert len(set().union(*found.values())) == 3


def test_a_clients_modality_hangs_on_its_name_alone(kit: Any) -> None:
    """More clients and another rate leave what a client was given as it was."""
    few, many = sizes(kit, clients=2), sizes(kit, rate=70.0, clients=5)
    assert few.items() <= many.items()


def test_a_recordings_clients_have_a_modality_of_their_own(kit: Any) -> None:
    """Clients of a pool are asked for, too."""
    pool = kit.pool(np.full((3, 6), 60), fields=IMAGES, masses=MASSES)
    w = kit.compose(kit.recorded(pool, modality=(kit.Made(OwnSize()),)), duration_s=3600)
    for client in range(3):
        assert len(set(w.items.tokens[w.client == client].tolist())) == 1
    assert len(set(w.items.tokens.tolist())) == 3
