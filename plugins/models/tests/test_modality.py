"""Images, audio clips and videos.

Statistical tests run on fixed seeds; over seeds each case fails by chance with probability below 1e-5.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servegen_fw_models import lengths, options
from servegen_fw_models.modality import StandardSizes, make_audio, make_image, make_video

from servegen_fw.plugin import Choice, LengthEntry

ENTRY = LengthEntry(name="made", config=options.LogNormal, make=lengths.make_lognormal)
TOKENS = Choice(ENTRY, options.LogNormal(median=400, sigma=1.0, max=16_000))
MAKERS: dict[str, Any] = {
    "image": lambda **more: make_image(options.Image(tokens=TOKENS, **more)),
    "audio": lambda **more: make_audio(options.Audio(tokens=TOKENS, **more)),
    "video": lambda **more: make_video(options.Video(tokens=TOKENS, **more)),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_a_client_has_its_few_standard_sizes(kind: str) -> None:
    """Without others, a client's items have at most `sizes` sizes, the same in every block; two clients differ."""
    rng = np.random.default_rng(121)
    one, other = (MAKERS[kind](sizes=3, other=0.0).for_client(rng) for _ in range(2))
    first, again = (set(one.encode(2_000, rng)["tokens"].tolist()) for _ in range(2))
    assert len(first) <= 3
    assert again <= first or first <= again
    assert first != set(other.encode(2_000, rng)["tokens"].tolist())


@pytest.mark.parametrize("kind", MAKERS)
def test_over_many_clients_items_have_the_law_of_tokens(kind: str) -> None:
    """The mean logarithm over 3,000 clients is that of the population within 4.5 standard errors and the rounding."""
    rng = np.random.default_rng(122)
    product = MAKERS[kind](**({"width": 28, "height": 28} if kind == "video" else {}))
    logs = [np.log(product.for_client(rng).encode(20, rng)["tokens"]).mean() for _ in range(3_000)]
    expected = np.log(TOKENS.make().ppf((np.arange(100_000) + 0.5) / 100_000)).mean()
    assert abs(np.mean(logs) - expected) < 4.5 * np.std(logs) / math.sqrt(len(logs)) + 0.002


def test_the_share_of_other_sizes_is_the_one_stated() -> None:
    """With a share of 0.3, 30 % of a client's clips have a size seen once, within 4.5 standard errors."""
    rng = np.random.default_rng(123)
    spread = Choice(
        LengthEntry(name="made", config=options.Uniform, make=lengths.make_uniform),
        options.Uniform(low=1, high=1e9),
    )
    client = make_audio(options.Audio(tokens=spread, other=0.3, sizes=2)).for_client(rng)
    _, seen = np.unique(client.encode(10_000, rng)["tokens"], return_counts=True)
    assert abs((seen[seen < 5]).sum() / 10_000 - 0.3) < 4.5 * math.sqrt(0.21 / 10_000)


@pytest.mark.parametrize("kind", MAKERS)
def test_numbers_of_items_follow_their_options(kind: str) -> None:
    """Shares with any and with several, and the mean of several, within 4.5 standard errors of 40,000 requests."""
    product = MAKERS[kind](share=0.6, several=0.25, several_mean=4.0)
    count = product.items(40_000, np.random.default_rng(124))
    assert count.dtype == np.int32
    some, several = count[count > 0], count[count > 1]
    assert abs(len(some) / len(count) - 0.6) < 4.5 * math.sqrt(0.24 / len(count))
    assert abs(len(several) / len(some) - 0.25) < 4.5 * math.sqrt(0.1875 / len(some))
    assert several.min() == 2
    assert abs(several.mean() - 4) < 4.5 * several.std() / math.sqrt(len(several))


def test_the_defaults_are_the_released_image_requests() -> None:
    """1.60 images a request, 20 % with more than one: the released image workload has 1.595 and 19.7 %."""
    count = MAKERS["image"]().items(100_000, np.random.default_rng(125))
    assert count.mean() == pytest.approx(1.6, abs=0.03)
    assert (count > 1).mean() == pytest.approx(0.2, abs=0.006)
    assert count.min() == 1
    for kind in ("audio", "video"):
        assert set(MAKERS[kind]().items(1_000, np.random.default_rng(126)).tolist()) == {1}


