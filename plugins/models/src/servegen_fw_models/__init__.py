"""Arrivals, lengths, reasoning splits, conversations and modulations for servegen-fw."""

from __future__ import annotations

from servegen_fw.plugin import ArrivalEntry, hookimpl
from servegen_fw_models import options

_HERE = "servegen_fw_models"


@hookimpl
def servegen_arrivals() -> list[ArrivalEntry]:
    """Offer arrival processes, and the gap families by which client pools name a window's shape."""
    return [
        ArrivalEntry(
            name="constant",
            make=f"{_HERE}.regular:make_constant",
            summary="equal gaps, random phase",
        ),
        ArrivalEntry(
            name="poisson",
            make=f"{_HERE}.regular:make_poisson",
            family=f"{_HERE}.regular:PoissonFamily",
            summary="exponential gaps",
        ),
        ArrivalEntry(
            name="gamma",
            config=options.Gamma,
            make=f"{_HERE}.gamma:make",
            family=f"{_HERE}.gamma:GammaFamily",
            summary="gamma gaps of a given CV",
        ),
        ArrivalEntry(
            name="weibull",
            config=options.Weibull,
            make=f"{_HERE}.weibull:make",
            family=f"{_HERE}.weibull:WeibullFamily",
            summary="Weibull gaps of a given CV",
        ),
    ]
