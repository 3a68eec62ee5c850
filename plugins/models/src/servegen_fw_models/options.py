"""Options of the entries. Imported at start-up, so nothing here may import numpy or scipy."""

from __future__ import annotations

import attrs

from servegen_fw.plugin import setting


@attrs.frozen
class Gamma:
    """Options of gamma arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)


@attrs.frozen
class Weibull:
    """Options of Weibull arrivals."""

    cv: float = setting(doc="coefficient of variation of the gaps; 1 is Poisson", gt=0, le=100)
