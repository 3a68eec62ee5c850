"""Options of images, audio and video."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import Choice, setting

_TOKENS = "tokens of an item over all clients; each client draws its standard sizes from it"
_SHARE = "share of the requests that have any"
_SEVERAL = "share of these that have more than one"
_MEAN = "mean number of items where there is more than one; from 2 on, geometric"
_SIZES = "standard sizes of a client"
_OTHER = "share of items of no standard size, drawn from `tokens` one by one"


@attrs.frozen
class Image:
    """Options of images."""

    tokens: Choice = setting(doc=_TOKENS, kind="length")
    share: float = setting(1.0, doc=_SHARE, gt=0, le=1)
    several: float = setting(0.2, doc=_SEVERAL, ge=0, le=1)
    several_mean: float = setting(4.0, doc=_MEAN, ge=2, le=1_000)
    sizes: int = setting(4, doc=_SIZES, ge=1, le=1_000)
    other: float = setting(0.2, doc=_OTHER, ge=0, le=1)
    patch: int = setting(28, doc="pixels on each side of what becomes one token", ge=1, le=1_000)
    aspect: float = setting(16 / 9, doc="width as a multiple of the height", ge=0.05, le=20)


@attrs.frozen
class Audio:
    """Options of audio clips."""

    tokens: Choice = setting(doc=_TOKENS, kind="length")
    share: float = setting(1.0, doc=_SHARE, gt=0, le=1)
    several: float = setting(0.0, doc=_SEVERAL, ge=0, le=1)
    several_mean: float = setting(2.0, doc=_MEAN, ge=2, le=1_000)
    sizes: int = setting(4, doc=_SIZES, ge=1, le=1_000)
    other: float = setting(0.2, doc=_OTHER, ge=0, le=1)
    rate: float = setting(25.0, doc="tokens per second of sound", unit="1/s", gt=0, le=10_000)


@attrs.frozen
class Video:
    """Options of videos."""

    tokens: Choice = setting(doc=_TOKENS, kind="length")
    share: float = setting(1.0, doc=_SHARE, gt=0, le=1)
    several: float = setting(0.0, doc=_SEVERAL, ge=0, le=1)
    several_mean: float = setting(2.0, doc=_MEAN, ge=2, le=1_000)
    sizes: int = setting(4, doc=_SIZES, ge=1, le=1_000)
    other: float = setting(0.2, doc=_OTHER, ge=0, le=1)
    patch: int = setting(28, doc="pixels on each side of what becomes one token", ge=1, le=1_000)
    width: int = setting(448, doc="width in pixels as encoded", ge=1, le=100_000)
    height: int = setting(252, doc="height in pixels as encoded", ge=1, le=100_000)
    rate: float = setting(1.0, doc="encoded frames per second of film", unit="1/s", gt=0, le=1_000)

    def __attrs_post_init__(self) -> None:
        frame = -(-self.width // self.patch) * -(-self.height // self.patch)
        if frame > 1_000_000:
            raise ValueError(f"a frame has {frame:,} tokens; give a larger patch or a smaller frame")