@given(st.floats(1, 1e6), st.floats(0.05, 20), st.integers(1, 100), st.integers(0, 2**32))
def test_any_image_s_pixels_hold_its_tokens(size: float, aspect: float, patch: int, seed: int) -> None:
    """Width times height is tokens times patch squared, tokens are near those drawn, the aspect near the one stated."""
    tokens = Choice(
        LengthEntry(name="made", config=options.Fixed, make=lengths.make_fixed), options.Fixed(value=size)
    )
    product = make_image(options.Image(tokens=tokens, aspect=aspect, patch=patch))
    found = product.encode(3, np.random.default_rng(seed))
    for name in ("tokens", "width", "height"):
        assert found[name].dtype == np.int32
    wide, high = found["width"].astype(np.int64), found["height"].astype(np.int64)
    assert (wide * high == found["tokens"] * np.int64(patch) ** 2).all()
    # Rows are whole: rounding the columns moves tokens by half a row's worth at most.
    assert abs(found["tokens"][0] - size) <= high[0] / patch / 2 + 0.5
    if size > 400 * max(aspect, 1 / aspect):
        assert wide[0] / high[0] == pytest.approx(aspect, rel=0.1)


def test_released_standard_sizes_are_16_to_9_images() -> None:
    """1196 tokens are 1288 x 728 pixels, what 1280 x 720 is rounded to in patches of 28, and 252 are 588 x 336."""
    for size, wide, high in ((1196, 1288, 728), (252, 588, 336)):
        tokens = Choice(
            LengthEntry(name="made", config=options.Fixed, make=lengths.make_fixed), options.Fixed(value=size)
        )
        found = make_image(options.Image(tokens=tokens)).encode(1, np.random.default_rng(127))
        assert [int(found[name][0]) for name in ("tokens", "width", "height")] == [size, wide, high]


@given(st.floats(0.1, 1e4), st.integers(0, 2**32))
@settings(max_examples=30)
def test_any_clip_s_seconds_are_its_tokens_over_the_rate(rate: float, seed: int) -> None:
    """Seconds times the rate are the tokens, which are whole and at least 1."""
    rng = np.random.default_rng(seed)
    found = make_audio(options.Audio(tokens=TOKENS, rate=rate)).for_client(rng).encode(50, rng)
    assert found["tokens"].min() >= 1
    np.testing.assert_allclose(found["seconds"] * rate, found["tokens"])


@given(st.integers(1, 2_000), st.integers(1, 2_000), st.floats(0.1, 60), st.integers(0, 2**32))
@settings(max_examples=30)
def test_any_video_is_whole_frames(width: int, height: int, rate: float, seed: int) -> None:
    """Tokens are frames times the patches of one, seconds are frames over their rate, and pixels are those stated."""
    rng = np.random.default_rng(seed)
    config = options.Video(tokens=TOKENS, width=width, height=height, rate=rate)
    found = make_video(config).for_client(rng).encode(50, rng)
    frame = math.ceil(width / 28) * math.ceil(height / 28)
    frames = found["tokens"] / frame
    assert (frames == np.rint(frames)).all()
    assert frames.min() >= 1
    np.testing.assert_allclose(found["seconds"] * rate, frames)
    assert set(found["width"].tolist()) == {width}
    assert set(found["height"].tolist()) == {height}


def test_without_a_client_items_have_the_law_of_tokens() -> None:
    """The product itself, for no client in particular, draws every item from the population."""
    product = MAKERS["audio"](other=0.0)
    assert isinstance(product, StandardSizes)
    found = product.encode(5_000, np.random.default_rng(128))["tokens"]
    assert len(set(found.tolist())) > 1_000


def test_no_items_are_no_rows() -> None:
    """Zero items give empty columns."""
    for make in MAKERS.values():
        client = make().for_client(np.random.default_rng(129))
        assert all(len(column) == 0 for column in client.encode(0, np.random.default_rng(130)).values())
