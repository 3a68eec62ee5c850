"""Options of the entries, one module a kind. Imported at start-up, so nothing here may import numpy or scipy."""

from servegen_fw_models.options.arrivals import EmpiricalGaps, Gamma, Hawkes, Weibull
from servegen_fw_models.options.conversations import Geometric, LogNormalTurns, ToolCalls
from servegen_fw_models.options.lengths import (
    Empirical,
    Exponential,
    Fixed,
    GammaLength,
    LogNormal,
    Mixture,
    Pareto,
    ParetoLogNormal,
    Uniform,
    WeibullLength,
    Zipf,
)
from servegen_fw_models.options.modalities import Audio, Image, Video
from servegen_fw_models.options.modulations import Diurnal, Mmpp2, OnOff, Piecewise
from servegen_fw_models.options.reasoning import Bimodal, Correlated, Ratio

__all__ = [
    "Audio",
    "Bimodal",
    "Correlated",
    "Diurnal",
    "Empirical",
    "EmpiricalGaps",
    "Exponential",
    "Fixed",
    "Gamma",
    "GammaLength",
    "Geometric",
    "Hawkes",
    "Image",
    "LogNormal",
    "LogNormalTurns",
    "Mixture",
    "Mmpp2",
    "OnOff",
    "Pareto",
    "ParetoLogNormal",
    "Piecewise",
    "Ratio",
    "ToolCalls",
    "Uniform",
    "Video",
    "Weibull",
    "WeibullLength",
    "Zipf",
]
