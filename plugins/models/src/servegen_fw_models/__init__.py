"""Arrivals, lengths, reasoning splits, conversations and modulations for servegen-fw."""

from __future__ import annotations

from servegen_fw.plugin import (
    ArrivalEntry,
    ConversationEntry,
    LengthEntry,
    ModulationEntry,
    ReasoningEntry,
    hookimpl,
)
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


@hookimpl
def servegen_modulations() -> list[ModulationEntry]:
    """Offer rate modulations."""
    return [
        ModulationEntry(
            name="on-off",
            config=options.OnOff,
            make=f"{_HERE}.modulation:make",
            summary="random busy and quiet periods, exponential, mean level 1",
        )
    ]


@hookimpl
def servegen_lengths() -> list[LengthEntry]:
    """Offer distributions of token counts and times."""
    return [
        LengthEntry(
            name="fixed",
            config=options.Fixed,
            make=f"{_HERE}.lengths:make_fixed",
            summary="always one value",
        ),
        LengthEntry(
            name="uniform",
            config=options.Uniform,
            make=f"{_HERE}.lengths:make_uniform",
            summary="uniform between two values",
        ),
        LengthEntry(
            name="exponential",
            config=options.Exponential,
            make=f"{_HERE}.lengths:make_exponential",
            summary="exponential, optionally cut",
        ),
        LengthEntry(
            name="lognormal",
            config=options.LogNormal,
            make=f"{_HERE}.lengths:make_lognormal",
            summary="log-normal, optionally cut",
        ),
        LengthEntry(
            name="pareto-lognormal",
            config=options.ParetoLogNormal,
            make=f"{_HERE}.pareto_lognormal:make",
            summary="log-normal body joined smoothly to a Pareto tail, optionally cut",
        ),
        LengthEntry(
            name="empirical",
            config=options.Empirical,
            make=f"{_HERE}.empirical:make",
            summary="given values with weights, inline or from a CSV file",
        ),
    ]


@hookimpl
def servegen_reasoning() -> list[ReasoningEntry]:
    """Offer splits of outputs into reasoning and answer."""
    return [
        ReasoningEntry(
            name="ratio",
            config=options.Ratio,
            make=f"{_HERE}.reasoning:make_ratio",
            summary="share of reasoning by a probability mass function",
        ),
        ReasoningEntry(
            name="bimodal",
            config=options.Bimodal,
            make=f"{_HERE}.reasoning:make_bimodal",
            summary="share of reasoning around two modes",
        ),
    ]


@hookimpl
def servegen_conversations() -> list[ConversationEntry]:
    """Offer conversations."""
    return [
        ConversationEntry(
            name="single",
            make=f"{_HERE}.conversation:make_single",
            summary="one turn a session",
        ),
        ConversationEntry(
            name="geometric",
            config=options.Geometric,
            make=f"{_HERE}.conversation:make_geometric",
            summary="geometric number of turns with think times",
        ),
    ]
