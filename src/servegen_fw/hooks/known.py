"""Which first-party distribution offers which name, for the message that tells what to install; kept true by a test."""

from __future__ import annotations

from typing import Final

KNOWN: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "servegen-fw-models": {
        "arrival": ("constant", "empirical", "gamma", "hawkes", "poisson", "weibull"),
        "conversation": ("geometric", "lognormal", "single", "tool-calls"),
        "length": (
            *(
                "empirical",
                "exponential",
                "fixed",
                "gamma",
                "lognormal",
                "mixture",
                "pareto",
                "pareto-lognormal",
            ),
            *("uniform", "weibull", "zipf"),
        ),
        "modality": ("audio", "image", "video"),
        "modulation": ("diurnal", "mmpp-2", "on-off", "piecewise"),
        "reasoning": ("bimodal", "correlated", "ratio"),
    },
    "servegen-fw-pools": {
        "command": ("characterize", "fit", "pool"),
        "reader": (
            "azure",
            "bailian",
            "burstgpt",
            "csv",
            "jsonl",
            "mooncake",
            "parquet",
            "pool",
            "profile",
            "servegen-data",
        ),
    },
    "servegen-fw-prompts": {"prompt": ("random-tokens", "random-words")},
    "servegen-fw-sim": {"backend": ("sim",)},
    "servegen-fw-vllm": {"backend": ("vllm",)},
}
"""distribution -> kind -> names."""


def distribution_for(kind: str, name: str) -> str:
    """Return the first-party distribution that offers `name`, or "" if none is known to."""
    for distribution, kinds in KNOWN.items():
        if name in kinds.get(kind, ()):
            return distribution
    return ""
