"""Options of splits into reasoning and answer."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import Choice, setting
from servegen_fw_models.options.checks import check_modes, check_weights

_LOW, _HIGH, _WEIGHT, _SPREAD = 0.35, 0.92, 0.4, 0.05
_LOW_DOC = "lower mode of the share of the output that is reasoning"
_WEIGHT_DOC = "share of the requests at the lower mode"
_SPREAD_DOC = "standard deviation around each mode, of a normal law cut to [0, 1]"


@attrs.frozen
class Ratio:
    """Options of the reasoning split by a probability mass function."""

    values: tuple[float, ...] = setting(doc="shares of the output that are reasoning", ge=0, le=1)
    weights: tuple[float, ...] = setting((), doc="relative frequency of each share; default equal", ge=0)

    def __attrs_post_init__(self) -> None:
        check_weights(self.values, self.weights)


@attrs.frozen
class Bimodal:
    """Options of the reasoning split with two modes."""

    low: float = setting(_LOW, doc=_LOW_DOC, ge=0, le=1)
    high: float = setting(_HIGH, doc="upper mode", ge=0, le=1)
    weight: float = setting(_WEIGHT, doc=_WEIGHT_DOC, ge=0, le=1)
    spread: float = setting(_SPREAD, doc=_SPREAD_DOC, ge=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_modes(self.low, self.high)


@attrs.frozen
class Correlated:
    """Options of the reasoning split with two modes and correlated parts."""

    correlation: float = setting(doc="Spearman rank correlation of reasoning and answer tokens", gt=-1, lt=1)
    output: Choice = setting(
        doc="law of the outputs, the group's own; what is to be reached depends on it", kind="length"
    )
    low: float = setting(_LOW, doc=_LOW_DOC, ge=0, le=1)
    high: float = setting(_HIGH, doc="upper mode", ge=0, le=1)
    weight: float = setting(_WEIGHT, doc=_WEIGHT_DOC, ge=0, le=1)
    spread: float = setting(_SPREAD, doc=_SPREAD_DOC, ge=0, le=1)

    def __attrs_post_init__(self) -> None:
        check_modes(self.low, self.high)
