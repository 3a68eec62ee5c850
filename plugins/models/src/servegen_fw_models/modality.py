"""Images, audio clips and videos whose sizes cluster at a few standard ones of each client."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from numpy.random import Generator

    from servegen_fw.plugin import Lengths
    from servegen_fw_models import options

F8: TypeAlias = npt.NDArray[np.float64]
I4: TypeAlias = npt.NDArray[np.int32]

Shape: TypeAlias = Callable[[F8], Mapping[str, Any]]
"""Columns of items from their drawn tokens; what they are rounded to follows from it."""

LARGEST = 2.0**30


@attrs.frozen(eq=False)
class StandardSizes:
    """Items of one modality; a `ModalityPerClient`.

    A client's items have its standard sizes, but for a share `other` of them. How often it uses each of its sizes is
    drawn too (uniform over all shares, a flat Dirichlet law). Over many clients items have the law `tokens`.

    Attributes
    ----------
        modality: name.
        tokens: law of the tokens of items over all clients.
        shape: from tokens to columns.
        share: of requests that have items.
        several: of these that have more than one.
        several_mean: mean number of items of those; 2 plus a geometric number.
        sizes: number of standard sizes of a client.
        other: share of items of no standard size.
        standard: float64[sizes]; a client's standard sizes in tokens, None for all clients together.
        reach: float64[sizes]; running sum of how often each is used.
    """

    modality: str
    tokens: Lengths
    shape: Shape
    share: float
    several: float
    several_mean: float
    sizes: int
    other: float
    standard: F8 | None = None
    reach: F8 | None = None

    def for_client(self, rng: Generator) -> StandardSizes:
        """Draw a client's standard sizes and how often it uses each."""
        standard = np.asarray(self.tokens.ppf(rng.random(self.sizes)), np.float64)
        reach = np.cumsum(rng.standard_exponential(self.sizes))
        return attrs.evolve(self, standard=standard, reach=reach / reach[-1])

    def items(self, n: int, rng: Generator) -> I4:
        """Items in each of n requests, int32[n]."""
        some, more = rng.random((2, n))
        extra = 1 + rng.geometric(1.0 / (self.several_mean - 1.0), n)
        count = np.where(more < self.several, extra, 1)
        return np.where(some < self.share, count, 0).astype(np.int32)

    def encode(self, count: int, rng: Generator) -> Mapping[str, Any]:
        """Columns of `count` items, as far as they apply to the modality."""
        own, use = rng.random((2, count))
        drawn = np.asarray(self.tokens.ppf(rng.random(count)), np.float64)
        if self.standard is not None and self.reach is not None:
            at = np.minimum(np.searchsorted(self.reach, use, side="right"), self.sizes - 1)
            drawn = np.where(own < self.other, drawn, self.standard[at])
        return self.shape(np.clip(drawn, 1.0, LARGEST))


def make_image(config: options.Image) -> StandardSizes:
    """Images: a grid of patches, one token each, of about the aspect asked for; tokens are rounded to such a grid."""

    def shape(tokens: F8) -> Mapping[str, Any]:
        rows = np.clip(np.rint(np.sqrt(tokens / config.aspect)), 1.0, np.rint(tokens))
        columns = np.maximum(np.rint(tokens / rows), 1.0)
        return {
            "tokens": (rows * columns).astype(np.int32),
            "width": (columns * config.patch).astype(np.int32),
            "height": (rows * config.patch).astype(np.int32),
        }

    return _of("image", config, shape)


def make_audio(config: options.Audio) -> StandardSizes:
    """Audio clips: whole tokens at a fixed rate."""

    def shape(tokens: F8) -> Mapping[str, Any]:
        whole = np.rint(tokens)
        return {"tokens": whole.astype(np.int32), "seconds": whole / config.rate}

    return _of("audio", config, shape)


def make_video(config: options.Video) -> StandardSizes:
    """Videos: whole frames of one size at a fixed rate, a grid of patches each; tokens are rounded to whole frames."""
    grid = math.ceil(config.width / config.patch) * math.ceil(config.height / config.patch)

    def shape(tokens: F8) -> Mapping[str, Any]:
        frames = np.maximum(np.rint(tokens / grid), 1.0)
        return {
            "tokens": (frames * grid).astype(np.int32),
            "width": np.full(len(tokens), config.width, np.int32),
            "height": np.full(len(tokens), config.height, np.int32),
            "seconds": frames / config.rate,
        }

    return _of("video", config, shape)


def _of(modality: str, config: options.Image | options.Audio | options.Video, shape: Shape) -> StandardSizes:
    return StandardSizes(
        modality,
        config.tokens.make(),
        shape,
        config.share,
        config.several,
        config.several_mean,
        config.sizes,
        config.other,
    )
