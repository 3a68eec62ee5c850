"""Arrivals, modulations, lengths, modalities, reasoning splits and conversations for servegen-fw."""

from __future__ import annotations

from servegen_fw.plugin import (
    ArrivalEntry,
    ConversationEntry,
    LengthEntry,
    ModalityEntry,
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
        ArrivalEntry(
            name="empirical",
            config=options.EmpiricalGaps,
            make=f"{_HERE}.gaps:make",
            summary="independent gaps from given values, inline or from a CSV file",
        ),
        ArrivalEntry(
            name="hawkes",
            config=options.Hawkes,
            make=f"{_HERE}.hawkes:make",
            summary="arrivals that bring about arrivals, with a memory in seconds",
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
        ),
        ModulationEntry(
            name="mmpp-2",
            config=options.Mmpp2,
            make=f"{_HERE}.modulation:make_mmpp",
            summary="two-state Markov chain of rates, mean level 1",
        ),
        ModulationEntry(
            name="diurnal",
            config=options.Diurnal,
            make=f"{_HERE}.periodic:make_diurnal",
            summary="smooth curve of the day, mean level 1 over a day",
        ),
        ModulationEntry(
            name="piecewise",
            config=options.Piecewise,
            make=f"{_HERE}.periodic:make_piecewise",
            summary="repeated curve through given points, mean level 1 over a period",
        ),
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
            name="gamma",
            config=options.GammaLength,
            make=f"{_HERE}.lengths:make_gamma",
            summary="gamma, optionally cut",
        ),
        LengthEntry(
            name="weibull",
            config=options.WeibullLength,
            make=f"{_HERE}.lengths:make_weibull",
            summary="Weibull, optionally cut",
        ),
        LengthEntry(
            name="pareto",
            config=options.Pareto,
            make=f"{_HERE}.lengths:make_pareto",
            summary="Pareto, optionally cut",
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
        LengthEntry(
            name="zipf",
            config=options.Zipf,
            make=f"{_HERE}.empirical:make_zipf",
            summary="whole numbers from 1 to a maximum by Zipf's law",
        ),
        LengthEntry(
            name="mixture",
            config=options.Mixture,
            make=f"{_HERE}.mixture:make",
            summary="several lengths in given shares",
        ),
    ]


@hookimpl
def servegen_modalities() -> list[ModalityEntry]:
    """Offer images, audio and video."""
    return [
        ModalityEntry(
            name="image",
            config=options.Image,
            make=f"{_HERE}.modality:make_image",
            summary="images, each client with standard sizes of its own",
        ),
        ModalityEntry(
            name="audio",
            config=options.Audio,
            make=f"{_HERE}.modality:make_audio",
            summary="audio clips, each client with standard lengths of its own",
        ),
        ModalityEntry(
            name="video",
            config=options.Video,
            make=f"{_HERE}.modality:make_video",
            summary="videos, each client with standard lengths of its own",
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
        ReasoningEntry(
            name="correlated",
            config=options.Correlated,
            make=f"{_HERE}.correlated:make",
            summary="share around two modes, reasoning and answer of a given rank correlation",
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
        ConversationEntry(
            name="lognormal",
            config=options.LogNormalTurns,
            make=f"{_HERE}.turns:make_lognormal",
            summary="log-normal number of turns, think times with a long tail",
        ),
        ConversationEntry(
            name="tool-calls",
            config=options.ToolCalls,
            make=f"{_HERE}.turns:make_tool_calls",
            summary="users' turns, each followed by a burst of tool calls",
        ),
    ]
