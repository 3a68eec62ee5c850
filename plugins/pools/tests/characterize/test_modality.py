"""Images, audio and video: items, standard sizes, clients and shares of the input."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from servegen_fw_pools.characterize.modal_items import modals_of_log, standard_sizes
from servegen_fw_pools.characterize.modality import section_of
from servegen_fw_pools.characterize.sample import of_column
from servegen_fw_pools.characterize.section import Section
from servegen_fw_pools.logs.log import Log
from servegen_fw_pools.shipped import open_shipped

from servegen_fw.plugin import ClientPool, Items

Finite = Callable[[Section], None]


def items_log(n: int = 2000) -> Log:
    """Requests with 0 to 3 items: client a's images have 100 or 1,196 tokens, client b's audio any size below 900."""
    rng = np.random.default_rng(1)
    count = rng.integers(0, 4, n)
    offsets = np.concatenate(([0], np.cumsum(count)))
    client = (np.arange(n) % 2).astype(np.int32)
    owner = np.repeat(client, count)
    m = len(owner)
    tokens = np.where(owner == 0, rng.choice([100, 1196], m, p=[0.3, 0.7]), rng.integers(1, 900, m))
    items = Items(
        offsets,
        owner.astype(np.int16),
        tokens.astype(np.int32),
        *np.zeros((2, m), np.int32),
        np.zeros(m),
        ("image", "audio"),
    )
    lengths = rng.integers(0, 50, n).astype(np.int32)
    return Log(
        name="made",
        input_tokens=lengths,
        output_tokens=lengths,
        time_s=np.arange(n) * 1.0,
        client=client,
        clients=("a", "b"),
        items=items,
    )


def test_mm_image(mm_image: ClientPool, finite: Finite) -> None:
    """Published mm-image data: 1.59 images a request, 19.6 % with several, peaks at 1196 and 252, 60 % of the input."""
    # The shipped pool tells the same.
    for pool in (mm_image, open_shipped("mm-image")):
        section = section_of(pool)
        finite(section)
        image = section.figures["image"]
        assert image["items_per_request"].value == pytest.approx(1.59, abs=0.005)
        assert image["requests_with_several"].value == pytest.approx(0.196, abs=0.001)
        sizes = [each["tokens"] for each in image["standard_sizes"]]
        assert {1196, 252} <= set(sizes[:3])
        assert section.figures["input_share"]["image"]["share"] == pytest.approx(0.60, abs=0.005)
        assert image["clients"]["effective_sizes"]["p50"] < image["effective_sizes"] / 2
        assert not section.cannot


def test_items_of_a_log_are_counted(finite: Finite) -> None:
    """Items per request, several, sizes and shares are those of the rows; each client's own sizes are told apart."""
    log = items_log()
    section = section_of(log)
    finite(section)
    assert log.items is not None
    image, audio = section.figures["image"], section.figures["audio"]
    per_request = log.items.count * (np.arange(2000) % 2 == 0)
    assert image["items_per_request"].value == pytest.approx(per_request.mean())
    assert image["requests_with_any"].value == pytest.approx((per_request > 0).mean())
    assert image["requests_with_several"].value == pytest.approx((per_request > 1).mean())
    assert [each["tokens"] for each in image["standard_sizes"]] == [1196, 100]
    assert not audio["standard_sizes"]
    share = section.figures["input_share"]
    total = log.items.tokens.sum() + log.input_tokens.sum()
    assert share["audio"]["share"] == pytest.approx(log.items.tokens[log.items.modality == 1].sum() / total)
    assert sum(share["input_tokens"]) == total
    images = modals_of_log(log)[0].clients
    assert images is not None
    assert images.largest == pytest.approx([0.7], abs=0.03)
    assert images.sizes == pytest.approx([1 / (0.7**2 + 0.3**2)], rel=0.05)


def test_standard_sizes_are_spikes() -> None:
    """A spike on a smooth ground is standard, the ground is not, nor a spike of less than 1 %."""
    ground = np.random.default_rng(2).integers(200, 1200, 20_000)
    sizes = of_column(np.concatenate((ground, np.full(1500, 777), np.full(150, 333))))
    assert standard_sizes(sizes) == [(777, pytest.approx(1500 / 21_650, abs=0.002))]


def test_what_is_not_told(azure: Log, deepseek: ClientPool) -> None:
    """Without items, with empty ones, and for a pool of text there is one reason and no figures."""
    empty = attrs.evolve(azure, items=Items.none(len(azure)))
    for source in (azure, empty, deepseek):
        section = section_of(source)
        assert (section.figures, section.lines) == ({}, ())
        assert len(section.cannot) == 1
    without = section_of(attrs.evolve(items_log(), client=None, time_s=None))
    assert len(without.cannot) == 2


def test_one_request_with_one_image(finite: Finite) -> None:
    """The smallest log of all has a section without NaN."""
    items = Items(
        np.array([0, 1]),
        np.zeros(1, np.int16),
        np.array([252], np.int32),
        *np.zeros((2, 1), np.int32),
        np.zeros(1),
        ("image",),
    )
    one = np.zeros(1, np.int32)
    section = section_of(
        Log(name="one", input_tokens=one, output_tokens=one, time_s=np.zeros(1), items=items)
    )
    finite(section)
    assert section.figures["input_share"]["image"]["share"] == 1.0
